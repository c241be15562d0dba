// Package azure is the sink that posts rows to the Azure Logs Ingestion API.
//
//	Write ──encode──▶ part ──▶ queue ──gather──▶ call ──gzip──▶ POST
//	  ▲                        one of each per table               │
//	  └───────────────── every row accepted or rejected ◀──judge───┘
//
// A Write is a part. A call carries whole parts, as many as fit into
// 1,000,000 bytes of JSON; only a part that alone is larger spans calls. Each
// table has a queue and calls in flight of its own, so that a table whose rule
// is broken holds back no other. What they share is the pause that the service
// asks for when it throttles a rule. The calls of a table that has several rules
// are spread over them.
//
// What each answer of the service leads to is in one place: see judge.
//
// The service has no memory of what it took: rows that are posted twice are
// there twice. So a call that is on its way is awaited, also when the Write it
// is for is told to end, and only what is known to be refused, or cannot be
// known, is posted again. The latter is counted: see Metrics.
package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink"
)

// ErrClosed is returned by Write when the sink is closed, or was closed before
// the rows were accepted.
var ErrClosed = errors.New("the sink is closed")

// Options are what a sink needs besides its destination. All fields are
// required but Pauses.
type Options struct {
	// Calls is how many calls are in flight per table at a time.
	Calls int
	// Linger is how long a part waits for others to share its call, at most.
	Linger time.Duration
	// Credentials holds the process's credentials; the caller makes it once.
	Credentials *Credentials
	// Pauses holds the pauses of rules; nil: they are this sink's own.
	Pauses Pauses
	// Version of the program, told to the service.
	Version string
	Log     *slog.Logger
	Metrics *Metrics
}

// Sink posts rows to the rules of one destination. It implements [sink.Sink].
type Sink struct {
	client  *client
	streams map[string]*stream // by table
	buffers sync.Pool          // of *encoded, for the rows of a part

	workers conc.WaitGroup
	stop    context.CancelFunc // ends the workers
	stopped <-chan struct{}

	mu     sync.Mutex
	closed bool
	writes sync.WaitGroup
}

// Open readies a sink for the destination. It makes no call. An error names
// the key of the destination that is wrong.
func Open(d connection.Destination, o Options) (*Sink, error) {
	client, err := newClient(d, o)
	if err != nil {
		return nil, err
	}
	return open(d, o, client), nil
}

func open(d connection.Destination, o Options, client *client) *Sink {
	if o.Pauses == nil {
		o.Pauses = NewPauses()
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sink{client: client, streams: make(map[string]*stream), stop: stop, stopped: ctx.Done()}
	rules := make(map[string]*rule)
	for table, to := range d.Tables {
		for _, id := range to.IDs() {
			if rules[id] == nil {
				rules[id] = &rule{id: id, pauses: o.Pauses}
			}
		}
		st := newStream(table, to, rules, client, o, d.Name)
		s.streams[table] = st
		for range o.Calls {
			s.workers.Go(func() { st.work(ctx) })
		}
	}
	return s
}

// Write posts the rows of b; see [sink.Sink]. It refuses a table that the
// destination has no rule for with a permanent fault.
func (s *Sink) Write(ctx context.Context, b *batch.Batch) ([]sink.Rejected, error) {
	st, ok := s.streams[b.Meta.Table]
	if !ok {
		return nil, fault.Permanent(fault.NoRule, fmt.Errorf("destination %s has no rule for table %s", b.Meta.Destination, b.Meta.Table))
	}
	if !s.enter() {
		return nil, ErrClosed
	}
	defer s.writes.Done()
	buffer := s.buffer()
	p, err := newPart(b.Record, *buffer, ctx.Done())
	if err != nil {
		return nil, fault.Permanent(fault.Undecodable, fmt.Errorf("rows of %s: %w", b.Meta.Table, err))
	}
	if err := s.pass(ctx, st, p); err != nil {
		return nil, err // the workers may still read the buffer: it is not reused
	}
	*buffer = p.encoded
	s.buffers.Put(buffer)
	st.metrics.reject(p.rejected)
	slices.SortFunc(p.rejected, func(a, b sink.Rejected) int { return cmp.Compare(a.Row, b.Row) })
	return p.rejected, nil
}

// pass hands p to the workers of its stream and waits until every row is
// accepted or rejected, or ctx has ended and p can be left.
func (s *Sink) pass(ctx context.Context, st *stream, p *part) error {
	if p.left == 0 {
		return nil
	}
	select {
	case st.queue <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopped:
		return ErrClosed
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		if p.leave() {
			return ctx.Err()
		}
	}
	if err := p.outcome(); err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	return nil
}

// enter counts a Write in, unless the sink is closed.
func (s *Sink) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.writes.Add(1)
	}
	return !s.closed
}

func (s *Sink) buffer() *encoded {
	if b, ok := s.buffers.Get().(*encoded); ok {
		return b
	}
	return new(encoded)
}

// Close refuses further Writes, waits for those in progress, or until ctx
// ends, and ends the sink. When ctx has ended no call is begun, but those on
// their way are awaited for up to 10 seconds more; Writes whose rows are not
// accepted by then return [ErrClosed].
func (s *Sink) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	release := context.AfterFunc(ctx, s.stop)
	s.writes.Wait()
	var err error
	if !release() {
		err = ctx.Err()
	}
	s.stop()
	s.workers.Wait()
	s.client.close()
	return err
}
