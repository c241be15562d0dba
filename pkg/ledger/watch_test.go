package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// look is how long it takes, at most, until the stages are looked at again.
const look = 2 * time.Second

// stages says how far the stages are: the end of each stream and what is
// settled of it.
func (r *rig) stages(epoch string, streams ...uint64) {
	p := ledger.Progress{Epoch: epoch}
	for i := 0; i < len(streams); i += 2 {
		p.Streams = append(p.Streams, ledger.StreamProgress{Last: streams[i], Settled: streams[i+1]})
	}
	r.SetProgress(p)
}

// lost checks how often the object was found to be lost.
func (r *rig) lost(name string, want int) {
	r.t.Helper()
	if got := len(r.attempts(name)) - 1; got != want || r.value("objects_lost_total") != float64(want) {
		r.t.Errorf("published again %d times, %v lost; want %d", got, r.value("objects_lost_total"), want)
	}
}

// An object is lost when all stages have settled whatever it may have come to.
// The course goes from stream to stream, a step a reading.
func TestLostObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		w := r.begin("a")
		f := func(want int, streams ...uint64) {
			t.Helper()
			r.stages("one", streams...)
			pass(look)
			r.lost("a", want)
		}
		f(0, 9, 3, 90, 90, 900, 900) // the first reading: it lies before 9
		f(0, 9, 8, 90, 90, 900, 900)
		f(0, 9, 8, 90, 90, 900, 900)
		f(0, 20, 9, 95, 90, 900, 900) // fetched: its records lie before 95
		f(0, 20, 9, 99, 94, 900, 900)
		f(0, 20, 9, 99, 95, 910, 900) // parsed: its rows lie before 910
		f(0, 20, 9, 99, 95, 920, 909)
		f(1, 20, 9, 99, 95, 920, 910) // written: it should be done
		if w.isDone() {
			t.Error("it is done")
		}
		// The new attempt has a course of its own.
		f(1, 20, 20, 99, 99, 920, 920)
		f(1, 20, 20, 99, 99, 920, 920)
		f(1, 20, 20, 99, 99, 920, 920)
		f(2, 20, 20, 99, 99, 920, 920)
		if got := r.attempts("a"); !slices.IsSorted(got) || len(slices.Compact(got)) != 3 {
			t.Errorf("got attempts %v; want each higher than the one before", got)
		}
		r.record(fetched(id("a"), 0))
		if !w.isDone() {
			t.Error("it is not done")
		}
	})
}

// A stream that has lost its end, as after a loss of power, does not hold up
// the finding of what was lost with it, however little comes after.
func TestStreamWentBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.begin("a")
		f := func(want int, streams ...uint64) {
			t.Helper()
			r.stages("one", streams...)
			pass(look)
			r.lost("a", want)
		}
		f(0, 9, 9, 90, 90, 900, 900)
		f(0, 9, 9, 95, 90, 900, 900) // fetched: its records lie before 95
		f(0, 9, 9, 93, 93, 900, 900) // 94 and 95 are gone: the course begins anew
		f(0, 9, 9, 93, 93, 900, 900)
		f(0, 9, 9, 93, 93, 900, 900)
		f(0, 9, 9, 93, 93, 900, 900)
		f(1, 9, 9, 93, 93, 900, 900)
	})
}

// No two attempts of a tracker have the same name, whatever the clock says: the
// bus would take the second for the first.
func TestAttemptsWithAClockThatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		e := seen(id("a"))
		e.Time = timestamppb.New(time.Now().Add(time.Hour)) // by a process whose clock is fast
		r.record(e)
		r.begin("a")
		r.stages("one", 9, 9, 90, 90, 900, 900)
		pass(10 * look)
		if got := r.attempts("a"); len(got) < 2 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("got attempts %v; want several, each higher than the one before", got)
		}
	})
}

// Nothing is lost while something on the way is unsettled, for days; nor is
// what becomes known as done by a look alone.
func TestNotLost(t *testing.T) {
	f := func(streams ...uint64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := start(t).run()
			r.stages("one", streams...)
			w := r.begin("a")
			pass(72 * time.Hour)
			r.lost("a", 0)
			r.record(fetched(id("a"), 0))
			if !w.isDone() {
				t.Error("it is not done")
			}
		})
	}
	f(9, 8, 90, 90, 900, 900)
	f(9, 9, 90, 89, 900, 900)
	f(9, 9, 90, 90, 900, 899) // a destination that is out of order
}

// An object whose events were missed is found to be complete by the look at the
// end of its course.
func TestMissedEventsAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.stages("one", 9, 9, 90, 90, 900, 900)
		r.run()
		w := r.begin("a")
		r.deaf(t, fetched(id("a"), 1), part(id("a"), 0, 0))
		if w.isDone() {
			t.Fatal("it is done though nobody was told")
		}
		pass(5 * look)
		if !w.isDone() {
			t.Error("it is not done")
		}
		r.lost("a", 0)
	})
}

// deaf enters events that no follower hears of.
func (r *rig) deaf(t *testing.T, events ...*logferryv1.LedgerEvent) {
	t.Helper()
	r.Break(errAway)
	record(t, r.Memory, events...)
	r.Fail(errAway)
	pass(100 * time.Millisecond)
	r.Fail(nil)
}

