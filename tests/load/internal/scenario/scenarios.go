package scenario

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/logferry/logferry/tests/load/internal/cloud"
	"github.com/logferry/logferry/tests/load/internal/report"
)

// warm is how long a load runs before it is measured.
const warm = 5 * time.Second

// most is more than these machines were ever seen to carry, in events a
// second: so many are made for a run as fast as it goes.
const most = 150_000

// events that a rate gives in a time.
func events(rate float64, d time.Duration) float64 { return rate * d.Seconds() }

// steady feeds at a rate.
func steady(ctx context.Context, r *run) error {
	all := warm + r.Duration
	return r.straight(ctx, events(r.Rate, all), cloud.Feed{Rate: r.Rate, For: all})
}

// maximal keeps the queue full.
func maximal(ctx context.Context, r *run) error {
	all := warm + r.Duration
	return r.straight(ctx, r.plenty(all), cloud.Feed{Ahead: r.ahead(), For: all})
}

// plenty is how many events to have ready for a run as fast as it goes.
func (r *run) plenty(d time.Duration) float64 {
	if r.Shape == cloud.Tiny {
		return events(most/10, d) // objects cost more than events
	}
	return events(most, d)
}

// ahead is how many events are fed and not arrived when the queue is to be
// full: some seconds' worth, and several objects.
func (r *run) ahead() int64 {
	switch r.Shape {
	case cloud.Tiny:
		return 12_000
	case cloud.Large:
		return 1_500_000
	}
	return 200_000
}

// straight prepares, starts the services, warms them up and measures one feed.
func (r *run) straight(ctx context.Context, ready float64, f cloud.Feed) error {
	if err := r.prepare(ctx, r.Shape, ready); err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	r.mark("warming up")
	if err := r.cloud.Feed(ctx, f); err != nil {
		return err
	}
	if err := r.pause(ctx, warm); err != nil {
		return err
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.fed(ctx); err != nil {
		return err
	}
	return r.end(ctx)
}

// trickle feeds little, in two shapes.
func trickle(ctx context.Context, r *run) error {
	for i, shape := range []cloud.Shape{cloud.Medium, cloud.Tiny} {
		if err := r.prepare(ctx, shape, events(r.Rate, r.Duration)); err != nil {
			return err
		}
		if i == 0 {
			if err := r.ready(ctx); err != nil {
				return err
			}
		}
		err := r.step(ctx, string(shape)+" objects", r.Rate, func() error {
			if err := r.cloud.Feed(ctx, cloud.Feed{Rate: r.Rate, For: r.Duration}); err != nil {
				return err
			}
			if err := r.fed(ctx); err != nil {
				return err
			}
			return r.drain(ctx)
		})
		if err != nil {
			return err
		}
	}
	return r.end(ctx)
}

// ready starts the services and begins to measure.
func (r *run) ready(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	return r.begin(ctx)
}

// step measures what f does, as one of several.
func (r *run) step(ctx context.Context, name string, offered float64, f func() error) error {
	r.mark(name)
	before, err := r.now(ctx)
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	after, err := r.now(ctx)
	if err != nil {
		return err
	}
	d := after.cloud.Since(before.cloud)
	lag := d.Lag.Lag()
	s := report.Step{
		Name: name, Offered: offered, LagP50: lag.P50, LagP99: lag.P99,
		Events: float64(d.Arrived) / after.cloud.At.Sub(before.cloud.At).Seconds(),
	}
	if d.Arrived > 0 {
		s.CPU = micros(underTest(before.usage, after.usage)) / float64(d.Arrived)
	}
	r.steps = append(r.steps, s)
	return nil
}

// settled measures a feed as a step, after a while in which it has settled. The
// next step goes on without a pause.
func (r *run) settled(ctx context.Context, name string, f cloud.Feed) error {
	f.For = warm + r.Duration
	if err := r.cloud.Feed(ctx, f); err != nil {
		return err
	}
	if err := r.pause(ctx, warm); err != nil {
		return err
	}
	return r.step(ctx, name, f.Rate, func() error { return r.fed(ctx) })
}

// held is the share of a rate that must arrive for it to be held.
const held = 0.95

// ramp raises the rate by itself, step by step, until less arrives.
func ramp(ctx context.Context, r *run) error {
	if err := r.prepare(ctx, r.Shape, 10*events(r.Rate, warm+r.Duration)); err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	for rate := r.Rate; ; rate += r.Rate {
		if err := r.settled(ctx, fmt.Sprintf("%.0f/s", rate), cloud.Feed{Rate: rate}); err != nil {
			return err
		}
		if last := r.steps[len(r.steps)-1]; last.Events < held*rate {
			return r.end(ctx)
		}
	}
}

// burst feeds nothing for a while, then everything at once.
func burst(ctx context.Context, r *run) error {
	all := events(r.Rate, r.Duration)
	if err := r.prepare(ctx, r.Shape, all); err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	if err := r.pause(ctx, warm); err != nil {
		return err
	}
	r.mark("burst")
	if err := r.cloud.Feed(ctx, cloud.Feed{Events: int64(all)}); err != nil {
		return err
	}
	if err := r.fed(ctx); err != nil {
		return err
	}
	return r.end(ctx)
}

// slow feeds at a rate while the destination has a bad time: a quarter of the
// run each well, slow, throttling and well again.
func slow(ctx context.Context, r *run) error {
	if err := r.prepare(ctx, r.Shape, events(r.Rate, r.Duration)); err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	if err := r.cloud.Feed(ctx, cloud.Feed{Rate: r.Rate, For: r.Duration}); err != nil {
		return err
	}
	for _, part := range []struct {
		mark  string
		fault cloud.Fault
	}{
		{"destination well", cloud.Fault{}},
		{"destination slow", cloud.Fault{Delay: time.Second}},
		{"destination throttles", cloud.Fault{Status: http.StatusTooManyRequests, Rate: 0.5, RetryAfter: time.Second}},
		{"destination well again", cloud.Fault{}},
	} {
		r.mark(part.mark)
		if err := r.cloud.Fault(ctx, part.fault); err != nil {
			return err
		}
		if err := r.pause(ctx, r.Duration/4); err != nil {
			return err
		}
	}
	if err := r.fed(ctx); err != nil {
		return err
	}
	return r.end(ctx)
}

// recovery starts the services on a backlog.
func recovery(ctx context.Context, r *run) error {
	backlog := events(r.Rate, r.Duration)
	if err := r.prepare(ctx, r.Shape, backlog); err != nil {
		return err
	}
	if err := r.cloud.Feed(ctx, cloud.Feed{Events: int64(backlog)}); err != nil {
		return err
	}
	if err := r.fed(ctx); err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	return r.end(ctx)
}
