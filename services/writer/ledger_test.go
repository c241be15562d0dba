package writer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sourcegraph/conc"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/ledger/ledgertest"
	"github.com/logferry/logferry/pkg/sink"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// punctual is a ledger that enters nothing once the context has ended.
type punctual struct {
	ledgertest.Memory
	err error // what Record ends with
}

func (p *punctual) Record(ctx context.Context, e *logferryv1.LedgerEvent) (bool, error) {
	if err := errors.Join(ctx.Err(), p.err); err != nil {
		return false, err
	}
	return p.Memory.Record(ctx, e)
}

// part returns what the ledger has of the part that rows makes.
func (p *punctual) part(t *testing.T) *logferryv1.PartSettled {
	t.Helper()
	e, err := p.Event(t.Context(), "conn", "object0", ledger.PartName(3))
	if err != nil {
		t.Fatal(err)
	}
	return e.GetPart()
}

// sinkFunc is a sink that does what the function does.
type sinkFunc func(context.Context, *batch.Batch) ([]sink.Rejected, error)

func (f sinkFunc) Write(ctx context.Context, b *batch.Batch) ([]sink.Rejected, error) {
	return f(ctx, b)
}
func (f sinkFunc) Close(context.Context) error { return nil }

// punctualGrave keeps dead letters as long as the context goes on.
type punctualGrave struct{ grave }

func (g *punctualGrave) Bury(ctx context.Context, l stage.DeadLetter) error {
	return errors.Join(ctx.Err(), g.grave.Bury(ctx, l))
}

func newWriter(l ledger.Store, s sink.Sink) *writer {
	return &writer{destination: "here", table: tab, sink: s, ledger: l, metrics: newMetrics(prometheus.NewRegistry())}
}

// What is settled is not written again, and acknowledged.
func TestSettledPartIsNotWritten(t *testing.T) {
	f := func(batches int, known ...*logferryv1.LedgerEvent) {
		t.Helper()
		var l ledgertest.Memory
		for _, e := range known {
			if _, err := l.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		s := new(fakeSink)
		w := newWriter(&l, s)
		if err := w.write(t.Context(), rows(t, mem, 10), new(grave)); err != nil || s.batches != batches {
			t.Errorf("after %v: got %v, %d batches written; want %d", known, err, s.batches, batches)
		}
		mem.AssertSize(t, 0)
		if got := testutil.ToFloat64(w.metrics.skipped.WithLabelValues("here", tab)); got != float64(1-batches) {
			t.Errorf("after %v: %v parts are counted as skipped", known, got)
		}
	}
	settled := func(object string, part uint32) *logferryv1.LedgerEvent {
		return ledger.Part("conn", object, &logferryv1.PartSettled{Part: part})
	}
	f(0, settled("object0", 3))
	done := func(parts uint32) *logferryv1.LedgerEvent {
		return &logferryv1.LedgerEvent{Connection: "conn", ObjectId: "object0", Event: &logferryv1.LedgerEvent_Done{Done: &logferryv1.Done{Parts: parts}}}
	}
	f(0, done(4)) // and forgotten
	f(1, done(3)) // given up in another life, without this part
	f(1)
	f(1, settled("object0", 2), settled("object1", 3), ledger.Fetched("conn", "object0", &logferryv1.Fetched{Parts: 4}))
}

// What became of a part's records is entered when all of them are accepted or
// kept, also when the context ends as soon as the rows are accepted.
func TestPartIsEntered(t *testing.T) {
	two := []sink.Rejected{
		{Row: 2, Err: fault.Permanent(fault.RowTooLarge, errors.New("too large"))},
		{Row: 9, Err: fault.Permanent(fault.RowRejected, errors.New("malformed"))},
	}
	f := func(rejected []sink.Rejected, dead, filtered int, want *logferryv1.PartSettled) {
		t.Helper()
		l, g := new(punctual), new(punctualGrave)
		ctx, cancel := context.WithCancel(t.Context())
		w := newWriter(l, sinkFunc(func(context.Context, *batch.Batch) ([]sink.Rejected, error) {
			cancel()
			return rejected, nil
		}))
		b := rows(t, memory.DefaultAllocator, 10)
		b.Meta.Dead, b.Meta.Filtered = dead, filtered
		if err := w.write(ctx, b, g); err != nil || len(g.letters) != len(rejected) {
			t.Errorf("got %v, %d letters; want %d", err, len(g.letters), len(rejected))
		}
		if got := l.part(t); !proto.Equal(got, want) {
			t.Errorf("entered %v; want %v", got, want)
		}
	}
	f(nil, 0, 0, &logferryv1.PartSettled{Part: 3, Delivered: 10})
	f(two, 0, 0, &logferryv1.PartSettled{Part: 3, Delivered: 8, Dead: 2})
	f(two, 4, 5, &logferryv1.PartSettled{Part: 3, Delivered: 8, Dead: 6, Filtered: 5})
}

// The account of accepted rows may take a while longer than the work, not for
// ever.
func TestSettlingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWriter(new(ledgertest.Memory), sinkFunc(func(context.Context, *batch.Batch) ([]sink.Rejected, error) {
			cancel()
			return []sink.Rejected{{Err: fault.Permanent(fault.RowRejected, errors.New("malformed"))}}, nil
		}))
		begin := time.Now()
		err := w.write(ctx, rows(t, memory.DefaultAllocator, 10), burierFunc(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}))
		if took := time.Since(begin); !errors.Is(err, context.Canceled) || took != settleTime {
			t.Errorf("got %v after %v; want the end of the context after %v", err, took, settleTime)
		}
	})
}

type burierFunc func(context.Context) error

