package poller

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"
)

const (
	// maxHold is how long SQS lets one receiver hold a message, less a minute
	// for the clocks and the way.
	maxHold = 12*time.Hour - time.Minute
	// maxCalls is how many batched calls of one kind are under way per queue.
	maxCalls = 8
)

// keeper extends the visibility of the messages of one queue, from their
// receipt until they are let go, so that SQS gives them to nobody else.
type keeper struct {
	visibility time.Duration
	change     batchCall
	log        *slog.Logger
	metrics    *queueMetrics

	mu       sync.Mutex
	messages map[string]*Message // by id
}

func newKeeper(visibility time.Duration, change batchCall, log *slog.Logger, metrics *queueMetrics) *keeper {
	return &keeper{visibility: visibility, change: change, log: log, metrics: metrics, messages: map[string]*Message{}}
}

// keep takes m up and reports whether it is new. SQS may hand a message out
// that is held already: then the held one gets the newer receipt.
func (k *keeper) keep(m *Message) (fresh bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m.hold.due = m.hold.since.Add(k.visibility / 3)
	if held := k.messages[m.ID]; held != nil {
		held.hold = m.hold
		return false
	}
	k.messages[m.ID] = m
	k.metrics.inFlight.Inc()
	return true
}

// release lets m go.
func (k *keeper) release(m *Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.messages, m.ID)
	k.metrics.inFlight.Dec()
}

// held returns the present claim on m.
func (k *keeper) held(m *Message) hold {
	k.mu.Lock()
	defer k.mu.Unlock()
	return m.hold
}

// run extends what is due until ctx ends. It looks often enough that a failed
// extension is tried again several times before the visibility ends.
func (k *keeper) run(ctx context.Context) {
	tick := time.NewTicker(k.visibility / 12)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.extend(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// extend prolongs every hold that is due, ten messages a call.
func (k *keeper) extend(ctx context.Context) {
	calls := pool.New().WithMaxGoroutines(maxCalls)
	defer calls.Wait()
	for batch := range slices.Chunk(k.due(time.Now()), batchSize) {
		calls.Go(func() { k.extendBatch(ctx, batch) })
	}
}

// due lists the messages to extend now, and takes leave of those that SQS
// will not let the poller hold on to.
func (k *keeper) due(now time.Time) (due []*Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range k.messages {
		switch {
		case m.hold.lost || now.Before(m.hold.due):
		case now.Sub(m.hold.since) >= maxHold:
			m.hold.lost = true
			k.metrics.extensions.WithLabelValues("expired").Inc()
			k.log.Error("a message has been held for 12 hours, the most SQS allows; SQS will hand it out again",
				"message", m.ID, "received", m.hold.since)
		default:
			due = append(due, m)
		}
	}
	return due
}

func (k *keeper) extendBatch(ctx context.Context, batch []*Message) {
	// One with a request under way is being settled: leave it alone.
	batch = slices.DeleteFunc(batch, func(m *Message) bool { return !m.tryBegin() })
	if len(batch) == 0 {
		return
	}
	now := time.Now()
	entries := make([]entry, len(batch))
	for i, m := range batch {
		h := k.held(m)
		entries[i] = entry{receipt: h.receipt, visibility: min(k.visibility, h.since.Add(maxHold).Sub(now))}
	}
	errs := k.change(ctx, entries)
	for i, m := range batch {
		k.extended(m, entries[i], now, errs[i])
		m.end()
	}
}

// extended notes the outcome of an extension. After a failure that may pass
// the message stays due.
func (k *keeper) extended(m *Message, e entry, now time.Time, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.metrics.extensions.WithLabelValues("ok").Inc()
		m.hold.due = now.Add(k.visibility / 3)
	case m.hold.receipt != e.receipt || k.messages[m.ID] != m: // outdated
	case errors.Is(err, errGone):
		m.hold.lost = true
		k.metrics.extensions.WithLabelValues("lost").Inc()
		k.log.Warn("SQS no longer honours the receipt of a message; it may be handed out again", "message", m.ID, "err", err)
	default:
		k.metrics.extensions.WithLabelValues("failed").Inc()
		k.log.Warn("cannot extend the visibility of a message; trying again", "message", m.ID, "err", err)
	}
}
