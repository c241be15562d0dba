package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// gateInterval is how often a gate reads the state of its stream.
const gateInterval = time.Second

// gateShare is the part of a stream's byte limit that undelivered data may
// take. Eviction starts at the whole, and the rest is ample for what passes
// between two readings.
const gateShare = 2

// gate holds publishers back while their stream holds much that is not
// delivered. So a slow stage slows those before it, and the streams' limits
// only ever evict what was delivered.
type gate struct {
	bus    *Bus
	stream string

	mu      sync.Mutex
	limit   int64         // bytes
	pending int64         // undelivered bytes at the last reading, and published since
	open    chan struct{} // closed while the gate is open
}

func newGate(b *Bus, stream string) *gate {
	return &gate{bus: b, stream: stream, open: make(chan struct{})}
}

// pass returns once size bytes may be published.
func (g *gate) pass(ctx context.Context, size int) error {
	for {
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		select {
		case <-open:
		case <-ctx.Done():
			return ctx.Err()
		}
		g.mu.Lock()
		if g.open == open { // not shut in between
			g.pending += int64(size)
			if g.pending >= g.limit {
				g.open = make(chan struct{})
			}
			g.mu.Unlock()
			return nil
		}
		g.mu.Unlock()
	}
}

// run keeps the gate's reading fresh until closing is closed. The gate is shut
// until the first reading.
func (g *gate) run(closing <-chan struct{}) {
	ticker := time.NewTicker(gateInterval)
	defer ticker.Stop()
	shut := false
	var losses losses
	for {
		r, err := g.bus.read(context.Background(), g.stream) // JetStream's own timeout bounds it
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrConsumerNotFound):
			g.bus.rebuild(context.Background(), err)
		case err != nil:
			g.bus.log.Warn("cannot read the backlog of a stream", "stream", g.stream, "err", err)
		case err == nil:
			losses.look(g.bus, r)
			now := g.set(r.undelivered(), r.limit()/gateShare)
			if now != shut {
				g.bus.log.Info("back-pressure changed", "stream", g.stream, "held_back", now, "undelivered_bytes", r.undelivered(), "limit", r.limit()/gateShare)
			}
			shut = now
		}
		select {
		case <-ticker.C:
		case <-closing:
			return
		}
	}
}

// set takes a reading and reports whether the gate is shut by it.
func (g *gate) set(pending, limit int64) (shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending, g.limit = pending, limit
	shut = pending >= limit
	isOpen := false
	select {
	case <-g.open:
		isOpen = true
	default:
	}
	switch {
	case isOpen && shut:
		g.open = make(chan struct{})
	case !isOpen && !shut:
		close(g.open)
	}
	g.bus.metrics.undelivered.WithLabelValues(g.stream).Set(float64(pending))
	return shut
}
