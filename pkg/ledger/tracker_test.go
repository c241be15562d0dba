package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/ledger/ledgertest"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// rig is a tracker at work on a ledger in memory.
type rig struct {
	*ledgertest.Memory
	t       *testing.T
	tracker *ledger.Tracker
	metrics *prometheus.Registry

	mu        sync.Mutex
	calls     []string       // of the store that change something, as they begin
	published [][2]any       // name and attempt of each publication
	refuse    error          // what publishing ends with
	refused   map[string]int // how often calls of that name still fail
	eventsErr error          // what Events ends with
	hold      chan struct{}  // what publishing waits for; nil: nothing
}

var errAway = errors.New("the store is away")

// start runs a tracker until the test ends. It is for a bubble of synctest.
func start(t *testing.T) *rig {
	t.Helper()
	r := &rig{Memory: new(ledgertest.Memory), t: t, metrics: prometheus.NewRegistry(), refused: map[string]int{}}
	r.tracker = ledger.NewTracker(r, connection, "sentinel", slog.New(slog.DiscardHandler), ledger.NewMetrics(r.metrics))
	return r
}

// run lets the tracker work until the test ends.
func (r *rig) run() *rig {
	ctx, cancel := context.WithCancel(context.Background())
	var running conc.WaitGroup
	running.Go(func() { r.tracker.Run(ctx) })
	r.t.Cleanup(func() { cancel(); running.Wait() })
	synctest.Wait()
	return r
}

// call notes a call and says how it ends.
func (r *rig) call(format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := fmt.Sprintf(format, args...)
	r.calls = append(r.calls, name)
	if r.refused[name] > 0 {
		r.refused[name]--
		return errAway
	}
	return nil
}

func (r *rig) count(name string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c == name {
			n++
		}
	}
	return n
}

// Record, Append and Forget are those of the store, noted.
func (r *rig) Record(ctx context.Context, e *logferryv1.LedgerEvent) (bool, error) {
	if err := r.call("%s %s", ledger.Name(e), e.GetObjectId()); err != nil {
		return false, err
	}
	return r.Memory.Record(ctx, e)
}

func (r *rig) Append(ctx context.Context, c string, entries []ledger.Entry) error {
	if err := r.call("append %d", len(entries)); err != nil {
		return err
	}
	return r.Memory.Append(ctx, c, entries)
}

func (r *rig) Forget(ctx context.Context, c, object string) error {
	if err := r.call("forget %s", object); err != nil {
		return err
	}
	return r.Memory.Forget(ctx, c, object)
}

func (r *rig) publish(_ context.Context, o *logferryv1.Object) error {
	r.mu.Lock()
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		<-hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	r.published = append(r.published, [2]any{o.GetKey(), o.GetAttempt()})
	return nil
}

// attempts returns the attempts in which an object was published.
func (r *rig) attempts(name string) (attempts []uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.published {
		if p[0] == name {
			attempts = append(attempts, p[1].(uint32))
		}
	}
	return attempts
}

func object(name string) *logferryv1.Object {
	return &logferryv1.Object{Id: id(name), Connection: connection, Bucket: "logs", Key: name, Notified: timestamppb.Now()}
}

func (r *rig) record(events ...*logferryv1.LedgerEvent) {
	r.t.Helper()
	record(r.t, r.Memory, events...)
	synctest.Wait()
}

// begin begins with an object. What it returns tells, at the end, what became
// of it.
func (r *rig) begin(name string) *waiter {
	r.t.Helper()
	p, err := r.tracker.Begin(r.t.Context(), object(name), r.publish)
	if err != nil {
		r.t.Fatalf("begin with %s: %v", name, err)
	}
	w := &waiter{ended: make(chan struct{})}
	ctx, leave := context.WithCancel(context.Background())
	var waiting conc.WaitGroup
	waiting.Go(func() {
		w.done, w.err = p.Wait(ctx)
		close(w.ended)
	})
	w.leave = func() { leave(); waiting.Wait() }
	r.t.Cleanup(w.leave)
	synctest.Wait()
	return w
}

