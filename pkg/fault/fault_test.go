package fault

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

var errBoom = errors.New("boom")

func TestClassification(t *testing.T) {
	f := func(err error, permanent bool, reason Reason) {
		t.Helper()
		if got := IsPermanent(err); got != permanent {
			t.Errorf("IsPermanent(%v) = %v; want %v", err, got, permanent)
		}
		if got := ReasonOf(err); got != reason {
			t.Errorf("ReasonOf(%v) = %q; want %q", err, got, reason)
		}
	}
	f(nil, false, Internal)
	f(errBoom, false, Internal)
	f(After(time.Hour, errBoom), false, Internal)
	f(Permanent(Truncated, errBoom), true, Truncated)
	// wrapping and joining change nothing
	f(fmt.Errorf("get: %w", Permanent(Truncated, errBoom)), true, Truncated)
	f(errors.Join(errBoom, Permanent(Corrupt, errBoom)), true, Corrupt)
	// no error stays no error
	f(Permanent(Truncated, nil), false, Internal)
	f(After(time.Hour, nil), false, Internal)
	if !errors.Is(Permanent(Truncated, errBoom), errBoom) || !errors.Is(After(time.Hour, errBoom), errBoom) {
		t.Error("the cause is lost")
	}
}

func TestWait(t *testing.T) {
	f := func(err error, attempt int, least, most time.Duration) {
		t.Helper()
		for range 100 {
			if got := Wait(err, attempt); got < least || got > most {
				t.Errorf("Wait(%v, %d) = %v; want %v to %v", err, attempt, got, least, most)
			}
		}
	}
	// what the error asks for
	f(After(time.Hour, errBoom), 1, time.Hour, time.Hour)
	f(fmt.Errorf("get: %w", After(time.Hour, errBoom)), 9, time.Hour, time.Hour)
	// doubling, with jitter of half, up to a minute
	f(errBoom, 1, 250*time.Millisecond, 500*time.Millisecond)
	f(errBoom, 2, 500*time.Millisecond, time.Second)
	f(errBoom, 7, 16*time.Second, 32*time.Second)
	f(errBoom, 8, 30*time.Second, time.Minute)
	f(errBoom, 1_000_000, 30*time.Second, time.Minute)
	f(errBoom, 0, 250*time.Millisecond, 500*time.Millisecond)
}

func TestLimited(t *testing.T) {
	f := func(err error, attempts int, permanent bool, reason Reason) {
		t.Helper()
		err = Final(fmt.Errorf("get: %w", err), attempts)
		if IsPermanent(err) != permanent || ReasonOf(err) != reason || !errors.Is(err, errBoom) {
			t.Errorf("after %d attempts: permanent %v, reason %s", attempts, IsPermanent(err), ReasonOf(err))
		}
	}
	limited := Limited(3, time.Minute, ObjectDenied, errBoom)
	f(limited, 1, false, Internal)
	f(limited, 2, false, Internal)
	f(limited, 3, true, ObjectDenied)
	f(limited, 4, true, ObjectDenied)
	// the others have no limit
	f(After(time.Minute, errBoom), 1000, false, Internal)
	f(errBoom, 1000, false, Internal)
	f(Permanent(Corrupt, errBoom), 1, true, Corrupt)
	if w := Wait(limited, 2); w != time.Minute {
		t.Errorf("wait = %v; want a minute", w)
	}
	if Limited(1, 0, ObjectDenied, nil) != nil || Final(nil, 9) != nil {
		t.Error("no error became one")
	}
}
