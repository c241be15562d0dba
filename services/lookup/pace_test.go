package lookup

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/fault"
)

// However many call at a time and however long calls take, no second has more
// than two of them.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &paces{each: map[string]*pace{}}
		clock := Clock{Now: time.Now, Sleep: fault.Sleep}
		var calls []time.Time
		var callers conc.WaitGroup
		for range 4 {
			callers.Go(func() {
				p := shared.of("a", "r", clock)
				for i := range 20 {
					_ = p.call(t.Context(), func() error {
						calls = append(calls, time.Now())
						time.Sleep(time.Duration(i%5) * 50 * time.Millisecond)
						calls = append(calls, time.Now()) // it may be counted now
						return nil
					})
				}
			})
		}
		callers.Wait()
		for i := 2; i+1 < len(calls); i += 2 {
			if apart := calls[i].Sub(calls[i-1]); apart < restTime {
				t.Fatalf("a call came %s after another", apart)
			}
		}
		if len(calls) != 160 {
			t.Errorf("got %d calls", len(calls)/2)
		}
		if shared.of("a", "s", clock) == shared.of("a", "r", clock) {
			t.Error("two regions share a quota")
		}
	})
}

// Who is throttled calls more slowly, until it is not.
func TestPaceBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := (&paces{each: map[string]*pace{}}).of("a", "r", Clock{Now: time.Now, Sleep: fault.Sleep})
		f := func(err error, want time.Duration) {
			t.Helper()
			_ = p.call(t.Context(), func() error { return err })
			if p.rest != want {
				t.Errorf("after %v: rest %s; want %s", err, p.rest, want)
			}
		}
		refused := &smithy.GenericAPIError{Code: "ThrottlingException"}
		f(nil, restTime)
		f(errors.New("other"), restTime)
		f(refused, 1200*time.Millisecond)
		f(refused, 2400*time.Millisecond)
		f(nil, 1800*time.Millisecond)
		for range 9 {
			_ = p.call(t.Context(), func() error { return refused })
		}
		f(refused, maxRest)
		for range 20 {
			_ = p.call(t.Context(), func() error { return nil })
		}
		f(nil, restTime)
	})
}
