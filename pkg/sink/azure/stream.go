package azure

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/panics"

	"github.com/logferry/logferry/pkg/connection"
)

const (
	// pace is how long after a call the next begins at the earliest, unless it
	// is full: a service that answers at once gets a few filled calls, not one
	// for each part, of which a rule takes 200 a second.
	pace = 10 * time.Millisecond
	// fullEnough is the size at which a call waits for no more parts.
	fullEnough = maxCallBytes * 9 / 10
)

// stream is the way to the stream of a table: its queue and its workers, each of
// which has at most one call in flight.
type stream struct {
	name   string
	lanes  lanes
	client *client
	linger time.Duration

	// queue has no room of its own: a Write blocks until a worker takes its
	// part. What is in memory is bounded by the Writes in progress.
	queue chan *part
	// turn holds one token: only the worker that has it gathers.
	turn chan struct{}
	// head is a part that was taken but did not fit the last call. It belongs
	// to the worker whose turn it is.
	head *part
	// begun is when a worker last ended its turn with a call to make. It belongs
	// to the worker whose turn it is.
	begun time.Time
	// busy counts the workers that are past gathering.
	busy atomic.Int32
	// landed tells the gathering worker that a call has ended. It has room for
	// one.
	landed chan struct{}

	log     *slog.Logger
	metrics *streamMetrics
}

func newStream(table string, to connection.Rule, rules map[string]*rule, c *client, o Options, destination string) *stream {
	name := StreamName(table, to)
	s := &stream{
		name: name, client: c, linger: o.Linger,
		queue: make(chan *part), turn: make(chan struct{}, 1), landed: make(chan struct{}, 1),
		log:     o.Log.With("destination", destination, "table", table, "stream", name),
		metrics: o.Metrics.stream(destination, table),
	}
	for _, id := range to.IDs() {
		s.lanes.all = append(s.lanes.all, &lane{
			rule: rules[id], log: s.log.With("rule", id), refusing: o.Metrics.refusing.WithLabelValues(destination, table, id),
		})
	}
	s.turn <- struct{}{}
	return s
}

// work makes calls, one after the other, until ctx ends.
func (s *stream) work(ctx context.Context) {
	for ctx.Err() == nil {
		if parts := s.gather(ctx); len(parts) > 0 {
			s.send(ctx, parts)
		}
	}
	s.abandon()
}

// abandon settles the part that nobody will send any more, so that its Write
// returns.
func (s *stream) abandon() {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if s.head != nil {
		s.head.settle(nil)
		s.head = nil
	}
}

// gather waits for its turn and for a part, and then for others to share the
// call. Nothing waits when no call is in flight. While there is one, parts
// gather until it ends, their own call is full or the linger time is over: they
// wait for as long as a call takes at most, and the more there is to send, the
// fuller calls are.
func (s *stream) gather(ctx context.Context) []*part {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return nil
	}
	defer func() { s.turn <- struct{}{} }()
	first := s.next()
	if first == nil {
		drain(s.landed) // it ended when nothing waited for it
		select {
		case first = <-s.queue:
		case <-ctx.Done():
			return nil
		}
	}
	parts := s.company(ctx, first)
	s.begun = time.Now()
	return parts
}

// next returns a part that waits to be taken, or nil.
func (s *stream) next() *part {
	if p := s.head; p != nil {
		s.head = nil
		return p
	}
	select {
	case p := <-s.queue:
		return p
	default:
		return nil
	}
}

// company adds parts to the first while they fit its call.
func (s *stream) company(ctx context.Context, first *part) []*part {
	parts, size := []*part{first}, len("[]")+first.size()
	late := time.Now().Add(s.linger)
	free := s.busy.Load() == 0
	for size < fullEnough {
		p := s.next()
		if p == nil {
			until := late
			if free && s.begun.Add(pace).Before(late) {
				until = s.begun.Add(pace)
			}
			var ended bool
			if p, ended = s.await(ctx, until); ended {
				free = true
				continue
			}
		}
		if p == nil {
			return parts
		}
		if size += p.size(); size > maxCallBytes {
			s.head = p
			return parts
		}
		parts = append(parts, p)
	}
	return parts
}

// await waits for a part or the end of a call, until a time or ctx ends.
func (s *stream) await(ctx context.Context, until time.Time) (p *part, ended bool) {
	left := time.Until(until)
	if left <= 0 {
		return nil, false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case p = <-s.queue:
	case <-s.landed:
		ended = true
	case <-timer.C:
	case <-ctx.Done():
	}
	return p, ended
}

// signal puts a token into a channel with room for one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // the last one is not taken yet
	}
}

// drain takes the token out of a channel with room for one.
func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// send delivers the parts and settles those that are not settled yet. The work
// ends early when nobody waits for any of them.
func (s *stream) send(ctx context.Context, parts []*part) {
	s.busy.Add(1)
	defer func() { s.busy.Add(-1); signal(s.landed) }()
	ctx, cancel := context.WithCancelCause(ctx)
	var watch conc.WaitGroup
	watch.Go(func() {
		for _, p := range parts {
			select {
			case <-p.gone:
			case <-p.done:
			case <-ctx.Done():
				return
			}
		}
		cancel(errNobody)
	})
	// A panic must not leave Writes waiting for ever: they get it as an error.
	panicked := panics.Try(func() {
		for _, call := range chunks(runsOf(parts)) {
			s.deliver(ctx, call)
		}
	})
	for _, p := range parts {
		s.metrics.reposted.Add(float64(p.settle(panicked.AsError())))
	}
	cancel(nil)
	watch.Wait()
}