// A bus that was lost has lost everything: the object is published again at
// once, and seen again in the new ledger, which is followed.
func TestLostBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.stages("one", 9, 0, 90, 0, 900, 0)
		w := r.begin("a")
		pass(2 * look)
		r.Lose()
		r.stages("two", 0, 0, 0, 0, 0, 0)
		pass(look)
		r.lost("a", 1)
		if e, err := r.Event(t.Context(), connection, id("a"), ledger.EventSeen); err != nil || e == nil {
			t.Errorf("the new ledger has not seen it: %v", err)
		}
		// Attempts go on from when the object was first seen.
		pass(time.Hour)
		if got := r.attempts("a"); !slices.IsSorted(got) || len(got) < 3 || got[2] <= got[1] {
			t.Errorf("got attempts %v; want each higher than the one before", got)
		}
		r.record(fetched(id("a"), 0))
		if !w.isDone() {
			t.Error("it is not done")
		}
	})
}

// A loss is noticed by a tracker without work too: it follows the new ledger.
func TestLostBusWithoutWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.stages("one", 9, 0, 90, 0, 900, 0)
		r.run()
		pass(time.Minute)
		if got := r.count("follow"); got != 1 {
			t.Fatalf("the following has begun %d times; want once", got)
		}
		r.stages("two", 9, 0, 90, 0, 900, 0)
		r.begin("a")
		pass(look)
		if got := r.count("follow"); got != 2 {
			t.Errorf("the following has begun %d times; want twice", got)
		}
		pass(time.Hour)
		if got := r.count("follow"); got != 2 {
			t.Errorf("the following has begun %d times; want twice", got)
		}
	})
}

// A store that fails for a while, wherever the tracker is then: the object is
// published again when the store is back.
func TestStoreFailsForAWhile(t *testing.T) {
	f := func(after time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := start(t).run()
			r.stages("one", 9, 9, 90, 90, 900, 900)
			w := r.begin("a")
			pass(after)
			r.Fail(errAway)
			pass(10 * time.Minute)
			r.lost("a", 0)
			r.Fail(nil)
			pass(4 * look)
			r.lost("a", 1)
			r.record(fetched(id("a"), 0))
			pass(2 * time.Minute)
			if !w.isDone() {
				t.Errorf("after %v: it is not done", after)
			}
		})
	}
	for steps := range 4 {
		f(time.Duration(steps) * look)
	}
	// only the look at the end fails
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.stages("one", 9, 9, 90, 90, 900, 900)
		r.begin("a")
		pass(3 * look)
		r.mu.Lock()
		r.eventsErr = errAway
		r.mu.Unlock()
		pass(5 * look)
		r.lost("a", 0)
		r.mu.Lock()
		r.eventsErr = nil
		r.mu.Unlock()
		pass(look)
		r.lost("a", 1)
	})
}

// A publication that fails is tried again when the object is found lost once
// more; who comes meanwhile waits for its turn and publishes nothing.
func TestPublishingAgainFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.stages("one", 9, 9, 90, 90, 900, 900)
		w := r.begin("a")
		r.mu.Lock()
		r.refuse = errors.New("the bus is full")
		r.mu.Unlock()
		pass(time.Minute)
		if got := r.attempts("a"); len(got) != 1 {
			t.Errorf("published as %v; want the first attempt only", got)
		}
		r.mu.Lock()
		r.refuse = nil
		r.mu.Unlock()
		two := r.begin("a")
		pass(5 * look)
		if got := r.attempts("a"); len(got) != 2 {
			t.Errorf("published as %v; want one attempt more", got)
		}
		r.record(fetched(id("a"), 0))
		if !w.isDone() || !two.isDone() {
			t.Error("it is not done")
		}
	})
}

// While a publication is on its way, however long that takes, there is no other.
func TestPublishingAgainTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.stages("one", 9, 9, 90, 90, 900, 900)
		w := r.begin("a")
		hold := make(chan struct{})
		r.mu.Lock()
		r.hold = hold
		r.mu.Unlock()
		pass(time.Hour)
		r.want(map[string]float64{"objects_lost_total": 1})
		r.mu.Lock()
		r.hold = nil
		r.mu.Unlock()
		close(hold)
		pass(look)
		r.lost("a", 1)
		r.record(fetched(id("a"), 0))
		if !w.isDone() {
			t.Error("it is not done")
		}
	})
}

// What everybody has left is nobody's to publish again.
func TestLeftObjectIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.stages("one", 9, 9, 90, 90, 900, 900)
		r.begin("a").leave()
		pass(time.Hour)
		r.lost("a", 0)
	})
}

// An adopted object whose first publisher died before it was on the bus.
func TestAdoptedObjectIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		record(t, r.Memory, seen(id("a")))
		r.run()
		r.stages("one", 9, 9, 90, 90, 900, 900)
		pass(time.Minute)
		w := r.begin("a")
		pass(4 * look)
		if got := r.attempts("a"); len(got) != 1 || got[0] < 60 {
			t.Errorf("published as %v; want one attempt, named by the seconds since it was seen", got)
		}
		r.record(fetched(id("a"), 0))
		if !w.isDone() {
			t.Error("it is not done")
		}
	})
}

// Follow, Events are those of the store, counted and refused.
func (r *rig) Follow(ctx context.Context, c string, begun func(), each func(*logferryv1.LedgerEvent)) error {
	if err := r.call("follow"); err != nil {
		return err
	}
	return r.Memory.Follow(ctx, c, begun, each)
}

func (r *rig) Events(ctx context.Context, c, object string) ([]*logferryv1.LedgerEvent, error) {
	r.mu.Lock()
	err := r.eventsErr
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return r.Memory.Events(ctx, c, object)
}
