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
	// glance is how often a part that waits for company looks whether waiting
	// still makes sense: it does not once no call is in flight.
	glance = 50 * time.Millisecond
	// fullEnough is the size at which a call waits for no more parts.
	fullEnough = maxCallBytes * 9 / 10
)

// stream is the way to one stream of a rule: its queue and its workers, each
// of which has at most one call in flight.
type stream struct {
	name   string
	rule   *rule
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
	// busy counts the workers that are past gathering.
	busy atomic.Int32

	log     *slog.Logger
	metrics *streamMetrics
}

func newStream(table string, to connection.Rule, r *rule, c *client, o Options, destination string) *stream {
	name := to.Stream
	if name == "" {
		name = "Custom-Logferry-" + table
	}
	s := &stream{
		name: name, rule: r, client: c, linger: o.Linger,
		queue: make(chan *part), turn: make(chan struct{}, 1),
		log:     o.Log.With("destination", destination, "table", table, "rule", to.Rule, "stream", name),
		metrics: o.Metrics.stream(destination, table),
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
// call: until the call is full, the linger time is over or there is no call in
// flight whose end they could be waiting for. So calls are well filled when
// there is much to send, and go out nearly at once when there is little.
func (s *stream) gather(ctx context.Context) []*part {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return nil
	}
	defer func() { s.turn <- struct{}{} }()
	first := s.head
	if s.head = nil; first == nil {
		select {
		case first = <-s.queue:
		case <-ctx.Done():
			return nil
		}
	}
	return s.company(ctx, first)
}

// company adds parts to the first while they fit its call.
func (s *stream) company(ctx context.Context, first *part) []*part {
	parts, size := []*part{first}, len("[]")+first.size()
	start := time.Now()
	tick := time.NewTicker(min(glance, max(s.linger, time.Millisecond)))
	defer tick.Stop()
	for size < fullEnough {
		select {
		case p := <-s.queue:
			if size += p.size(); size > maxCallBytes {
				s.head = p
				return parts
			}
			parts = append(parts, p)
		case <-tick.C:
			if s.busy.Load() == 0 || time.Since(start) >= s.linger {
				return parts
			}
		case <-ctx.Done():
			return parts
		}
	}
	return parts
}

// send delivers the parts and settles those that are not settled yet. The work
// ends early when nobody waits for any of them.
func (s *stream) send(ctx context.Context, parts []*part) {
	s.busy.Add(1)
	defer s.busy.Add(-1)
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
		for _, rows := range chunks(rowsOf(parts)) {
			s.deliver(ctx, rows)
		}
	})
	for _, p := range parts {
		s.metrics.reposted.Add(float64(p.settle(panicked.AsError())))
	}
	cancel(nil)
	watch.Wait()
}
