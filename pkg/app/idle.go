package app

import (
	"context"
	"time"
)

// idleness tells when nothing has been in flight for a while.
type idleness struct {
	// span is how long nothing must have been in flight.
	span time.Duration
	// backlog counts the messages on the bus that wait or are in work.
	backlog func(context.Context) (int64, error)
	// active returns the deliveries in work, and when one last was.
	active func() (inWork int, last time.Time)
}

// wait returns nil once nothing has been in flight for the span, and the
// context's error when it ends before.
//
// Work passes from a stage to the bus before the stage settles its delivery,
// so at a moment without deliveries in work and without a backlog nothing is
// on its way between the two unless a delivery was settled after the backlog
// was counted; then the time of that delivery starts the span anew.
func (i idleness) wait(ctx context.Context) error {
	since := time.Now()
	tick := time.NewTicker(min(max(i.span/10, 10*time.Millisecond), time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		waiting, err := i.backlog(ctx)
		inWork, last := i.active()
		if err != nil || waiting > 0 || inWork > 0 {
			last = time.Now() // a bus that does not answer may hold anything
		}
		if last.After(since) {
			since = last
		}
		if time.Since(since) >= i.span {
			return nil
		}
	}
}
