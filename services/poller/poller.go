// Package poller is the service that turns queue messages into objects to
// fetch, and that deletes a message when its objects are done.
//
//	SQS ──receivers──▶ source ──▶ handler ──▶ tracker ──objects──▶ bus
//	 ▲                              ▲            │
//	 │                              └────done────┴──◀ ledger
//	 ├── keeper: extends the visibility of every message held
//	 └── deleter: deletes a message when its objects are done
//
// A message is held from its receipt until it is deleted or given back. No
// receive count ever makes the poller drop one: what cannot be understood
// becomes a dead letter, everything else is tried again.
package poller

import (
	"context"
	"fmt"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// stageName is the poller's name in metrics, logs and dead letters.
const stageName = "poller"

// Service returns the poller: all queues of all connections, side by side.
func Service() app.Service { return app.Service{Name: stageName, New: newService} }

func newService(ctx context.Context, env *app.Env) (func(context.Context) error, error) {
	if err := check(env.Config.Poller); err != nil {
		return nil, err
	}
	p := &poller{
		creds: awscred.New(env.Log), metrics: newMetrics(env.Metrics), tracking: ledger.NewMetrics(env.Metrics),
		objects: env.Bus.PublishObjects(), budgets: newBudgets(env.Config),
	}
	for _, c := range env.Config.Connections {
		if err := p.add(ctx, env, c); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error { return p.run(ctx, env) }, nil
}

// check names the key of a setting that SQS or the poller cannot work with.
func check(c app.Poller) error {
	switch {
	case c.Receivers < 1:
		return fmt.Errorf("poller.receivers is %d; want at least 1", c.Receivers)
	case c.InFlight < 1:
		return fmt.Errorf("poller.in_flight is %d; want at least 1", c.InFlight)
	case c.Wait < 0 || c.Wait > 20*time.Second:
		return fmt.Errorf("poller.wait is %s; want 0s to 20s", c.Wait)
	case c.Visibility < time.Second || c.Visibility > 12*time.Hour:
		return fmt.Errorf("poller.visibility is %s; want 1s to 12h", c.Visibility)
	}
	return nil
}

// poller is what the queues of a process share.
type poller struct {
	creds    *awscred.Cache
	metrics  *metrics
	tracking *ledger.Metrics
	objects  stage.Publisher[*logferryv1.Object]
	budgets  map[string]*budget // by destination
	queues   []*queue
	trackers []*ledger.Tracker // one for each connection
}

// add readies the queues of a connection, unless it is paused.
func (p *poller) add(ctx context.Context, env *app.Env, c connection.Connection) error {
	if len(c.Queues()) == 0 || c.Paused {
		return nil
	}
	log := env.Log.With("stage", stageName, "connection", c.Name)
	tracker := ledger.NewTracker(env.Bus.Ledger(), c.Name, c.Destination, log, p.tracking)
	p.trackers = append(p.trackers, tracker)
	for _, url := range c.Queues() {
		cfg, err := p.creds.Config(ctx, c, connection.QueueRegion(url))
		if err != nil {
			return fmt.Errorf("queue %s: %w", url, err)
		}
		q := makeQueue(url, c, env.Config.Poller, awscred.Queue(cfg, url), newObjects(p.creds, c, cfg.Region), log.With("queue", url), p.metrics.of(c.Name))
		q.tracker, q.publish, q.budget = tracker, p.publish, p.budgets[c.Destination]
		p.queues = append(p.queues, q)
	}
	return nil
}

// publish puts an object on the bus and returns once it is stored there.
func (p *poller) publish(ctx context.Context, o *logferryv1.Object) error {
	p.metrics.objects.WithLabelValues(o.GetConnection()).Inc()
	stored, err := p.objects.Publish(ctx, o)
	if err != nil {
		return err
	}
	return stored(ctx)
}

// run carries messages until ctx ends and returns when all are settled. The
// trackers serve what is in flight then, so they end last.
func (p *poller) run(ctx context.Context, env *app.Env) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var trackers conc.WaitGroup
	defer trackers.Wait()
	defer end()
	for _, t := range p.trackers {
		trackers.Go(func() { t.Run(life) })
	}
	all := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, q := range p.queues {
		all.Go(func(ctx context.Context) error { return q.run(ctx, env, env.Bus.Graveyard()) })
	}
	if len(p.queues) == 0 { // those to come are polled by the next poller
		<-ctx.Done()
	}
	return all.Wait()
}