// waiter waits for an object.
type waiter struct {
	leave func()
	ended chan struct{}
	done  *logferryv1.Done
	err   error
}

func (w *waiter) isDone() bool {
	synctest.Wait()
	select {
	case <-w.ended:
		return w.err == nil
	default:
		return false
	}
}

// value returns the value of a metric, the count of a histogram.
func (r *rig) value(name string) (sum float64) {
	r.t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "logferry_ledger_"+name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func (r *rig) want(values map[string]float64) {
	r.t.Helper()
	for name, want := range values {
		if got := r.value(name); got != want {
			r.t.Errorf("%s: got %v; want %v", name, got, want)
		}
	}
}

// history returns what the history has of an object.
func (r *rig) history(name string) (entries []ledger.Entry) {
	r.t.Helper()
	err := r.History(r.t.Context(), connection, time.Time{}, func(e ledger.Entry) {
		if e.Object == ledger.KeyOf(id(name)) {
			e.Time = time.Time{}
			entries = append(entries, e)
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return entries
}

// pass lets time go by and everything that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestFreshObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		w := r.begin("a")
		if e, err := r.Event(t.Context(), connection, id("a"), ledger.EventSeen); err != nil || e.GetSeen().GetObject().GetKey() != "a" {
			t.Errorf("got seen event %v, %v", e, err)
		}
		r.record(part(id("a"), 1, 3), fetched(id("a"), 2))
		pass(time.Minute)
		if w.isDone() {
			t.Error("it is done before its last part is settled")
		}
		r.want(map[string]float64{"objects_tracked": 1, "objects_done_total": 0})
		r.record(part(id("a"), 0, 0))
		if !w.isDone() || w.done.GetDelivered() != 17 || w.done.GetDead() != 3 || w.done.GetRecords() != 20 || w.done.GetParts() != 2 {
			t.Errorf("got %v", w.done)
		}
		if e, err := r.Event(t.Context(), connection, id("a"), ledger.EventDone); err != nil || e.GetDone().GetDelivered() != 17 {
			t.Errorf("got done event %v, %v", e, err)
		}
		if got, want := r.history("a"), []ledger.Entry{{Object: ledger.KeyOf(id("a")), Delivered: 17, Dead: 3}}; !slices.Equal(got, want) {
			t.Errorf("the history has %v; want %v", got, want)
		}
		if got := r.attempts("a"); !slices.Equal(got, []uint32{0}) {
			t.Errorf("published as attempts %v; want 0 only", got)
		}
		r.want(map[string]float64{"objects_tracked": 0, "objects_done_total": 1, "objects_adopted_total": 0, "object_seconds": 1, "mismatches_total": 0})
	})
}

// An object that the ledger knows is not published: it is waited for, or done
// at once.
func TestAdoption(t *testing.T) {
	f := func(doneAtOnce bool, known ...*logferryv1.LedgerEvent) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := start(t)
			record(t, r.Memory, known...)
			r.run()
			w := r.begin("a")
			if w.isDone() != doneAtOnce {
				t.Errorf("after %v: done %v; want %v", known, w.isDone(), doneAtOnce)
			}
			r.record(fetched(id("a"), 1), part(id("a"), 0, 0))
			if !w.isDone() || w.done.GetDelivered() != 10 {
				t.Errorf("after %v: got %v, %v", known, w.done, w.err)
			}
			if got := r.attempts("a"); len(got) > 0 || r.value("objects_adopted_total") != 1 {
				t.Errorf("after %v: published as attempts %v, %v adopted", known, got, r.value("objects_adopted_total"))
			}
		})
	}
	f(false, seen(id("a")))
	f(false, seen(id("a")), fetched(id("a"), 1))
	f(false, seen(id("a")), part(id("a"), 0, 0))
	f(true, seen(id("a")), part(id("a"), 0, 0), fetched(id("a"), 1))
}

