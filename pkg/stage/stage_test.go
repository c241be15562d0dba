package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/fault"
)

// world is everything around a stage, in memory: its source, its publisher,
// its graveyard and the order in which things happened.
type world struct {
	mu      sync.Mutex
	work    []*work
	events  []string
	letters []DeadLetter

	publishErr, storeErr, buryErr error
	exhausted                     bool // Next ends with io.EOF instead of waiting
}

type work struct {
	world   *world
	value   string
	err     error // of decoding
	settled atomic.Int32
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

func (w *world) add(values ...string) *world {
	for _, v := range values {
		w.work = append(w.work, &work{world: w, value: v})
	}
	return w
}

func (w *world) Next(ctx context.Context) (Delivery[string], error) {
	w.mu.Lock()
	if len(w.work) > 0 {
		d := w.work[0]
		w.work = w.work[1:]
		w.mu.Unlock()
		return d, nil
	}
	w.mu.Unlock()
	if w.exhausted {
		return nil, io.EOF
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (w *world) Publish(_ context.Context, v string) (func(context.Context) error, error) {
	if w.publishErr != nil {
		return nil, w.publishErr
	}
	return func(context.Context) error {
		w.note("stored %s", v)
		return w.storeErr
	}, nil
}

func (w *world) Bury(_ context.Context, l DeadLetter) error {
	if w.buryErr != nil {
		return w.buryErr
	}
	w.note("buried %s", l.Reason)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.letters = append(w.letters, l)
	return nil
}

func (d *work) Value() (string, error) { return d.value, d.err }
func (d *work) Attempt() int           { return 1 }
func (d *work) Size() int64            { return int64(len(d.value)) }
func (d *work) Letter() DeadLetter {
	return DeadLetter{ID: "id-" + d.value, Connection: "c", Bucket: "b", Part: 7, Offset: -1, Body: []byte(d.value), BodySize: int64(len(d.value))}
}
func (d *work) Context(ctx context.Context) context.Context { return ctx }
func (d *work) settle(how string) error {
	d.settled.Add(1)
	d.world.note("%s %s", how, d.value)
	return nil
}
func (d *work) Ack(context.Context) error { return d.settle("ack") }
func (d *work) Retry(_ context.Context, wait time.Duration) error {
	if wait == 0 {
		return d.settle("giveback")
	}
	return d.settle("retry")
}
func (d *work) Reject(context.Context, error) error { return d.settle("reject") }

func (w *world) stage(handle Handler[string, string]) *Stage[string, string] {
	return &Stage[string, string]{
		Name: "test", Source: w, Out: w, Dead: w, Handle: handle, Workers: 1, Grace: time.Minute,
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
	}
}

// run runs the stage over the work there is, and returns what happened.
func (w *world) run(t *testing.T, handle Handler[string, string]) []string {
	t.Helper()
	w.exhausted = true
	if err := w.stage(handle).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.events
}

func TestSettlement(t *testing.T) {
	boom := errors.New("boom")
	emit := func(result error) Handler[string, string] {
		return func(ctx context.Context, in string, out *Emitter[string]) error {
			if err := out.Emit(ctx, in+"-out"); err != nil {
				return err
			}
			return result
		}
	}
	f := func(w *world, handle Handler[string, string], want ...string) {
		t.Helper()
		if got := w.add("x").run(t, handle); !slices.Equal(got, want) {
			t.Errorf("events = %q; want %q", got, want)
		}
	}
	// invariant 2: acknowledged after everything emitted is stored
	f(&world{}, emit(nil), "stored x-out", "ack x")
	// what cannot be stored is not acknowledged
	f(&world{storeErr: boom}, emit(nil), "stored x-out", "retry x")
	f(&world{publishErr: boom}, emit(nil), "retry x")
	// transient errors are tried again, after what was emitted is stored
	f(&world{}, emit(boom), "stored x-out", "retry x")
	f(&world{}, emit(fault.After(time.Hour, boom)), "stored x-out", "retry x")
	// invariant 3: a dead letter is stored before its cause is settled
	f(&world{}, emit(fault.Permanent(fault.Truncated, boom)), "stored x-out", "buried truncated", "reject x")
	f(&world{buryErr: boom}, emit(fault.Permanent(fault.Truncated, boom)), "stored x-out", "retry x")
	// a panic is a dead letter
	f(&world{}, func(context.Context, string, *Emitter[string]) error { panic("oh") }, "buried internal", "reject x")
	// so is what cannot be decoded
	broken := &world{}
	broken.work = append(broken.work, &work{world: broken, value: "y", err: boom})
	f(broken, emit(nil), "buried undecodable_message", "reject y", "stored x-out", "ack x")
}

// sent is a cause that tells how far the work had come.
type sent struct {
	error
	records int64
}

func (s sent) SentRecords() int64 { return s.records }
func (s sent) Unwrap() error      { return s.error }

// A rejected delivery is entered in the ledger after its letter is stored and
// before it is settled. What cannot be entered is given back.
func TestRejected(t *testing.T) {
	boom, away := errors.New("boom"), errors.New("the ledger is away")
	bad := fault.Permanent(fault.Truncated, boom)
	f := func(w *world, result, entering error, want ...string) {
		t.Helper()
		w.exhausted = true
		s := w.add("x").stage(func(context.Context, string, *Emitter[string]) error { return result })
		s.Rejected = func(_ context.Context, l DeadLetter, cause error) error {
			w.note("entered %s", l.ID)
			if !errors.Is(cause, result) {
				t.Errorf("the cause is %v; want %v", cause, result)
			}
			return entering
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.events, want) {
			t.Errorf("events = %q; want %q", w.events, want)
		}
	}
	f(&world{}, bad, nil, "buried truncated", "entered id-x", "reject x")
	f(&world{}, bad, away, "buried truncated", "entered id-x", "retry x")
	// a permanent fault on the way does not make the delivery settled
	f(&world{}, bad, fault.Permanent(fault.Internal, away), "buried truncated", "entered id-x", "retry x")
	// what is not rejected, or has no letter, is not entered
	f(&world{}, nil, away, "ack x")
	f(&world{}, boom, away, "retry x")
	f(&world{buryErr: boom}, bad, away, "retry x")
}

// Letters of one delivery that hold different rests of it are different letters:
// the one does not stand for the other.
func TestLettersOfDifferentRests(t *testing.T) {
	w := (&world{}).add("x").add("x").add("x")
	rests := []int64{5, 2, 5}
	w.run(t, func(context.Context, string, *Emitter[string]) error {
		cause := sent{fault.Permanent(fault.Truncated, errors.New("boom")), rests[0]}
		rests = rests[1:]
		return cause
	})
	ids := map[string]bool{}
	for _, l := range w.letters {
		ids[l.ID] = true
	}
	if len(w.letters) != 3 || len(ids) != 2 {
		t.Errorf("%d letters with the ids %v; want 3, with 2 ids", len(w.letters), ids)
	}
}

// The letter of a whole delivery keeps how many of its records were sent.
func TestSentRecordsAreKept(t *testing.T) {
	f := func(cause error, want int64) {
		t.Helper()
		w := (&world{}).add("x")
		w.run(t, func(context.Context, string, *Emitter[string]) error { return cause })
		if len(w.letters) != 1 || w.letters[0].SentRecords != want {
			t.Errorf("%v: letters %+v; want one, with %d records sent", cause, w.letters, want)
		}
	}
	bad := fault.Permanent(fault.Truncated, errors.New("boom"))
	f(bad, 0)
	f(sent{bad, 7}, 7)
	f(fmt.Errorf("carry: %w", sent{bad, 7}), 7)
	f(fault.Permanent(fault.Truncated, sent{errors.New("boom"), 7}), 7)
}

// Flush returns once all that was emitted is stored, and is needed no more at
// the end.
func TestFlush(t *testing.T) {
	boom := errors.New("boom")
	f := func(w *world, want ...string) {
		t.Helper()
		got := w.add("x").run(t, func(ctx context.Context, in string, out *Emitter[string]) error {
			if err := errors.Join(out.Emit(ctx, "1"), out.Emit(ctx, "2")); err != nil {
				return err
			}
			err := out.Flush(ctx)
			w.note("flushed, %v", err)
			if !errors.Is(err, w.storeErr) {
				t.Errorf("Flush: got %v; want %v", err, w.storeErr)
			}
			if err != nil {
				return err
			}
			return out.Emit(ctx, "3")
		})
		if !slices.Equal(got, want) {
			t.Errorf("events = %q; want %q", got, want)
		}
	}
	f(&world{}, "stored 1", "stored 2", "flushed, <nil>", "stored 3", "ack x")
	f(&world{storeErr: boom}, "stored 1", "stored 2", "flushed, store what was emitted: boom", "retry x")
}

func TestLettersTellTheirOrigin(t *testing.T) {
	w := (&world{}).add("x")
	w.run(t, func(ctx context.Context, in string, out *Emitter[string]) error {
		bad := DeadLetter{Reason: fault.BadRecord, Error: "no", Offset: 5, Body: []byte("rec")}
		return errors.Join(out.Bury(ctx, bad), out.Bury(ctx, bad))
	})
	if len(w.letters) != 2 {
		t.Fatalf("%d letters; want 2", len(w.letters))
	}
	l := w.letters[0]
	if l.Stage != "test" || l.Connection != "c" || l.Bucket != "b" || l.Part != 7 || l.Offset != 5 || l.BodySize != 3 || l.Time.IsZero() {
		t.Errorf("letter = %+v", l)
	}
	if l.ID == w.letters[1].ID {
		t.Errorf("two letters of one delivery have one id: %s", l.ID)
	}
	again := (&world{}).add("x")
	again.run(t, func(ctx context.Context, in string, out *Emitter[string]) error {
		return out.Bury(ctx, DeadLetter{Reason: fault.BadRecord, Error: "no", Offset: 5, Body: []byte("rec")})
	})
	if again.letters[0].ID != l.ID {
		t.Errorf("a redelivery buries the same letter as %s; want %s", again.letters[0].ID, l.ID)
	}
}

func TestWorkersBoundWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{exhausted: true}
		for i := range 100 {
			w.add(fmt.Sprint(i))
		}
		var now, most atomic.Int32
		s := w.stage(func(ctx context.Context, in string, out *Emitter[string]) error {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			<-time.After(time.Second)
			now.Add(-1)
			return nil
		})
		s.Workers = 4
		all := slices.Clone(w.work)
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 4 {
			t.Errorf("at most %d in flight; want 4", most.Load())
		}
		for _, d := range all {
			if n := d.settled.Load(); n != 1 { // invariant 5
				t.Errorf("delivery %s settled %d times", d.value, n)
			}
		}
		if inWork, _ := s.Metrics.Active(); inWork != 0 {
			t.Errorf("%d still in work", inWork)
		}
		if n := testutil.ToFloat64(s.Metrics.deliveries.WithLabelValues("test", acked)); n != 100 {
			t.Errorf("metric counts %v acks; want 100", n)
		}
	})
}

