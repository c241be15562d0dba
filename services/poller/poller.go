// Package poller is the service that turns queue messages into objects to
// fetch.
//
//	SQS ──receivers──▶ source ──▶ handler ──objects──▶ bus
//	 ▲                              │
//	 ├── keeper: extends the visibility of every message held
//	 └── deleter: deletes a message when its objects are stored
//
// A message is held from its receipt until it is deleted or given back. No
// receive count ever makes the poller drop one: what cannot be understood
// becomes a dead letter, everything else is tried again.
package poller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
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
	creds := awscred.New(env.Log)
	metrics := newMetrics(env.Metrics)
	out := outlet{env.Bus.PublishObjects(), env.Bus.Graveyard()}
	var queues []*queue
	for _, c := range env.Config.Connections {
		for _, url := range c.Queues() {
			q, err := newQueue(ctx, env, creds, metrics, c, url)
			if err != nil {
				return nil, fmt.Errorf("queue %s: %w", url, err)
			}
			queues = append(queues, q)
		}
	}
	if len(queues) == 0 {
		return nil, errors.New("no connection has a queue")
	}
	return func(ctx context.Context) error { return runAll(ctx, queues, env, out) }, nil
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

// outlet is where a poller's work goes.
type outlet struct {
	objects stage.Publisher[*logferryv1.Object]
	dead    stage.Graveyard
}

func newQueue(ctx context.Context, env *app.Env, creds *awscred.Cache, metrics *metrics, c connection.Connection, url string) (*queue, error) {
	cfg, err := creds.Config(ctx, c, connection.QueueRegion(url))
	if err != nil {
		return nil, err
	}
	log := env.Log.With("stage", stageName, "connection", c.Name, "queue", url)
	return makeQueue(url, c, env.Config.Poller, awscred.Queue(cfg, url), newObjects(creds, c, cfg.Region), log, metrics.of(c.Name)), nil
}

func runAll(ctx context.Context, queues []*queue, env *app.Env, out outlet) error {
	all := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, q := range queues {
		all.Go(func(ctx context.Context) error { return q.run(ctx, env, out) })
	}
	return all.Wait()
}