// An object of one part is done by the event that settles it. It is counted
// and forgotten by whom it was done for, and by nobody who comes later.
func TestWholeObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		w := r.begin("a")
		settled := ledger.Settled(connection, id("a"), 20, &logferryv1.PartSettled{Delivered: 17, Dead: 3})
		for part, want := range map[int]bool{0: false, 1: false} {
			if got, err := ledger.IsSettled(t.Context(), r, connection, id("a"), part, 20); got != want || err != nil {
				t.Errorf("part %d is settled before: %v, %v", part, got, err)
			}
		}
		r.record(settled)
		if !w.isDone() || w.done.GetDelivered() != 17 || w.done.GetDead() != 3 || w.done.GetRecords() != 20 || w.done.GetParts() != 1 {
			t.Errorf("got %v", w.done)
		}
		for part, want := range map[int]bool{0: true, 1: false} {
			if got, err := ledger.IsSettled(t.Context(), r, connection, id("a"), part, 20); got != want || err != nil {
				t.Errorf("part %d is settled: %v, %v; want %v", part, got, err, want)
			}
		}
		if again := r.begin("a"); !again.isDone() {
			t.Error("it is not done for who comes later")
		}
		pass(2 * time.Minute)
		if got := r.count("forget " + id("a")); got != 1 {
			t.Errorf("forgotten %d times; want once", got)
		}
		r.want(map[string]float64{"objects_tracked": 0, "objects_done_total": 1, "objects_adopted_total": 1, "object_seconds": 1, "mismatches_total": 0})
	})
}

// What was done before is told at once and counted by nobody, but for the
// history: who entered it as done may have died before it was added.
func TestDoneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.begin("a")
		r.record(fetched(id("a"), 1), part(id("a"), 0, 0))
		f := func() {
			t.Helper()
			entries := len(r.history("a"))
			if w := r.begin("a"); !w.isDone() || w.done.GetDelivered() != 10 {
				t.Errorf("got %v, %v", w.done, w.err)
			}
			if got := len(r.history("a")); got != entries+1 {
				t.Errorf("the history has %d entries; want %d", got, entries+1)
			}
			r.want(map[string]float64{"objects_done_total": 1, "object_seconds": 1, "objects_tracked": 0})
		}
		f()
		pass(2 * time.Minute)
		f() // when only the last event is left
		pass(2 * time.Minute)
		events, err := r.Events(t.Context(), connection, id("a"))
		if err != nil || len(events) != 1 || events[0].GetDone() == nil {
			t.Errorf("the ledger has %v, %v; want that it is done and nothing else", events, err)
		}
		if n := r.count("forget " + id("a")); n != 1 || len(r.attempts("a")) != 1 {
			t.Errorf("forgotten %d times, published %v; want once each", n, r.attempts("a"))
		}
	})
}

func TestTwoWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		one, two, three := r.begin("a"), r.begin("a"), r.begin("a")
		two.leave()
		if !errors.Is(two.err, context.Canceled) {
			t.Errorf("who leaves is told %v", two.err)
		}
		r.want(map[string]float64{"objects_tracked": 1})
		r.record(fetched(id("a"), 0))
		if !one.isDone() || !three.isDone() || len(r.attempts("a")) != 1 {
			t.Errorf("done for one %v, for the other %v, published %v", one.isDone(), three.isDone(), r.attempts("a"))
		}
		r.want(map[string]float64{"objects_tracked": 0, "objects_adopted_total": 0, "objects_done_total": 1})
		if n := r.count("done " + id("a")); n != 1 {
			t.Errorf("entered as done %d times", n)
		}
	})
}

// An object that everybody has left goes on its way, and who comes again finds
// it there.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.begin("a").leave()
		r.want(map[string]float64{"objects_tracked": 0})
		r.record(fetched(id("a"), 1), part(id("a"), 0, 0))
		pass(time.Minute)
		if n := r.count("done " + id("a")); n != 0 {
			t.Error("somebody entered it as done though nobody waits")
		}
		if w := r.begin("a"); !w.isDone() || len(r.attempts("a")) != 1 {
			t.Errorf("got %v, %v, published %v", w.done, w.err, r.attempts("a"))
		}
		r.want(map[string]float64{"objects_tracked": 0, "objects_done_total": 1})
	})
}

