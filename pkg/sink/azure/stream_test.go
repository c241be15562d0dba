package azure

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
)

// rowsPerCall returns how many rows each call had.
func rowsPerCall(calls []post) []int {
	var n []int
	for _, c := range calls {
		n = append(n, len(c.rows))
	}
	return n
}

// While a call is in flight parts gather; its end sends them.
func TestCallEndReleases(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{takes: 200 * time.Millisecond}
		s := svc.start(t, func(o *Options) { o.Linger = time.Minute })
		var writers conc.WaitGroup
		for i := range 5 {
			writers.Go(func() { write(t, s, numbered("A", i, 1, 1)) })
			synctest.Wait()
			<-time.After(20 * time.Millisecond)
		}
		writers.Wait()
		calls := svc.calls("Custom-A")
		expect(t, "rows of each call", rowsPerCall(calls), []int{1, 4})
		expectWaits(t, calls, 200*time.Millisecond)
	})
}

// What waited while every worker had a call goes when the first of these ends.
func TestCallEndReleasesWhatNobodyTook(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{takes: 200 * time.Millisecond}
		s := svc.start(t, func(o *Options) { o.Calls = 1; o.Linger = time.Minute })
		var writers conc.WaitGroup
		for i := range 5 {
			writers.Go(func() { write(t, s, numbered("A", i, 1, 1)) })
			synctest.Wait()
		}
		writers.Wait()
		calls := svc.calls("Custom-A")
		expect(t, "rows of each call", rowsPerCall(calls), []int{1, 4})
		expectWaits(t, calls, 200*time.Millisecond)
	})
}

// A part that comes after a call has ended waits for no other, and one that
// comes at once no longer than the pace.
func TestIdleAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var svc service
		s := svc.start(t, func(o *Options) { o.Linger = time.Minute })
		f := func(want time.Duration) {
			t.Helper()
			start := time.Now()
			write(t, s, numbered("A", 0, 1, 1))
			if took := time.Since(start); took != want {
				t.Errorf("a part was held back for %v; want %v", took, want)
			}
		}
		f(0)
		f(pace)
		<-time.After(time.Second)
		f(0)
	})
}

// Parts without end, for a service that answers fast: calls are paced, and each
// carries all that came meanwhile.
func TestTinyPartsShareCalls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{takes: time.Millisecond}
		s := svc.start(t, func(o *Options) { o.Calls = 4 })
		const writers, each = 64, 20
		start := time.Now()
		var all conc.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					write(t, s, numbered("A", (w*each+i)*3, 3, 1))
				}
			})
		}
		all.Wait()
		expect(t, "rows", svc.got("Custom-A"), count(0, writers*each*3))
		calls, took := len(svc.calls("Custom-A")), time.Since(start)
		if most := int(took/pace) + 2; calls > most {
			t.Errorf("%d parts took %d calls in %v; want at most %d", writers*each, calls, took, most)
		}
		if took > (each+2)*(pace+time.Millisecond) {
			t.Errorf("it took %v", took)
		}
	})
}
