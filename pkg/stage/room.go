package stage

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// room bounds the bytes of what is handled at a time; nil bounds nothing.
type room struct {
	bytes *semaphore.Weighted
	most  int64
}

func newRoom(bytes int64) *room {
	if bytes == 0 {
		return nil
	}
	return &room{semaphore.NewWeighted(bytes), bytes}
}

// enter returns once there is room for the delivery; leave gives it back. When
// ctx ends first it lets the delivery in all the same: it is about to be given
// back.
func (r *room) enter(ctx context.Context, delivery any) (leave func()) {
	sized, ok := delivery.(Sized)
	if r == nil || !ok {
		return func() {}
	}
	n := min(max(sized.Size(), 0), r.most)
	if r.bytes.Acquire(ctx, n) != nil {
		return func() {}
	}
	return func() { r.bytes.Release(n) }
}
