package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
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
	// soon at first, in case it was only not known yet
	for attempt, want := range map[int]time.Duration{1: 500 * time.Millisecond, 3: 2 * time.Second, 8: time.Minute, 30: time.Minute} {
		if w := Wait(limited, attempt); w != want {
			t.Errorf("wait after attempt %d = %v; want %v", attempt, w, want)
		}
	}
	if w := Wait(Limited(3, time.Second, ObjectDenied, errBoom), 8); w != time.Second {
		t.Errorf("wait = %v; want a second, as asked for", w)
	}
	if Limited(1, 0, ObjectDenied, nil) != nil || Final(nil, 9) != nil {
		t.Error("no error became one")
	}
}

// A context outlives another by so much, and carries what that one does.
func TestOutlive(t *testing.T) {
	type key struct{}
	// f says when the other ends and end is called (0: never), and when the
	// longer one is to end.
	f := func(parent, end, want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "carried"))
			defer cancel()
			begin := time.Now()
			longer, finish := Outlive(ctx, 10*time.Second)
			defer finish()
			if parent > 0 {
				time.AfterFunc(parent, cancel)
			}
			if end > 0 {
				time.AfterFunc(end, finish)
			}
			if longer.Value(key{}) != "carried" || longer.Err() != nil {
				t.Errorf("got %v, %v; want what the other carries, and no error", longer.Value(key{}), longer.Err())
			}
			select {
			case <-longer.Done():
				if took := time.Since(begin); took != want {
					t.Errorf("it ended after %v; want %v", took, want)
				}
			case <-time.After(time.Hour):
				if want != 0 {
					t.Errorf("it goes on; want its end after %v", want)
				}
			}
			finish() // may be called again, and leaves no timer behind
		})
	}
	f(time.Second, 0, 11*time.Second)
	f(0, 0, 0)
	f(0, 3*time.Second, 3*time.Second)
	f(time.Second, 3*time.Second, 3*time.Second)
	f(time.Minute, 3*time.Second, 3*time.Second)

	// one that has ended already gives the rest of the time
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		longer, end := Outlive(ctx, 10*time.Second)
		defer end()
		<-longer.Done()
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("it ended after %v; want 10s", took)
		}
	})
}

// The list of reasons has every constant, in the same order.
func TestReasons(t *testing.T) {
	source, err := os.ReadFile("reason.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []Reason
	for _, found := range regexp.MustCompile(`Reason = "(\w+)"`).FindAllSubmatch(source, -1) {
		want = append(want, Reason(found[1]))
	}
	if got := Reasons(); !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}
