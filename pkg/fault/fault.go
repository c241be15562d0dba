// Package fault says what is to be done about an error. Errors are classified
// once, at the boundary that knows their cause (sink, fetcher, poller, bus);
// everything above only asks.
//
// There are four kinds:
//
//   - [Permanent]: trying again cannot help. The input becomes a dead letter
//     under the given [Reason].
//   - [After]: try again, not sooner than the given wait.
//   - [Limited]: try again soon at first, then after the given wait, but only so
//     many times; then it is permanent.
//   - anything else is transient: try again with exponential back-off.
package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Bounds of the exponential back-off that [Wait] computes.
const (
	minWait = 500 * time.Millisecond
	maxWait = time.Minute
)

type permanent struct {
	reason Reason
	err    error
}

func (e *permanent) Error() string { return e.err.Error() }
func (e *permanent) Unwrap() error { return e.err }

type after struct {
	wait time.Duration
	err  error

	attempts int // 0: no limit
	reason   Reason
}

func (e *after) Error() string { return e.err.Error() }
func (e *after) Unwrap() error { return e.err }

// Permanent marks err as one that trying again cannot cure. A nil err gives
// nil.
func Permanent(reason Reason, err error) error {
	if err == nil {
		return nil
	}
	return &permanent{reason, err}
}

// After marks err as one to try again, not sooner than wait. A nil err gives
// nil.
func After(wait time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &after{wait: wait, err: err}
}

// Limited marks err as one to try again until as many attempts have failed; then
// it is permanent, for reason. It is for what somebody may mend meanwhile, such
// as a missing permission, or what this process has not been told yet: so the
// waits grow from half a second to the given one. A nil err gives nil.
func Limited(attempts int, wait time.Duration, reason Reason, err error) error {
	if err == nil {
		return nil
	}
	return &after{wait: wait, err: err, attempts: attempts, reason: reason}
}

// Final returns what err is after that many attempts: a limited error that has
// reached its limit is permanent, any other is what it was.
func Final(err error, attempts int) error {
	if a, ok := errors.AsType[*after](err); ok && a.attempts > 0 && attempts >= a.attempts {
		return Permanent(a.reason, err)
	}
	return err
}

// IsPermanent reports whether err, or an error it wraps, is permanent.
func IsPermanent(err error) bool {
	_, ok := errors.AsType[*permanent](err)
	return ok
}

// ReasonOf returns the reason code of a permanent error, or [Internal] for an
// error that carries none.
func ReasonOf(err error) Reason {
	if p, ok := errors.AsType[*permanent](err); ok {
		return p.reason
	}
	return Internal
}

// Wait returns how long to wait before attempt number attempt+1: what the
// error asks for, else exponential back-off with jitter from half a second to
// a minute. The first attempt is number 1.
func Wait(err error, attempt int) time.Duration {
	a, ok := errors.AsType[*after](err)
	if ok && a.attempts == 0 {
		return a.wait
	}
	wait := maxWait
	if shift := max(attempt-1, 0); shift < 7 {
		wait = min(minWait<<shift, maxWait)
	}
	if ok {
		return min(wait, a.wait)
	}
	return wait/2 + rand.N(wait/2+1)
}

// Sleep waits for d or until ctx ends, whose error it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Outlive returns a context that ends d after ctx does: for work that must not
// be broken off. end frees what it holds and must be called.
func Outlive(ctx context.Context, d time.Duration) (longer context.Context, end func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() { stop(); cancel() }
}
