package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// pipeline is what an idleness sees, second by second since the start.
type pipeline struct {
	start   time.Time
	busy    time.Duration // deliveries are in work until then
	backlog time.Duration // messages are on the bus until then
	broken  time.Duration // the bus does not answer until then
	last    time.Duration // a delivery was settled then
}

func (p pipeline) idleness(span time.Duration) idleness {
	return idleness{
		span: span,
		backlog: func(context.Context) (int64, error) {
			switch since := time.Since(p.start); {
			case since < p.broken:
				return 0, errors.New("no answer")
			case since < p.backlog:
				return 7, nil
			}
			return 0, nil
		},
		active: func() (int, time.Time) {
			if time.Since(p.start) < p.busy {
				return 1, p.start
			}
			if since := p.start.Add(p.last); time.Now().After(since) {
				return 0, since
			}
			return 0, p.start
		},
	}
}

// The wait ends once nothing was in flight for the span: here 5 seconds, give
// or take a look in half a second.
func TestIdle(t *testing.T) {
	f := func(p pipeline, want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p.start = time.Now()
			if err := p.idleness(5 * time.Second).wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(p.start); got < want || got > want+time.Second {
				t.Errorf("%+v: idle after %v; want %v", p, got, want)
			}
		})
	}
	// Nothing ever happens.
	f(pipeline{}, 5*time.Second)
	// Something is in work, on the bus, or cannot be known.
	f(pipeline{busy: 3 * time.Second}, 8*time.Second-500*time.Millisecond)
	f(pipeline{backlog: 3 * time.Second}, 8*time.Second-500*time.Millisecond)
	f(pipeline{broken: 3 * time.Second}, 8*time.Second-500*time.Millisecond)
	// A delivery comes and goes between two looks.
	f(pipeline{last: 4200 * time.Millisecond}, 9200*time.Millisecond)
	// Short work, then a long backlog.
	f(pipeline{busy: time.Second, backlog: time.Minute}, 65*time.Second-500*time.Millisecond)
}

func TestIdleStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := (pipeline{start: time.Now()}).idleness(time.Minute).wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v; want the context's error", err)
		}
	})
}
