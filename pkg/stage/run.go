package stage

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/sourcegraph/conc/panics"
	"github.com/sourcegraph/conc/pool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/logferry/logferry/pkg/fault"
)

// settleTime is how long a settlement may take once the work's own time is
// over.
const settleTime = 5 * time.Second

// Run takes and handles deliveries until ctx ends or the source is exhausted.
// When ctx ends it takes no more, lets the work in flight go on for Grace,
// cancels what is then left and gives it back. It returns nil once everything
// taken is settled.
func (s *Stage[In, Out]) Run(ctx context.Context) error {
	work, end := fault.Outlive(ctx, s.Grace)
	defer end()

	// Its goroutines are used again: their stacks have grown to what the work
	// needs.
	workers := pool.New().WithMaxGoroutines(s.Workers)
	defer workers.Wait()
	slots := make(chan struct{}, s.Workers)
	room := newRoom(s.Room)
	for failures := 0; ; {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		d, err := s.Source.Next(ctx)
		switch {
		case err == nil:
			failures = 0
			leave := room.enter(work, d)
			workers.Go(func() {
				defer func() { leave(); <-slots }()
				s.deliver(work, d)
			})
			continue
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			return nil
		}
		<-slots
		failures++
		wait := fault.Wait(err, failures)
		s.Log.Warn("cannot take work; trying again", "err", err, "wait", wait)
		if fault.Sleep(ctx, wait) != nil {
			return nil
		}
	}
}

// deliver handles and settles one delivery.
func (s *Stage[In, Out]) deliver(work context.Context, d Delivery[In]) {
	end := s.Metrics.begin(s.Name)
	ctx, span := otel.Tracer("github.com/logferry/logferry/pkg/stage").Start(
		d.Context(work), s.Name, trace.WithSpanKind(trace.SpanKindConsumer))
	defer span.End()

	out := &Emitter[Out]{stage: s.Name, out: s.Out, dead: s.Dead, metrics: s.Metrics, letter: d.Letter, attempt: d.Attempt()}
	err := s.handle(ctx, d, out)
	if stored := out.Flush(ctx); stored != nil {
		err = stored
	}
	err = fault.Final(err, d.Attempt())
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(attribute.Int("logferry.attempt", d.Attempt()))
	}
	end(s.settle(ctx, d, out, err))
}

// handle decodes the delivery and calls the handler; a panic becomes a
// permanent fault with its stack.
func (s *Stage[In, Out]) handle(ctx context.Context, d Delivery[In], out *Emitter[Out]) (err error) {
	caught := panics.Try(func() {
		var in In
		if in, err = d.Value(); err != nil {
			err = fault.Permanent(fault.Undecodable, err)
			return
		}
		err = s.Handle(ctx, in, out)
	})
	if caught != nil {
		return fault.Permanent(fault.Internal, caught.AsError())
	}
	return err
}

// settle acknowledges, rejects or gives back the delivery, as err demands, and
// returns what it did. A delivery that cannot be settled comes again by
// itself once its lease runs out.
func (s *Stage[In, Out]) settle(ctx context.Context, d Delivery[In], out *Emitter[Out], err error) (outcome string) {
	over := ctx.Err() != nil
	if over { // the work's time is over; the settlement gets some of its own
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		ctx = late
	}
	outcome, serr := acked, error(nil)
	switch {
	case err == nil:
		serr = d.Ack(ctx) // invariant 2: everything emitted is stored by now
	case fault.IsPermanent(err):
		outcome, serr = s.reject(ctx, d, out, err)
	case over:
		outcome, serr = retried, d.Retry(ctx, 0) // given back on shutdown
	default:
		outcome, serr = retried, s.retry(ctx, d, err)
	}
	if serr != nil {
		s.Metrics.unsettled.WithLabelValues(s.Name).Inc()
		s.Log.Warn("cannot settle a delivery; it will come again", "outcome", outcome, "err", serr)
	}
	return outcome
}

// reject stores the dead letter, then settles the delivery (invariant 3). When
// the letter cannot be stored the delivery is given back.
func (s *Stage[In, Out]) reject(ctx context.Context, d Delivery[In], out *Emitter[Out], cause error) (string, error) {
	l := d.Letter()
	s.Log.Error("dead letter", "reason", string(fault.ReasonOf(cause)), "err", cause,
		"connection", l.Connection, "bucket", l.Bucket, "key", l.Key)
	if err := out.reject(ctx, cause); err != nil {
		return retried, s.retry(ctx, d, err)
	}
	if s.Rejected != nil {
		if err := s.Rejected(ctx, l, cause); err != nil {
			return retried, s.retry(ctx, d, err)
		}
	}
	return rejected, d.Reject(ctx, cause)
}

func (s *Stage[In, Out]) retry(ctx context.Context, d Delivery[In], cause error) error {
	wait := fault.Wait(cause, d.Attempt())
	l := d.Letter()
	level := slog.LevelWarn
	if wait == 0 && errors.Is(cause, context.Canceled) {
		level = slog.LevelDebug // the command ends: it is given back, and nothing failed
	}
	s.Log.Log(ctx, level, "delivery will be tried again", "err", cause, "wait", wait, "attempt", d.Attempt(),
		"connection", l.Connection, "bucket", l.Bucket, "key", l.Key)
	return d.Retry(ctx, wait)
}
