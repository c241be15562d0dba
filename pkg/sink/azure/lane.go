package azure

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/fault"
)

// lanes are the rules of a stream, over which its calls are spread: one after
// the other, but for those that the service throttles or that refuse calls.
type lanes struct {
	all []*lane

	mu   sync.Mutex // over what follows and what changes of each lane
	next int        // the lane whose turn it is
}

// lane is the way of a stream through one of its rules.
type lane struct {
	rule     *rule
	log      *slog.Logger
	refusing prometheus.Gauge

	refused int       // calls in a row
	closed  time.Time // until then no call is made
}

// open is when the lane takes calls; a time that has passed if it does now.
func (l *lane) open() time.Time {
	paused := l.rule.pauses.Until(l.rule.id)
	if paused.After(l.closed) {
		return paused
	}
	return l.closed
}

// choose returns the lane of the next call. It waits until one is open: those
// that are take turns. It fails when ctx ends.
func (l *lanes) choose(ctx context.Context, m *streamMetrics) (*lane, error) {
	return wait(ctx, m, l.first)
}

// stay returns the lane once it is open, or fails when ctx ends.
func (l *lanes) stay(ctx context.Context, m *streamMetrics, one *lane) (*lane, error) {
	return wait(ctx, m, func() (*lane, time.Time) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return one, one.open()
	})
}

// wait returns the lane that pick gives once it is open.
func wait(ctx context.Context, m *streamMetrics, pick func() (*lane, time.Time)) (*lane, error) {
	start, waited := time.Now(), false
	for {
		one, opens := pick()
		left := time.Until(opens)
		if left <= 0 {
			if waited {
				m.paused.Add(time.Since(start).Seconds())
			}
			return one, ctx.Err()
		}
		waited = true
		if err := fault.Sleep(ctx, left); err != nil {
			return nil, err
		}
	}
}

// first returns the lane that is open, or opens first, and when. Of those that
// are open it is the one whose turn it is.
func (l *lanes) first() (best *lane, opens time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for i := range l.all {
		at := (l.next + i) % len(l.all)
		one := l.all[at]
		when := one.open()
		if !when.After(now) {
			l.next = at + 1
			return one, when
		}
		if best == nil || when.Before(opens) {
			best, opens = one, when
		}
	}
	return best, opens
}

// close closes a lane whose rule refused a call in a way that a person must
// mend, if there is another, and returns for how long. Calls that were on their
// way meanwhile and are refused too do not count. A lane that is the only one
// stays open: its call waits by itself.
func (l *lanes) close(one *lane) (d time.Duration, closed bool) {
	one.refusing.Set(1)
	if len(l.all) == 1 {
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if left := time.Until(one.closed); left > 0 {
		return left, true
	}
	one.refused++
	d = slowly(one.refused)
	one.closed = time.Now().Add(d)
	return d, true
}

// accept forgets what the lane's rule refused, and reports whether it did.
func (l *lanes) accept(one *lane) (refused bool) {
	one.refusing.Set(0)
	l.mu.Lock()
	defer l.mu.Unlock()
	refused = one.refused > 0
	one.refused, one.closed = 0, time.Time{}
	return refused
}