// A failure to begin is told, and nothing is left of it. Who waits for the turn
// meanwhile finds the object as it is then.
func TestBeginFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		full := errors.New("the bus is full")
		f := func(want error) {
			t.Helper()
			if _, err := r.tracker.Begin(t.Context(), object("a"), r.publish); !errors.Is(err, want) {
				t.Errorf("got %v; want %v", err, want)
			}
			r.want(map[string]float64{"objects_tracked": 0})
		}
		r.Fail(errAway)
		f(errAway)
		r.Fail(nil)
		r.refused["seen "+id("a")] = 1
		f(errAway)
		r.refuse = full
		f(full)
		r.refuse = nil

		ctx, cancel := context.WithCancel(t.Context())
		var first conc.WaitGroup
		first.Go(func() {
			stuck := func(ctx context.Context, _ *logferryv1.Object) error { <-ctx.Done(); return ctx.Err() }
			if _, err := r.tracker.Begin(ctx, object("b"), stuck); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v; want the end of the context", err)
			}
		})
		synctest.Wait()
		over, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		if _, err := r.tracker.Begin(over, object("b"), r.publish); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waits for the turn too long is told %v", err)
		}
		time.AfterFunc(time.Second, cancel)
		w := r.begin("b")
		first.Wait()
		r.record(fetched(id("b"), 0))
		if !w.isDone() {
			t.Error("it is not done")
		}
	})
}

// What happened while nobody followed is looked up.
func TestFollowersBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		early := r.begin("early") // before the tracker works at all
		r.record(fetched(id("early"), 0))
		if early.isDone() {
			t.Fatal("it is done though the tracker does not work")
		}
		r.run()
		if !early.isDone() {
			t.Error("what was entered before the tracker followed is not seen")
		}
		w := r.begin("a")
		r.Break(errAway)
		synctest.Wait()
		record(t, r.Memory, fetched(id("a"), 1)) // nobody follows now
		record(t, r.Memory, part(id("a"), 0, 0))
		if w.isDone() {
			t.Fatal("it is done though nobody follows")
		}
		pass(time.Second)
		if !w.isDone() {
			t.Error("what was entered while nobody followed is not seen")
		}
		after := r.begin("b")
		r.record(fetched(id("b"), 0))
		if !after.isDone() {
			t.Error("the following has not begun anew")
		}
	})
}

// An object that is done while it is still being published: the follower
// begins in between.
func TestDoneWhilePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		p, err := r.tracker.Begin(t.Context(), object("a"), func(ctx context.Context, o *logferryv1.Object) error {
			record(t, r.Memory, fetched(o.GetId(), 0))
			r.run()
			return r.publish(ctx, o)
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Wait(ctx); err != nil {
			t.Errorf("got %v; want it done without a look at the stages", err)
		}
		r.want(map[string]float64{"objects_tracked": 0, "objects_done_total": 1})
	})
}

// Who waits is told when the history has the object, not before; and it is
// entered as done once, however often the store fails.
func TestHistoryComesFirst(t *testing.T) {
	f := func(fails string, times int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := start(t).run()
			w := r.begin("a")
			r.refused[fmt.Sprintf(fails, id("a"))] = times
			r.record(fetched(id("a"), 0))
			if w.isDone() || len(r.history("a")) != 0 {
				t.Errorf("%s fails: done %v, history %v", fails, w.isDone(), r.history("a"))
			}
			pass(2 * time.Minute)
			if !w.isDone() || len(r.history("a")) != 1 {
				t.Errorf("%s failed: done %v, history %v", fails, w.isDone(), r.history("a"))
			}
			events, err := r.Events(t.Context(), connection, id("a"))
			if err != nil || ledger.Name(events[len(events)-1]) != ledger.EventDone {
				t.Errorf("%s failed: the ledger has %v, %v", fails, events, err)
			}
			r.want(map[string]float64{"objects_done_total": 1})
		})
	}
	f("done %s", 4)
	f("append 1%.0s", 4)
}