func (f burierFunc) Bury(ctx context.Context, _ stage.DeadLetter) error { return f(ctx) }

// Nothing is entered unless it is accepted, and nothing is written unless the
// ledger can tell that it was not before.
func TestTroubleIsNotEntered(t *testing.T) {
	away := errors.New("away")
	f := func(name string, batches int, edit func(*punctual, *fakeSink, *grave)) {
		t.Helper()
		l, s, g := new(punctual), new(fakeSink), new(grave)
		edit(l, s, g)
		w := newWriter(l, s)
		err := w.write(t.Context(), rows(t, memory.DefaultAllocator, 10), g)
		l.Fail(nil)
		if !errors.Is(err, away) || fault.IsPermanent(err) || s.batches != batches || l.part(t) != nil {
			t.Errorf("%s: got %v, %d batches written, entered %v; want %d, nothing entered", name, err, s.batches, l.part(t), batches)
		}
		if n := testutil.CollectAndCount(w.metrics.rows); n != 0 {
			t.Errorf("%s: rows are counted as delivered", name)
		}
	}
	f("ledger", 0, func(l *punctual, _ *fakeSink, _ *grave) { l.Fail(away) })
	f("sink", 1, func(_ *punctual, s *fakeSink, _ *grave) { s.err = away })
	f("ledger after the write", 1, func(l *punctual, _ *fakeSink, _ *grave) { l.err = away })
	f("grave", 1, func(_ *punctual, s *fakeSink, g *grave) {
		s.rejected, g.err = []sink.Rejected{{Err: fault.Permanent(fault.RowRejected, away)}}, away
	})
}

// A part that is being written is not written by a second delivery at the same
// time: that one is given back.
func TestBusyPartIsGivenBack(t *testing.T) {
	var l ledgertest.Memory
	writing, accept := make(chan struct{}), make(chan struct{})
	batches := 0
	w := newWriter(&l, sinkFunc(func(context.Context, *batch.Batch) ([]sink.Rejected, error) {
		batches++
		if batches == 1 {
			close(writing)
			<-accept
			return nil, errors.New("the destination is away")
		}
		return nil, nil
	}))
	write := func(attempt int) error {
		b := rows(t, memory.DefaultAllocator, 10)
		b.Meta.Attempt = attempt
		return w.write(t.Context(), b, new(grave))
	}
	var first conc.WaitGroup
	first.Go(func() {
		if err := write(0); err == nil {
			t.Error("the failure is not told")
		}
	})
	<-writing
	for attempt := range 2 { // a further attempt at the part is the same part
		if err := write(attempt); err == nil || fault.IsPermanent(err) || fault.Wait(err, 1) != busyWait {
			t.Errorf("got %v, wait %v; want it given back for %v", err, fault.Wait(err, 1), busyWait)
		}
	}
	close(accept)
	first.Wait()
	if err := write(0); err != nil || batches != 2 {
		t.Errorf("got %v, %d batches; want it written once nobody else does", err, batches)
	}
	if err := write(1); err != nil || batches != 2 {
		t.Errorf("got %v, %d batches; want no third", err, batches)
	}
}

// A part that is a dead letter as a whole is settled with what it held.
func TestRejectedPart(t *testing.T) {
	f := func(l stage.DeadLetter, want *logferryv1.PartSettled) {
		t.Helper()
		store := new(punctual)
		w := newWriter(store, new(fakeSink))
		if err := w.rejected(t.Context(), l, nil); err != nil {
			t.Error(err)
		}
		if got := store.part(t); !proto.Equal(got, want) {
			t.Errorf("entered %v; want %v", got, want)
		}
		store.Fail(errors.New("away"))
		if err := w.rejected(t.Context(), l, nil); (err == nil) != (want == nil) {
			t.Errorf("got %v of a ledger that fails", err)
		}
	}
	f(stage.DeadLetter{Connection: "conn", Object: "object0", Part: 3, Records: 10, Dead: 2, Filtered: 1},
		&logferryv1.PartSettled{Part: 3, Dead: 12, Filtered: 1})
	// what tells no place has none in the ledger
	f(stage.DeadLetter{Connection: "conn", Object: "object0", Part: -1}, nil)
	f(stage.DeadLetter{Connection: "conn", Part: 3}, nil)
	f(stage.DeadLetter{Object: "object0", Part: 3}, nil)
}

// The column of the event's own time is written; a row that is refused is kept
// as it came, to be given the column when it is written again.
func TestEventTimeIsWritten(t *testing.T) {
	f := func(column string, want bool) {
		t.Helper()
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		var columns []string
		w := newWriter(new(ledgertest.Memory), sinkFunc(func(_ context.Context, b *batch.Batch) ([]sink.Rejected, error) {
			for _, field := range b.Record.Schema().Fields() {
				columns = append(columns, field.Name)
			}
			return []sink.Rejected{{Row: 1, Err: fault.Permanent(fault.RowRejected, errors.New("malformed"))}}, nil
		}))
		w.eventTime = column
		var g grave
		if err := w.write(t.Context(), rows(t, mem, 10), &g); err != nil || len(g.letters) != 1 {
			t.Fatalf("got %v, %d letters", err, len(g.letters))
		}
		mem.AssertSize(t, 0)
		if got := slices.Contains(columns, "EventTime_CF"); got != want {
			t.Errorf("%q: got columns %v", column, columns)
		}
		row, err := batch.Decode(g.letters[0].Body, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		defer row.Release()
		if row.Schema().HasField("EventTime_CF") || row.NumRows() != 1 {
			t.Errorf("%q: got a letter of %v", column, row)
		}
	}
	f("EventTime_CF", true)
	f("", false)
}
