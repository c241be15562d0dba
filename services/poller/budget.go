package poller

import (
	"context"
	"fmt"
	"sync"

	"github.com/logferry/logferry/pkg/app"
)

// growth is how many times larger an object is assumed to be on the bus, in
// each of its streams, than in its bucket.
const growth = 16

// minObjectBytes is what an object counts for at least.
const minObjectBytes = 4 << 10

// newBudgets returns the budget of each destination. It refuses one whose
// objects might not find room on the bus.
func newBudgets(c app.Config) (map[string]*budget, error) {
	most := c.Bus.MaxBytes / 2 / growth // half a stream is where publishers are held back
	limit := c.Poller.InFlightBytes
	if limit == 0 {
		limit = most
	}
	if limit > most {
		return nil, fmt.Errorf("poller.in_flight_bytes is %d; with bus.max_bytes %d it must be at most %d: objects are assumed to grow %d-fold on the bus, and half a stream to be undelivered; lower it, or raise bus.max_bytes",
			limit, c.Bus.MaxBytes, most, growth)
	}
	budgets := make(map[string]*budget, len(c.Destinations))
	for _, d := range c.Destinations {
		budgets[d.Name] = newBudget(limit)
	}
	return budgets, nil
}

// budget bounds the bytes of the objects in flight for one destination, from
// the receipt of their message until they are done. Who takes from it is not
// refused: it is asked for room before more is received. So one object may be
// larger than the whole.
type budget struct {
	limit int64

	mu   sync.Mutex
	used int64
	room chan struct{} // closed while there is room
}

func newBudget(limit int64) *budget {
	b := &budget{limit: limit, room: make(chan struct{})}
	close(b.room)
	return b
}

// wait returns once there is room.
func (b *budget) wait(ctx context.Context) error {
	b.mu.Lock()
	room := b.room
	b.mu.Unlock()
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take counts an object of so many bytes in; give counts it out.
func (b *budget) take(bytes int64) (give func()) {
	bytes = max(bytes, minObjectBytes)
	b.add(bytes)
	return func() { b.add(-bytes) }
}

func (b *budget) add(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	had := b.used < b.limit
	b.used += bytes
	switch has := b.used < b.limit; {
	case had && !has:
		b.room = make(chan struct{})
	case !had && has:
		close(b.room)
	}
}
