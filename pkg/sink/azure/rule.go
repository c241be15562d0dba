package azure

import (
	"context"
	"sync"
	"time"
)

// Pauses holds back the calls to rules that the service throttles. It may be
// shared by all writers of a rule, in this process and others.
type Pauses interface {
	// Pause holds calls to the rule back until the given time. A pause that
	// ends sooner than the one in force changes nothing. It returns soon and
	// does its best: a pause that cannot be shared holds here.
	Pause(ctx context.Context, rule string, until time.Time)
	// Until returns when the rule's pause ends; a time that has passed, or
	// the zero time, when there is none. It is asked before every call and
	// does not block.
	Until(rule string) time.Time
}

// LocalPauses are pauses shared within the process. They implement [Pauses].
type LocalPauses struct {
	mu    sync.Mutex
	until map[string]time.Time // one entry a rule, never more than there are rules
}

// NewPauses returns an empty [LocalPauses].
func NewPauses() *LocalPauses { return &LocalPauses{until: make(map[string]time.Time)} }

// Pause implements [Pauses].
func (l *LocalPauses) Pause(_ context.Context, rule string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.until[rule]) {
		l.until[rule] = until
	}
}

// Until implements [Pauses].
func (l *LocalPauses) Until(rule string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until[rule]
}

// rule is what the streams of all tables that go to one data collection rule
// share.
type rule struct {
	id       string
	pauses   Pauses
	errors   alarm
	warnings alarm
}

// pause holds back all calls to the rule.
func (r *rule) pause(ctx context.Context, d time.Duration) {
	r.pauses.Pause(ctx, r.id, time.Now().Add(d))
}

// quiet is how long an alarm is silent after it rang.
const quiet = time.Minute

// alarm lets one message a minute pass.
type alarm struct {
	mu     sync.Mutex
	last   time.Time
	unsaid int
}

// ring reports whether the message may be said, and how many were not since
// the last.
func (a *alarm) ring(now time.Time) (unsaid int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.last.IsZero() && now.Sub(a.last) < quiet {
		a.unsaid++
		return 0, false
	}
	unsaid, a.unsaid, a.last = a.unsaid, 0, now
	return unsaid, true
}
