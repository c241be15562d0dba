// Package lookup is the service that reads CloudTrail's event history through
// its API LookupEvents, for accounts without a trail to S3.
//
//	LookupEvents ──▶ scan ──new──▶ intent ──▶ parts ──▶ raw
//	     ▲            ▲ │                        │
//	     │      known ┘ └─nothing new─┐        ledger
//	  next window                     ▼          │
//	     └──────────────────────── coverage ◀────┘ done
//
// A reader works on one account and region. It reads closed windows of time, the
// newest first, and each of them again later, because events come up to an hour
// and more late. What a window has new is one object of the ledger: which events
// are in it is stored before they are sent, and the window counts as read when
// the object is done. So whoever dies, and when, each event has one effect.
package lookup

import (
	"context"
	"log/slog"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/sync/semaphore"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/cloudtrail"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
)

// name is the service's name in metrics, logs and dead letters.
const name = "lookup"

// roomBytes is the memory for events that are read and not yet sent, of all
// readers of a process.
const roomBytes = 64 << 20

// Service returns the lookup: all accounts of all connections, side by side.
func Service(options ...Option) app.Service {
	s := settings{clock: Clock{Now: time.Now, Sleep: fault.Sleep}, schedule: standard()}
	for _, o := range options {
		o(&s)
	}
	return app.Service{Name: name, New: s.newService}
}

// Option changes how the service works.
type Option func(*settings)

// settings are what options change.
type settings struct {
	clock    Clock
	schedule schedule
}

// Clock is the time that the service goes by.
type Clock struct {
	Now func() time.Time
	// Sleep waits for so long or until ctx ends, whose error it then returns.
	Sleep func(ctx context.Context, d time.Duration) error
}

// WithClock has the service go by another clock. It is for tests.
func WithClock(c Clock) Option { return func(s *settings) { s.clock = c } }

// WithRereads has windows read again when they are so old, in ascending order.
// It is for tests.
func WithRereads(ages ...time.Duration) Option {
	return func(s *settings) { s.schedule.again = ages }
}

// service is what the readers of a process share.
type service struct {
	settings
	log         *slog.Logger
	creds       *awscred.Cache
	metrics     *metrics
	tracking    *ledger.Metrics
	stages      *stage.Metrics
	ledger      ledger.Store
	checkpoints *bus.Checkpoints
	raw         stage.Publisher[*batch.Batch]
	dead        stage.Graveyard
	format      *format.Format
	room        *semaphore.Weighted
	paces       *paces
}

func (s settings) newService(ctx context.Context, env *app.Env) (func(context.Context) error, error) {
	checkpoints, err := env.Bus.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	own := &service{
		settings: s, log: env.Log.With("stage", name), creds: awscred.New(env.Log),
		metrics: newMetrics(env.Metrics), tracking: ledger.NewMetrics(env.Metrics), stages: env.Stages,
		ledger: env.Bus.Ledger(), checkpoints: checkpoints, raw: env.Bus.PublishRaw(), dead: env.Bus.Graveyard(),
		format: cloudtrail.Format(), room: semaphore.NewWeighted(roomBytes), paces: &paces{each: map[string]*pace{}},
	}
	return func(ctx context.Context) error { own.run(ctx, env.Config.Connections); return nil }, nil
}

// run reads for the connections until ctx ends.
func (s *service) run(ctx context.Context, connections []connection.Connection) {
	var all conc.WaitGroup
	for _, c := range connections {
		if c.Lookup.IsSet() && !c.Paused {
			all.Go(func() { s.follow(ctx, c) })
		}
	}
	all.Wait()
	<-ctx.Done() // without a connection there is nothing to do
}

// follow reads for one connection until ctx ends. The tracker serves the readers,
// so it ends after them.
func (s *service) follow(ctx context.Context, c connection.Connection) {
	log := s.log.With("connection", c.Name)
	tracker := ledger.NewTracker(s.ledger, c.Name, c.Destination, log, s.tracking)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var tracking, accounts conc.WaitGroup
	defer tracking.Wait()
	defer end()
	tracking.Go(func() { tracker.Run(life) })
	for _, as := range c.AsAccounts() {
		a := &account{service: s, conn: as, id: accountOf(as), tracker: tracker, log: log}
		accounts.Go(func() { a.run(ctx) })
	}
	accounts.Wait()
}

// accountOf names the account whose role the connection has: by its number, or
// as that of the process's own credentials.
func accountOf(c connection.Connection) string {
	if id := (connection.Account{RoleARN: c.RoleARN}).ID(); id != "" {
		return id
	}
	return "own"
}
