package lookup

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/lookupevents"
	"github.com/logferry/logferry/pkg/localcloud/sts"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// world is the service between a stand-in of AWS and a real bus, in a time that
// passes faster. What arrives on the bus is settled as parser and writer do.
type world struct {
	t     *testing.T
	cloud *localcloud.Cloud
	bus   *bus.Bus
	start time.Time // of the world
	begun time.Time // of the test
	speed time.Duration
	conn  connection.Connection
	logs  *lockedBuffer

	mu      sync.Mutex
	arrived map[string]int // events by id, or the records that have none
	order   []string       // in which they arrived
	parts   int
	settled bool // false: parts are left where they are
	stop    func()
}

const ledgerConnection = "acme"

func roleOf(account string) string { return "arn:aws:iam::" + account + ":role/logferry" }

// newWorld starts a world in which so many seconds pass in one.
func newWorld(t *testing.T, speed time.Duration, accounts ...string) *world {
	t.Helper()
	var roles []sts.Role
	c := connection.Connection{Name: ledgerConnection, Destination: "here"}
	for _, a := range accounts {
		roles = append(roles, sts.Role{ARN: roleOf(a), ExternalID: "ext-" + a})
		c.Lookup.Accounts = append(c.Lookup.Accounts, connection.Account{RoleARN: roleOf(a), ExternalID: "ext-" + a})
	}
	config := app.DefaultConfig().Bus
	config.Store = t.TempDir()
	w := &world{
		t: t, cloud: cloudtest.Start(t, localcloud.Options{Roles: roles, RequireCredentials: true}),
		bus:   bustest.Open(t, config, bus.Topology{Destinations: map[string][]string{"here": {"AWSCloudTrail"}}}),
		start: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), begun: time.Now(), speed: speed,
		conn: c, logs: new(lockedBuffer), arrived: map[string]int{}, settled: true,
	}
	w.cloud.History.SetClock(w.now)
	ctx, cancel := context.WithCancel(context.Background())
	var settling conc.WaitGroup
	settling.Go(func() { w.settle(ctx) })
	t.Cleanup(func() {
		w.halt()
		cancel()
		settling.Wait()
		if t.Failed() {
			t.Logf("log:\n%.20000s", w.logs.String())
		}
	})
	return w
}

// newWorldOf starts a world with one account, its region enabled, in which calls
// fail as told.
func newWorldOf(t *testing.T, speed time.Duration, fail func(*inject.Table)) *world {
	w := newWorld(t, speed, one)
	w.cloud.History.SetRegions(one, home)
	if fail != nil {
		fail(w.cloud.Faults)
	}
	return w
}

func (w *world) now() time.Time { return w.start.Add(time.Since(w.begun) * w.speed) }

func (w *world) clock() Clock {
	return Clock{Now: w.now, Sleep: func(ctx context.Context, d time.Duration) error { return fault.Sleep(ctx, d/w.speed) }}
}

