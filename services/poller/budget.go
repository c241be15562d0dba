package poller

import (
	"context"
	"sync"

	"github.com/logferry/logferry/pkg/app"
)

// minObjectBytes is what an object counts for at least.
const minObjectBytes = 4 << 10

// newBudgets returns the budget of each destination.
func newBudgets(c app.Config) map[string]*budget {
	budgets := make(map[string]*budget, len(c.Destinations))
	for _, d := range c.Destinations {
		budgets[d.Name] = newBudget(c.InFlightBytes())
	}
	return budgets
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
