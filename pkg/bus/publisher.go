package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
)

// What is for a destination that is not configured waits so often, so long at
// most each time, for somebody to mend the configuration: half an hour in all.
const (
	mendTries = 37
	mendWait  = time.Minute
)

// A shut gate of rows is waited for so long; then the work is given back for so
// long. A destination that is out of order must not hold all parsers.
const (
	rowsPatience = 5 * time.Second
	shutWait     = 10 * time.Second
)

// encoder makes the message of a value, and says which stream it is for.
type encoder[T any] func(context.Context, T) (stream string, msg *nats.Msg, err error)

// publisher stores messages, a bounded number at a time.
type publisher[T any] struct {
	bus    *Bus
	encode encoder[T]
	gates  map[string]*gate // by stream
	calls  chan func()      // to the window's goroutines; unbuffered
	// patience is how long a shut gate is waited for; 0: as long as it takes.
	patience time.Duration
}

func newPublisher[T any](b *Bus, window int, encode encoder[T], streams ...string) *publisher[T] {
	p := &publisher[T]{bus: b, encode: encode, gates: make(map[string]*gate, len(streams)), calls: make(chan func())}
	for range window {
		b.loops.Go(func() { b.callAll(p.calls) })
	}
	for _, stream := range streams {
		g := newGate(b, stream)
		p.gates[stream] = g
		b.loops.Go(func() { g.run(b.closing) })
	}
	return p
}

// Publish encodes v and sends it on its way. It blocks while the window is
// full, and while the stream holds so much undelivered data that more could
// evict it.
func (p *publisher[T]) Publish(ctx context.Context, v T) (func(context.Context) error, error) {
	stream, msg, err := p.encode(ctx, v)
	if err != nil {
		return nil, fault.Permanent(fault.Internal, err)
	}
	gate, ok := p.gates[stream]
	if !ok {
		return nil, fault.Limited(mendTries, mendWait, fault.NoRule, fmt.Errorf("the configuration has no destination for %s", msg.Subject))
	}
	if err := p.pass(ctx, gate, len(msg.Data)); err != nil {
		return nil, err
	}
	stored := make(chan error, 1)
	call := func() {
		_, err := p.bus.store(ctx, stream, msg)
		bodies.Free(msg.Data) // the client has copied it
		stored <- err
	}
	select {
	case p.calls <- call:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.bus.closing:
		return nil, errClosed
	}
	return func(ctx context.Context) error {
		select {
		case err := <-stored:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil
}

// errClosed says that a bus takes nothing more.
var errClosed = errors.New("the bus is closed")

// callAll makes calls, one after the other, until the bus closes. A goroutine for
// each would grow its stack anew each time.
func (b *Bus) callAll(calls <-chan func()) {
	for {
		select {
		case call := <-calls:
			call()
		case <-b.closing:
			return
		}
	}
}

// pass returns once the gate lets the message through. Who has patience for some
// time only gives its work back after that, so that work for others goes on.
func (p *publisher[T]) pass(ctx context.Context, gate *gate, size int) error {
	if p.patience == 0 {
		return gate.pass(ctx, size)
	}
	waiting, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	err := gate.pass(waiting, size)
	if err != nil && ctx.Err() == nil {
		return fault.After(shutWait, fmt.Errorf("stream %s holds too much that is not delivered", gate.stream))
	}
	return err
}

// store publishes a message until it is stored, always under the same id, so
// that a try whose answer was lost is no double. It gives up when ctx ends,
// and at once on a message that can never be stored. again reports that the
// stream had the message's subject already, if it takes each subject once:
// then nothing has changed.
func (b *Bus) store(ctx context.Context, stream string, msg *nats.Msg) (again bool, err error) {
	for attempt := 1; ; attempt++ {
		ack, err := b.publish(ctx, stream, msg)
		switch {
		case err == nil:
			b.metrics.published(stream, len(msg.Data), ack.Duplicate)
			return false, nil
		case isTaken(err):
			var has bool
			if has, err = b.has(ctx, stream, msg.Subject); has {
				return true, nil
			}
		case errors.Is(err, nats.ErrMaxPayload):
			return false, fault.Permanent(fault.RecordTooLarge,
				fmt.Errorf("store a message of %d bytes on %s: %w (the server takes %d)", len(msg.Data), msg.Subject, err, b.conn.MaxPayload()))
		}
		if ctx.Err() != nil {
			return false, fmt.Errorf("store on %s: %w", msg.Subject, errors.Join(ctx.Err(), err))
		}
		pause := busWait(err, attempt)
		b.metrics.publishFailures.WithLabelValues(stream).Inc()
		if attempt&(attempt-1) == 0 { // ever more rarely
			b.log.Warn("cannot store a message on the bus; trying again", "stream", stream, "err", err, "attempt", attempt, "wait", pause)
		}
		if werr := fault.Sleep(ctx, pause); werr != nil {
			return false, fmt.Errorf("store on %s: %w", msg.Subject, errors.Join(werr, err))
		}
	}
}

// has reports whether a stream that takes each subject once has the subject. Its
// refusal alone does not say so: the server also refuses what is only on its
// way, and may never come to be when a leader without followers has taken it.
func (b *Bus) has(ctx context.Context, stream, subject string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s, err := b.handle(ctx, stream)
	if err != nil {
		return false, err
	}
	_, err = s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, fmt.Errorf("%s is taken, but not stored yet", subject)
	}
	return err == nil, err
}

// maxBusWait bounds the wait between tries to reach the bus. It is short, since
// what waits may be the account of rows that are written: it must be entered
// before the bus, once it is back, has given their part to another writer, who
// looks it up. See returnWait.
const maxBusWait = 2 * time.Second

func busWait(err error, attempt int) time.Duration { return min(fault.Wait(err, attempt), maxBusWait) }

func (b *Bus) publish(ctx context.Context, stream string, msg *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return b.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(stream))
}

// graveyard stores dead letters in the stream DEAD.
type graveyard struct{ bus *Bus }

// Bury stores the letter so that it outlives a loss of power. A letter that is
// there already is buried once.
func (g graveyard) Bury(ctx context.Context, l stage.DeadLetter) error {
	msg, err := letterMsg(ctx, l)
	if err != nil {
		return err
	}
	if _, err = g.bus.store(ctx, streamDead, msg); err != nil || g.bus.server == nil {
		return err
	}
	return g.bus.server.keep(streamDead)
}
