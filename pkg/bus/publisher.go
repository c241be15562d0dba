package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
)

// publisher stores messages in one stream, a bounded number at a time.
type publisher[T any] struct {
	bus    *Bus
	stream string
	encode func(context.Context, T) (*nats.Msg, error)
	gate   *gate
	slots  chan struct{}
}

func newPublisher[T any](b *Bus, stream string, window int, encode func(context.Context, T) (*nats.Msg, error)) *publisher[T] {
	p := &publisher[T]{bus: b, stream: stream, encode: encode, gate: newGate(b, stream), slots: make(chan struct{}, window)}
	b.loops.Go(func() { p.gate.run(b.closing) })
	return p
}

// Publish encodes v and sends it on its way. It blocks while the window is
// full, and while the stream holds so much undelivered data that more could
// evict it.
func (p *publisher[T]) Publish(ctx context.Context, v T) (func(context.Context) error, error) {
	msg, err := p.encode(ctx, v)
	if err != nil {
		return nil, fault.Permanent(fault.Internal, err)
	}
	if err := p.gate.pass(ctx, len(msg.Data)); err != nil {
		return nil, err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	stored := make(chan error, 1)
	p.bus.loops.Go(func() {
		defer func() { <-p.slots }()
		stored <- p.bus.store(ctx, p.stream, msg)
	})
	return func(ctx context.Context) error {
		select {
		case err := <-stored:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil
}

// store publishes a message until it is stored, always under the same id, so
// that a try whose answer was lost is no double. It gives up when ctx ends,
// and at once on a message that can never be stored.
func (b *Bus) store(ctx context.Context, stream string, msg *nats.Msg) error {
	for attempt := 1; ; attempt++ {
		ack, err := b.publish(ctx, stream, msg)
		if err == nil {
			b.metrics.published(stream, len(msg.Data), ack.Duplicate)
			return nil
		}
		if errors.Is(err, nats.ErrMaxPayload) {
			return fault.Permanent(fault.RecordTooLarge,
				fmt.Errorf("store a message of %d bytes on %s: %w (the server takes %d)", len(msg.Data), msg.Subject, err, b.conn.MaxPayload()))
		}
		pause := fault.Wait(err, attempt)
		b.metrics.publishFailures.WithLabelValues(stream).Inc()
		b.log.Warn("cannot store a message on the bus; trying again", "stream", stream, "err", err, "wait", pause)
		if werr := fault.Sleep(ctx, pause); werr != nil {
			return fmt.Errorf("store on %s: %w", msg.Subject, errors.Join(werr, err))
		}
	}
}

func (b *Bus) publish(ctx context.Context, stream string, msg *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return b.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(stream))
}

// graveyard stores dead letters in the stream DEAD.
type graveyard struct{ bus *Bus }

// Bury stores the letter. A letter buried again within the dedupe window has
// no effect.
func (g graveyard) Bury(ctx context.Context, l stage.DeadLetter) error {
	msg, err := letterMsg(ctx, l)
	if err != nil {
		return err
	}
	return g.bus.store(ctx, streamDead, msg)
}
