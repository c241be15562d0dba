package bus

import (
	"context"
	"errors"
	"math"
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
	for {
		pending, limit, err := g.read(context.Background()) // JetStream's own timeout bounds it
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			g.bus.rebuild(context.Background(), g.stream)
		case err != nil:
			g.bus.log.Warn("cannot read the backlog of a stream", "stream", g.stream, "err", err)
		case err == nil:
			now := g.set(pending, limit)
			if now != shut {
				g.bus.log.Info("back-pressure changed", "stream", g.stream, "held_back", now, "undelivered_bytes", pending, "limit", limit)
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

// read returns how many bytes lie behind the slowest consumer of the stream,
// and how many may.
func (g *gate) read(ctx context.Context) (pending, limit int64, err error) {
	s, err := g.bus.js.Stream(ctx, g.stream)
	if err != nil {
		return 0, 0, err
	}
	state, config := s.CachedInfo().State, s.CachedInfo().Config
	limit = config.MaxBytes / gateShare
	if config.MaxBytes <= 0 {
		limit = math.MaxInt64
	}
	infos, err := g.bus.consumers(ctx, g.stream)
	if err != nil {
		return 0, 0, err
	}
	return undelivered(state, infos), limit, nil
}

// undelivered estimates the bytes from the first message that some consumer
// has not settled to the end of the stream.
func undelivered(state jetstream.StreamState, infos []*jetstream.ConsumerInfo) int64 {
	floor := state.LastSeq
	for _, info := range infos {
		if backlog(info) > 0 {
			floor = min(floor, info.AckFloor.Stream)
		}
	}
	if state.Msgs == 0 || floor >= state.LastSeq {
		return 0
	}
	behind := min(state.LastSeq-floor, state.Msgs)
	return int64(float64(state.Bytes) * float64(behind) / float64(state.Msgs))
}