// It is counted once too, when nobody but the store knows that it is entered.
func TestEnteredWithoutFollowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.refused["follow"], r.refused["append 1"] = 1000, 4
		record(t, r.Memory, seen(id("a")), fetched(id("a"), 0))
		r.run()
		w := r.begin("a")
		pass(2 * time.Minute)
		if !w.isDone() || r.count("done "+id("a")) != 5 {
			t.Errorf("done %v, entered %d times; want it entered with each try", w.isDone(), r.count("done "+id("a")))
		}
		r.want(map[string]float64{"objects_done_total": 1})
	})
}

// Many objects at a time: each is entered, and none is forgotten.
func TestManyObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		var waiters []*waiter
		for n := range 700 {
			waiters = append(waiters, r.begin(fmt.Sprint(n)))
		}
		var writers conc.WaitGroup
		for n := range 700 {
			writers.Go(func() { record(t, r.Memory, fetched(id(fmt.Sprint(n)), 1), part(id(fmt.Sprint(n)), 0, 0)) })
		}
		writers.Wait()
		for n, w := range waiters {
			if !w.isDone() || len(r.history(fmt.Sprint(n))) != 1 {
				t.Fatalf("object %d: done %v, history %v", n, w.isDone(), r.history(fmt.Sprint(n)))
			}
		}
		r.want(map[string]float64{"objects_tracked": 0, "objects_done_total": 700})
	})
}

func TestForgetDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t).run()
		r.begin("a")
		r.record(fetched(id("a"), 1), part(id("a"), 0, 0))
		r.begin("b")
		r.record(fetched(id("b"), 1))
		f := func(name string, want ...string) {
			t.Helper()
			events, err := r.Events(t.Context(), connection, id(name))
			var names []string
			for _, e := range events {
				names = append(names, ledger.Name(e))
			}
			if err != nil || !slices.Equal(names, want) {
				t.Errorf("%s: the ledger has %v, %v; want %v", name, names, err, want)
			}
		}
		pass(50 * time.Second)
		f("a", "seen", "fetched", "0", "done")
		pass(20 * time.Second)
		f("a", "done")
		f("b", "seen", "fetched")
		// a failure costs nothing but room
		r.refused["forget "+id("b")] = 1
		r.record(part(id("b"), 0, 0))
		pass(2 * time.Minute)
		f("b", "seen", "fetched", "0", "done")
	})
}

// An account that does not add up is counted; what a dead letter holds of an
// object is no such case.
func TestMismatch(t *testing.T) {
	f := func(want float64, fetched *logferryv1.Fetched, settled *logferryv1.PartSettled) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := start(t).run()
			w := r.begin("a")
			r.record(ledger.Fetched(connection, id("a"), fetched), ledger.Part(connection, id("a"), settled))
			if !w.isDone() || r.value("mismatches_total") != want {
				t.Errorf("%v, %v: done %v, %v mismatches; want %v", fetched, settled, w.isDone(), r.value("mismatches_total"), want)
			}
			r.begin("a") // is not counted again
			r.want(map[string]float64{"mismatches_total": want})
		})
	}
	f(0, &logferryv1.Fetched{Parts: 1, Records: 9, Dead: 2}, &logferryv1.PartSettled{Delivered: 4, Dead: 2, Filtered: 1})
	f(1, &logferryv1.Fetched{Parts: 1, Records: 9, Dead: 2}, &logferryv1.PartSettled{Delivered: 4, Dead: 2})
	f(1, &logferryv1.Fetched{Parts: 1, Records: 9}, &logferryv1.PartSettled{Delivered: 10})
	f(0, &logferryv1.Fetched{Parts: 1, Records: 9, Rejected: true}, &logferryv1.PartSettled{Delivered: 4})
	f(0, &logferryv1.Fetched{Parts: 1, Records: 9}, &logferryv1.PartSettled{Rejected: true})
}
