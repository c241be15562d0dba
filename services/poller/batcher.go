package poller

import (
	"context"
	"time"

	"github.com/sourcegraph/conc/pool"
)

const (
	// batchSize is the most entries SQS takes in one call.
	batchSize = 10
	// linger is how long an entry waits for company.
	linger = 50 * time.Millisecond
)

// entry is one message's part of a batched call.
type entry struct {
	receipt string
	// visibility is what a change of visibility asks for.
	visibility time.Duration
	done       chan error
}

// batchCall makes one call for up to batchSize entries and returns one error,
// or nil, for each.
type batchCall func(ctx context.Context, entries []entry) []error

// batcher gathers the entries of many goroutines into batched calls.
type batcher struct {
	call batchCall
	in   chan entry
}

func newBatcher(call batchCall) *batcher { return &batcher{call, make(chan entry)} }

// do adds e to a call and returns its outcome.
func (b *batcher) do(ctx context.Context, e entry) error {
	e.done = make(chan error, 1) // one outcome, which nobody may wait for
	select {
	case b.in <- e:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run makes the calls until ctx ends, which must be after the last do.
func (b *batcher) run(ctx context.Context) {
	calls := pool.New().WithMaxGoroutines(maxCalls)
	defer calls.Wait()
	for {
		select {
		case e := <-b.in:
			batch := b.gather(e)
			calls.Go(func() {
				for i, err := range b.call(ctx, batch) {
					batch[i].done <- err
				}
			})
		case <-ctx.Done():
			return
		}
	}
}

// gather collects entries until the batch is full or the first has waited
// long enough.
func (b *batcher) gather(first entry) []entry {
	batch := append(make([]entry, 0, batchSize), first)
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for len(batch) < batchSize {
		select {
		case e := <-b.in:
			batch = append(batch, e)
		case <-timer.C:
			return batch
		}
	}
	return batch
}
