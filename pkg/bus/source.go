package bus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
)

// source pulls the messages of one durable consumer, a window of them ahead,
// and keeps the lease of each from its arrival to its settlement.
type source[T any] struct {
	bus      *Bus
	stream   string
	consumer jetstream.Consumer
	log      *slog.Logger
	window   int           // messages fetched ahead, at most
	largest  int           // bytes of a message, of late; of the loop
	calm     time.Duration // how long nothing is taken after a lost connection
	decode   func(message) (T, error)
	letter   func(jetstream.Msg) stage.DeadLetter

	start sync.Once
	ready chan *delivery[T] // unbuffered: what is not taken stays with the loop
	ended chan struct{}     // closed when the loop takes in no more

	mu      sync.Mutex
	held    map[*delivery[T]]struct{} // from arrival to settlement
	settled chan struct{}             // a hint that held has shrunk
}

func newSource[T any](ctx context.Context, b *Bus, stream, durable string, window int,
	decode func(message) (T, error), letter func(jetstream.Msg) stage.DeadLetter) (*source[T], error) {
	var consumer jetstream.Consumer
	err := untilReady(ctx, func() (err error) {
		consumer, err = b.js.Consumer(ctx, stream, durable)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("consumer %s of stream %s: %w", durable, stream, err)
	}
	return &source[T]{
		bus: b, stream: stream, consumer: consumer, window: window, decode: decode, letter: letter,
		log:   b.log.With("stream", stream, "consumer", durable),
		ready: make(chan *delivery[T]), ended: make(chan struct{}),
		held: make(map[*delivery[T]]struct{}), largest: pullAhead, settled: make(chan struct{}, 1),
	}, nil
}

// Next returns the next delivery. The first call starts the source; its ctx
// ends it.
func (s *source[T]) Next(ctx context.Context) (stage.Delivery[T], error) {
	s.start.Do(func() { s.bus.loops.Go(func() { s.run(ctx) }) })
	select {
	case d := <-s.ready:
		return d, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ended:
		return nil, io.EOF
	}
}

// run is the source's one loop: it pulls, hands out and keeps leases until ctx
// or the bus ends; then it gives back what nobody took, and keeps the leases
// of what is still in work.
func (s *source[T]) run(ctx context.Context) {
	s.supply(ctx)
	close(s.ended)
	s.guard()
}

// supply pulls and hands out until ctx ends.
func (s *source[T]) supply(ctx context.Context) {
	leases := time.NewTicker(leaseInterval)
	defer leases.Stop()
	var queue []*delivery[T]
	var pull jetstream.MessageBatch
	var again <-chan time.Time // set while waiting after a failed pull
	failures := 0
	for {
		switch {
		case pull != nil || again != nil || len(queue) > s.ahead()/2:
		case !s.bus.Connected(): // a pull would fail, and leave its subscription behind
			again = time.After(reconnectWait)
		case s.unrest() > 0:
			again = time.After(s.unrest())
		default:
			var err error
			// No limit in bytes: a replicated consumer may announce that it is
			// reached before it sends what the limit let through, and the client
			// ends the pull at that.
			pull, err = s.consumer.Fetch(s.ahead(), jetstream.FetchMaxWait(pullWait))
			if err != nil {
				pull, again, failures = nil, s.backOff(ctx, err, failures+1), failures+1
			}
		}
		var arrivals <-chan jetstream.Msg
		if pull != nil {
			arrivals = pull.Messages()
		}
		var out chan<- *delivery[T]
		var first *delivery[T]
		if len(queue) > 0 {
			out, first = s.ready, queue[0]
		}
		select {
		case msg, ok := <-arrivals:
			if ok {
				queue = append(queue, s.hold(msg))
				failures = 0
				continue
			}
			if err := pull.Error(); err != nil && ctx.Err() == nil {
				failures++
				again = s.backOff(ctx, err, failures)
			}
			pull = nil
		case out <- first:
			queue = queue[1:]
		case <-again:
			again = nil
		case <-leases.C:
			s.extend()
		case <-ctx.Done():
			s.giveBack(queue, pull)
			return
		case <-s.bus.closing:
			s.giveBack(queue, pull)
			return
		}
	}
}

// returnWait is how long a writer takes no work after a lost connection has come
// back. Another writer may have had the part that would come, and have written it
// while it could not enter that: it is given the time to connect and to do so.
const returnWait = 7 * time.Second

// unrest is how long the source has to wait yet after its connection was lost.
func (s *source[T]) unrest() time.Duration {
	if back := s.bus.returned.Load(); back != nil {
		return s.calm - time.Since(*back)
	}
	return 0
}

// reconnectWait is how often a source without connection looks for one.
const reconnectWait = 200 * time.Millisecond

// backOff tells of a failed pull and returns the channel to wait on.
func (s *source[T]) backOff(ctx context.Context, err error, failures int) <-chan time.Time {
	if ctx.Err() != nil {
		return nil
	}
	pause := fault.Wait(err, failures)
	s.bus.metrics.pullFailures.WithLabelValues(s.stream).Inc()
	s.log.Warn("cannot pull from the bus; trying again", "err", err, "wait", pause)
	return time.After(pause)
}

// ahead is how many messages to fetch ahead: as many as the window has, but of
// large ones fewer. It begins with few, while nothing is known of their size.
func (s *source[T]) ahead() int {
	return max(minAhead, min(s.window, pullAhead/max(s.largest, 1)))
}

// minAhead is fetched ahead whatever the size.
const minAhead = 12

// hold takes charge of a message that has arrived.
func (s *source[T]) hold(msg jetstream.Msg) *delivery[T] {
	s.largest = max(len(msg.Data()), s.largest-s.largest/64) // forgets slowly
	d := &delivery[T]{source: s, msg: msg, attempt: 1}
	if meta, err := msg.Metadata(); err == nil {
		d.attempt = int(meta.NumDelivered)
	}
	if d.attempt > 1 {
		s.bus.metrics.redelivered.WithLabelValues(s.stream).Inc()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[d] = struct{}{}
	return d
}

// release ends the charge of a delivery.
func (s *source[T]) release(d *delivery[T]) {
	s.mu.Lock()
	delete(s.held, d)
	s.mu.Unlock()
	select {
	case s.settled <- struct{}{}:
	default:
	}
}

// extend prolongs the lease of everything held. A lease that cannot be
// prolonged is no error: at worst the message comes again.
func (s *source[T]) extend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.held {
		if err := d.msg.InProgress(); err != nil {
			s.log.Debug("cannot extend a lease", "err", err)
		}
	}
}

// giveBack returns to the bus what was pulled and not taken.
func (s *source[T]) giveBack(queue []*delivery[T], pull jetstream.MessageBatch) {
	if pull != nil { // ends within pullWait; what it still brings would else wait for its lease to run out
		for msg := range pull.Messages() {
			queue = append(queue, s.hold(msg))
		}
	}
	for _, d := range queue {
		if err := d.msg.Nak(); err != nil {
			s.log.Debug("cannot give back a message", "err", err)
		}
		s.release(d)
	}
}

// guard keeps the leases of what is in work until nothing is, or the bus
// closes.
func (s *source[T]) guard() {
	leases := time.NewTicker(leaseInterval)
	defer leases.Stop()
	for s.holds() > 0 {
		select {
		case <-s.settled:
		case <-leases.C:
			s.extend()
		case <-s.bus.closing:
			return
		}
	}
}

func (s *source[T]) holds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// delivery is a message in the charge of a source.
type delivery[T any] struct {
	source  *source[T]
	msg     jetstream.Msg
	attempt int
}

func (d *delivery[T]) Value() (T, error) { return d.source.decode(d.msg) }

func (d *delivery[T]) Attempt() int { return d.attempt }

// Size implements [stage.Sized]: the size of the body without its compression.
func (d *delivery[T]) Size() int64 {
	if d.msg.Headers().Get(headerContentEncoding) == "" {
		return int64(len(d.msg.Data()))
	}
	n, err := s2.DecodedLen(d.msg.Data())
	if err != nil {
		return 0 // it will not be decoded
	}
	return int64(n)
}

func (d *delivery[T]) Letter() stage.DeadLetter {
	l := d.source.letter(d.msg)
	l.Attempts = d.attempt
	return l
}

func (d *delivery[T]) Context(ctx context.Context) context.Context {
	return otel.GetTextMapPropagator().Extract(ctx, propagation.HeaderCarrier(d.msg.Headers()))
}

// Ack returns once the acknowledgement is on its way. One that does not arrive
// costs work, and nothing else: the delivery comes again, and what it has led to
// is known to the bus and to the ledger. That of an object must arrive: until an
// object of one part is done, nothing else tells that it was sent, and it could
// be found missing when it is read again.
func (d *delivery[T]) Ack(ctx context.Context) error {
	failpoint.Hit("bus.ack")
	defer d.source.release(d)
	if d.source.stream == streamObjects {
		return d.msg.DoubleAck(ctx)
	}
	return d.msg.Ack()
}

func (d *delivery[T]) Retry(_ context.Context, wait time.Duration) error {
	defer d.source.release(d)
	if wait <= 0 {
		return d.msg.Nak()
	}
	return d.msg.NakWithDelay(wait)
}

func (d *delivery[T]) Reject(_ context.Context, cause error) error {
	defer d.source.release(d)
	return d.msg.TermWithReason(string(fault.ReasonOf(cause)))
}
