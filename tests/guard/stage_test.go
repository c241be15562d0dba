//go:build guard

package guard

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/stage"
)

const (
	deliveries = 1000
	workers    = 4
)

// running are the steps of the runner: deliveries whose work is to pass
// something on.
func running(*testing.T) []Step {
	ends := &ends{}
	s := &stage.Stage[int, int]{
		Name: "guard", Source: ends, Out: ends, Dead: ends, Workers: workers,
		Handle:  func(ctx context.Context, v int, out *stage.Emitter[int]) error { return out.Emit(ctx, v) },
		Log:     slog.New(slog.DiscardHandler),
		Metrics: stage.NewMetrics(prometheus.NewRegistry()),
	}
	return []Step{{
		Name: "deliveries through a stage", Against: "as many tasks of a pool",
		Work: func() error {
			ends.taken = 0
			return s.Run(context.Background())
		},
		Yardstick: func() error {
			p := pool.New().WithMaxGoroutines(workers)
			for range deliveries {
				p.Go(func() {})
			}
			p.Wait()
			return nil
		},
	}}
}

// ends are both ends of a stage: they give deliveries and take everything.
type ends struct{ taken int }

func (e *ends) Next(context.Context) (stage.Delivery[int], error) {
	if e.taken == deliveries {
		return nil, io.EOF
	}
	e.taken++
	return delivery{}, nil
}

func (e *ends) Publish(context.Context, int) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, nil
}

func (e *ends) Bury(context.Context, stage.DeadLetter) error { return io.ErrUnexpectedEOF }

type delivery struct{}

func (delivery) Value() (int, error)                         { return 1, nil }
func (delivery) Letter() stage.DeadLetter                    { return stage.DeadLetter{ID: "guard", Part: -1, Offset: -1} }
func (delivery) Attempt() int                                { return 1 }
func (delivery) Context(ctx context.Context) context.Context { return ctx }
func (delivery) Ack(context.Context) error                   { return nil }
func (delivery) Retry(context.Context, time.Duration) error  { return io.ErrUnexpectedEOF }
func (delivery) Reject(context.Context, error) error         { return io.ErrUnexpectedEOF }
