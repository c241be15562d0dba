package bus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// bucketPauses is the key-value bucket that shares pauses: one key a rule,
// the end of its pause as text.
const bucketPauses = "logferry-pauses"

// pauseAge is how long a pause that ended is remembered; it is longer than any
// pause.
const pauseAge = 2 * time.Hour

// Pauses are times until which nothing is to be sent to a rule, shared by all
// processes on the bus. They are safe for concurrent use.
type Pauses struct {
	bus   *Bus
	store jetstream.KeyValue

	mu    sync.Mutex
	until map[string]time.Time
}

// Pauses returns the pauses of all rules, kept up to date until the bus
// closes.
func (b *Bus) Pauses(ctx context.Context) (*Pauses, error) {
	var store jetstream.KeyValue
	err := untilReady(ctx, func() (err error) {
		store, err = b.js.KeyValue(ctx, bucketPauses)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", bucketPauses, err)
	}
	watcher, err := store.WatchAll(context.WithoutCancel(ctx))
	if err != nil {
		return nil, fmt.Errorf("watch bucket %s: %w", bucketPauses, err)
	}
	p := &Pauses{bus: b, store: store, until: make(map[string]time.Time)}
	b.loops.Go(func() { p.follow(watcher) })
	return p, nil
}

// follow takes in what any process says, until the bus closes.
func (p *Pauses) follow(watcher jetstream.KeyWatcher) {
	defer func() { _ = watcher.Stop() }() // the connection closes next
	for {
		select {
		case entry, ok := <-watcher.Updates():
			if !ok {
				return
			}
			if entry == nil { // the end of what was there at the start
				continue
			}
			if until, err := time.Parse(time.RFC3339Nano, string(entry.Value())); err == nil {
				p.extend(entry.Key(), until)
			}
		case <-p.bus.closing:
			return
		}
	}
}

// Pause holds calls to the rule back until the given time, here at once and
// elsewhere as soon as the news is there. A pause that cannot be shared holds
// here. A pause that ends sooner than the one in force changes nothing.
func (p *Pauses) Pause(ctx context.Context, rule string, until time.Time) {
	if !p.extend(rule, until) {
		return
	}
	if _, err := p.store.Put(ctx, rule, []byte(until.UTC().Format(time.RFC3339Nano))); err != nil && ctx.Err() == nil {
		p.bus.log.Warn("cannot share the pause of a rule with other writers", "rule", rule, "err", err)
	}
}

// Until returns when the rule's pause ends; a time that has passed, or the
// zero time, when there is none.
func (p *Pauses) Until(rule string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until[rule]
}

// extend notes a pause and reports whether it is longer than what was known.
func (p *Pauses) extend(rule string, until time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !until.After(p.until[rule]) {
		return false
	}
	p.until[rule] = until
	return true
}