// run runs the service until halt.
func (w *world) run(options ...Option) {
	w.t.Helper()
	w.halt()
	registry := prometheus.NewRegistry()
	config := app.DefaultConfig()
	config.Connections = []connection.Connection{w.conn}
	env := &app.Env{
		Config: config, Log: slog.New(slog.NewTextHandler(w.logs, nil)), Metrics: registry,
		Stages: stage.NewMetrics(registry), Bus: w.bus,
	}
	ctx, cancel := context.WithCancel(context.Background())
	run, err := Service(append([]Option{WithClock(w.clock())}, options...)...).New(ctx, env)
	if err != nil {
		cancel()
		w.t.Fatal(err)
	}
	var running conc.WaitGroup
	running.Go(func() {
		if err := run(ctx); err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	w.stop = func() { cancel(); running.Wait() }
}

func (w *world) halt() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

// settle takes parts from the bus, counts their events once and settles them.
func (w *world) settle(ctx context.Context) {
	source, err := w.bus.Raw(ctx)
	if err != nil {
		w.t.Errorf("raw: %v", err)
		return
	}
	for {
		d, err := source.Next(ctx)
		if err != nil {
			return
		}
		b, err := d.Value()
		if err != nil {
			w.t.Errorf("part: %v", err)
			return
		}
		w.count(ctx, b)
		b.Release()
		if err := d.Ack(ctx); err != nil && ctx.Err() == nil {
			w.t.Errorf("ack: %v", err)
		}
	}
}

func (w *world) count(ctx context.Context, b *batch.Batch) {
	m := b.Meta
	if known, err := ledger.IsSettled(ctx, w.bus.Ledger(), m.Connection, m.Object, m.Part, m.Whole); known || err != nil {
		return
	}
	records, _, err := batch.Records(b.Record)
	if err != nil {
		w.t.Errorf("part: %v", err)
		return
	}
	w.mu.Lock()
	w.parts++
	settled := w.settled
	for i := range records.Len() {
		if settled {
			id := eventID(records.Value(i))
			w.arrived[id]++
			w.order = append(w.order, id)
		}
	}
	w.mu.Unlock()
	if !settled {
		return
	}
	e := ledger.Settled(m.Connection, m.Object, m.Whole, &logferryv1.PartSettled{Part: uint32(m.Part), Delivered: uint64(records.Len())})
	if _, err := w.bus.Ledger().Record(ctx, e); err != nil && ctx.Err() == nil {
		w.t.Errorf("settle: %v", err)
	}
}

// eventID returns the id of a record of the stand-in, or the record.
func eventID(record []byte) string {
	_, rest, ok := bytes.Cut(record, []byte(`"eventID":"`))
	if id, _, closed := bytes.Cut(rest, []byte(`"`)); ok && closed {
		return string(id)
	}
	return string(record)
}

// counts returns how many events have arrived, and how many of them more than
// once.
func (w *world) counts() (events, doubled int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.arrived {
		if n > 1 {
			doubled++
		}
	}
	return len(w.arrived), doubled
}

// patience is how long a test waits for something.
const patience = 3 * time.Minute

// until waits until a condition holds.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			events, doubled := w.counts()
			w.t.Fatalf("not in time: %s (%d events arrived, %d doubled, it is %s)", what, events, doubled, w.now())
		}
	}
}

// pass lets time pass in the world.
func (w *world) pass(d time.Duration) {
	to := w.now().Add(d)
	w.until("time passes", func() bool { return !w.now().Before(to) })
}

// put puts n events in an account and region, at times from now on and visible
// late, and returns them.
func (w *world) put(account, region string, n int, span, late time.Duration) []lookupevents.Event {
	random := rand.New(rand.NewPCG(uint64(n), uint64(len(account+region))))
	events, now := make([]lookupevents.Event, n), w.now()
	for i := range events {
		at := now.Add(time.Duration(random.Int64N(int64(span))))
		events[i] = lookupevents.Event{ID: fmt.Sprintf("%s-%s-%06d", account, region, i), Time: at, Visible: at}
		if late > 0 && i%10 == 0 { // most are in time
			events[i].Visible = at.Add(time.Duration(random.Int64N(int64(late))))
		}
	}
	w.cloud.History.Put(account, region, events...)
	return events
}

// said reports whether the log has a text.
func (w *world) said(text string) bool { return strings.Contains(w.logs.String(), text) }

// reader returns a reader of the world's account that does nothing by itself.
func (w *world) reader(t *testing.T) *reader {
	t.Helper()
	log := slog.New(slog.NewTextHandler(w.logs, nil))
	s := &service{
		settings: settings{w.clock(), standard()}, log: log, creds: awscred.New(log),
		metrics: newMetrics(prometheus.NewRegistry()), paces: &paces{each: map[string]*pace{}},
	}
	a := &account{service: s, conn: w.conn.AsAccounts()[0], id: one, log: log}
	r, err := a.reader(t.Context(), home, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