// Deliveries are let in while there is room for them, one that is larger than
// the room alone.
func TestRoomBoundsTheBytesInFlight(t *testing.T) {
	f := func(room int64, want int32, sizes ...int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := &world{exhausted: true}
			for _, n := range sizes {
				w.add(strings.Repeat("x", n))
			}
			var now, most atomic.Int32
			s := w.stage(func(context.Context, string, *Emitter[string]) error {
				most.Store(max(most.Load(), now.Add(1)))
				<-time.After(time.Second)
				now.Add(-1)
				return nil
			})
			s.Workers, s.Room = 100, room
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if most.Load() != want || len(w.events) != len(sizes) {
				t.Errorf("room %d for %v: %d at a time, %d done; want %d, all", room, sizes, most.Load(), len(w.events), want)
			}
		})
	}
	f(0, 5, 9, 9, 9, 9, 9)
	f(20, 2, 9, 9, 9, 9, 9)
	f(10, 1, 9, 900, 9, 9, 900)
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// takes is how long the work in flight takes, want how it is settled
		f := func(takes time.Duration, want string) {
			t.Helper()
			w := (&world{}).add("x")
			s := w.stage(func(ctx context.Context, in string, out *Emitter[string]) error {
				select {
				case <-time.After(takes):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			s.Grace = 10 * time.Second
			ctx, cancel := context.WithCancel(t.Context())
			var wg conc.WaitGroup
			wg.Go(func() { _ = s.Run(ctx) })
			synctest.Wait()
			cancel()
			wg.Wait()
			if !slices.Equal(w.events, []string{want}) {
				t.Errorf("work of %v: events %q; want %q", takes, w.events, want)
			}
		}
		// within the grace it finishes; past it, it is given back at once
		f(9*time.Second, "ack x")
		f(11*time.Second, "giveback x")
	})
}

func TestEmittingMuchHoldsFewReceipts(t *testing.T) {
	w := (&world{}).add("x")
	most := 0
	w.run(t, func(ctx context.Context, in string, out *Emitter[string]) error {
		for i := range 1000 {
			if err := out.Emit(ctx, fmt.Sprint(i)); err != nil {
				return err
			}
			most = max(most, len(out.waits))
		}
		return nil
	})
	if most > maxUnstored {
		t.Errorf("%d receipts held; want at most %d", most, maxUnstored) // invariant 6
	}
	if len(w.events) != 1001 {
		t.Errorf("%d events; want 1000 stored and an ack", len(w.events))
	}
}

func BenchmarkDelivery(b *testing.B) {
	w := &world{exhausted: true}
	s := w.stage(func(context.Context, string, *Emitter[string]) error { return nil })
	d := &work{world: w, value: "x"}
	b.ReportAllocs()
	for b.Loop() {
		w.events = w.events[:0]
		s.deliver(b.Context(), d)
	}
}
