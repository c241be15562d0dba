package backfill

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
	"github.com/logferry/logferry/services/logferry/internal/bucket"
)

// What is not done is carried, once; what is ignored, of another day, in the
// history or done in the ledger is not.
func TestBackfill(t *testing.T) {
	w := newWorld(t)
	old, first, second := day("2026/10/31", 3), day("2026/11/01", 30), append(day("2026/11/02", 5), "AWSLogs/1/CloudTrail/eu/2026/11/02/dead.json.gz")
	w.put(slices.Concat(old, first, second, []string{"AWSLogs/1/CloudTrail/eu/2026/11/02/x/", "AWSLogs/1/aws-logs-write-test"})...)
	w.done(t, first[:10]...)
	w.finished(t, first[10:12]...)
	o, out, notes := w.options("2026-11-01")
	got, err := w.run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// Those that only the ledger knows as done are awaited, not published.
	want := Tally{Listed: 38, Ignored: 2, Known: 10, Carried: 26, Rows: 259, Dead: 1, Records: 1, Bytes: got.Bytes}
	if got != want || got.Bytes < 1000 {
		t.Errorf("got %+v; want %+v", got, want)
	}
	if got, want := w.keys(), slices.Sorted(slices.Values(append(first[12:], second...))); !slices.Equal(got, want) {
		t.Errorf("carried %q; want %q", got, want)
	}
	if !strings.Contains(out.String(), "done before  10\n") || !strings.Contains(notes.String(), "the history begins at ") {
		t.Errorf("printed %s%s", out, notes)
	}
	again, err := w.run(t.Context(), o)
	if want := (Tally{Listed: 38, Ignored: 2, Known: 36}); err != nil || again != want || len(w.keys()) > 0 {
		t.Errorf("the second time got %+v, %v; want %+v and nothing carried", again, err, want)
	}
}

// done enters objects of the bucket into the history.
func (w *world) done(t *testing.T, keys ...string) {
	t.Helper()
	var entries []ledger.Entry
	w.each(t, keys, func(o bucket.Object) {
		entries = append(entries, ledger.Entry{Object: ledger.KeyOf(o.ID(w.conn.Name)), Delivered: 10})
	})
	if err := w.bus.Ledger().Append(t.Context(), w.conn.Name, entries); err != nil {
		t.Fatal(err)
	}
}

// finished enters all about objects of the bucket in the ledger but that they
// are done: their poller has died.
func (w *world) finished(t *testing.T, keys ...string) {
	t.Helper()
	w.each(t, keys, func(o bucket.Object) {
		seen := item{Object: o}.object(w.conn.Name)
		for _, e := range []*logferryv1.LedgerEvent{
			ledger.Seen(seen), ledger.Fetched(w.conn.Name, seen.GetId(), &logferryv1.Fetched{Parts: 1, Records: 10}),
			ledger.Part(w.conn.Name, seen.GetId(), &logferryv1.PartSettled{Delivered: 10}),
		} {
			if _, err := w.bus.Ledger().Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func (w *world) each(t *testing.T, keys []string, f func(bucket.Object)) {
	t.Helper()
	err := bucket.New(awscred.New(slog.New(slog.DiscardHandler)), w.conn).Keys(t.Context(), bucketName, strings.NewReader(strings.Join(keys, "\n")), func(o bucket.Object) error { f(o); return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// A backfill that is interrupted, again and again, carries everything once and
// counts it once.
func TestGoesOn(t *testing.T) {
	w := newWorld(t)
	keys := slices.Concat(day("2026/11/01", 20), day("2026/11/02", 20), day("2026/11/03", 20))
	w.put(keys...)
	o, _, notes := w.options("2026-11-01")
	o.InFlight = 1 // so that all before the one that is interrupted are done
	for _, at := range []int{5, 25, 45} {
		ctx, cancel := context.WithCancel(t.Context())
		w.holdAt(at, cancel)
		_, err := w.run(ctx, o)
		if err == nil || !strings.Contains(err.Error(), "the same command goes on") {
			t.Fatalf("at %d: got %v; want that it was interrupted", at, err)
		}
	}
	w.holdAt(0, nil)
	got, err := w.run(t.Context(), o)
	if err != nil || got.Listed != 60 || got.Known+got.Carried != 60 || got.Known < 1 || got.Rows != 10*uint64(got.Carried) {
		t.Errorf("got %+v, %v; want each of 60 objects counted once", got, err)
	}
	if got := w.keys(); !slices.Equal(got, keys) {
		t.Errorf("carried %d objects, %d different ones; want %d", len(got), len(slices.Compact(got)), len(keys))
	}
	if n := strings.Count(notes.String(), `going on after "s3://org-logs/`+keys[19]+`"`); n != 1 {
		t.Errorf("went on %d times after the first day; want once:\n%s", n, notes)
	}
	if n := strings.Count(notes.String(), "going on after"); n != 2 { // at 5 no day was done
		t.Errorf("went on %d times; want twice:\n%s", n, notes)
	}
	// what is finished is begun with anew
	notes.Reset()
	if got, err := w.run(t.Context(), o); err != nil || got.Known != 60 || strings.Contains(notes.String(), "going on") {
		t.Errorf("after the end got %+v, %v\n%s", got, err, notes)
	}
}

// A checkpoint that cannot be used is refused, and --restart does without.
func TestBadCheckpoint(t *testing.T) {
	w := newWorld(t)
	w.put(day("2026/11/01", 2)...)
	o, _, _ := w.options("2026-11-01")
	store, err := w.bus.Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := func(c any, want string) {
		t.Helper()
		if err := store.Save(t.Context(), o.key(), c); err != nil {
			t.Fatal(err)
		}
		_, err := w.run(t.Context(), o)
		for _, want := range []string{want, "key " + o.key() + ", revision ", "bucket logferry-checkpoints", "--restart"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v; want %q", err, want)
			}
		}
	}
	f("nonsense", "cannot unmarshal")
	f(checkpoint{Version: 9, Parameters: o.parameters(), After: "AWSLogs/"}, "version 9; this program knows version 1")
	f(checkpoint{Version: 1, Parameters: "something else", After: "AWSLogs/"}, "another backfill (something else)")
	f(checkpoint{Version: 1, Parameters: o.parameters()}, `its key ""`)
	o.Prefix = "AWSLogs/"
	f(checkpoint{Version: 1, Parameters: o.parameters(), After: "other"}, `its key "other" is none of the prefix "AWSLogs/"`)
	o.Restart = true
	if got, err := w.run(t.Context(), o); err != nil || got.Carried != 2 {
		t.Errorf("with --restart got %+v, %v; want 2 carried", got, err)
	}
}

// Other parameters are another backfill.
func TestParameters(t *testing.T) {
	w := newWorld(t)
	o, _, _ := w.options("2026-11-01")
	seen := map[string]string{}
	f := func(change func(*Options)) {
		t.Helper()
		changed := o
		change(&changed)
		if other, ok := seen[changed.key()]; ok {
			t.Errorf("%s and %s have the same key", changed.parameters(), other)
		}
		seen[changed.key()] = changed.parameters()
	}
	f(func(*Options) {})
	f(func(o *Options) { o.Bucket = "b" })
	f(func(o *Options) { o.Prefix = "b" })
	f(func(o *Options) { o.Connection.Name = "b" })
	f(func(o *Options) { o.Span.From = o.Span.From.AddDate(0, 0, 1) })
	f(func(o *Options) { o.Span.To = o.Span.From.AddDate(0, 0, 1) })
	fast := o
	fast.InFlight, fast.Rate = 7, 100
	if fast.key() != o.key() {
		t.Error("how fast it is makes another backfill of it")
	}
}

// A dry run counts by day what would be carried, and carries nothing.
func TestDryRun(t *testing.T) {
	w := newWorld(t)
	first, second := day("2026/11/01", 5), day("2026/11/02", 3)
	w.put(slices.Concat(first, second, []string{"loose"})...)
	w.done(t, first[0])
	w.finished(t, first[1])
	if _, err := ledger.Repair(t.Context(), w.bus.Ledger(), w.conn.Name, w.id(t, first[1])); err != nil {
		t.Fatal(err)
	}
	o, out, _ := w.options("2026-11-01")
	o.DryRun = true
	got, err := w.run(t.Context(), o)
	if err != nil || got.Listed != 9 || got.Known != 2 || got.Carried != 7 || len(w.keys()) > 0 {
		t.Errorf("got %+v, %v, carried %q", got, err, w.keys())
	}
	bytes := int64(6*len(first[0]) + len("loose"))
	if got.Bytes != bytes {
		t.Errorf("got %d bytes; want %d", got.Bytes, bytes)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"2026-11-01 3 ", "2026-11-02 3 ", time.Now().UTC().Format(time.DateOnly) + " 1 5 ", "all 7 ", "would be carried: 7 of 9 objects; ignored 0, done before 2"} {
		if !strings.Contains(text, want) {
			t.Errorf("printed %q; want %q", text, want)
		}
	}
}

func (w *world) id(t *testing.T, key string) (id string) {
	t.Helper()
	w.each(t, []string{key}, func(o bucket.Object) { id = o.ID(w.conn.Name) })
	return id
}

// A list is carried as it is; what is missing is told at the end.
func TestKeys(t *testing.T) {
	w := newWorld(t)
	keys := day("2020/01/01", 4)
	w.put(keys...)
	w.done(t, keys[1])
	o, _, _ := w.options("2026-11-01")
	o.Span = bucket.Span{}
	o.Keys = strings.NewReader(strings.Join([]string{keys[0], keys[1], "none", "s3://" + bucketName + "/" + keys[3]}, "\n"))
	got, err := w.run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "line 3: s3://org-logs/none") {
		t.Errorf("got %v; want that line 3 names no object", err)
	}
	if got.Listed != 3 || got.Known != 1 || got.Carried != 2 || !slices.Equal(w.keys(), []string{keys[0], keys[3]}) {
		t.Errorf("got %+v", got)
	}
}

// No more is on its way than is allowed, by number and by size, and no more is
// begun in a second.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	keys := day("2026/11/01", 12)
	w.put(keys...)
	f := func(most int, change func(*Options)) time.Duration {
		t.Helper()
		o, _, _ := w.options("2026-11-01")
		change(&o)
		o.Connection.Name = "c" + time.Now().Format("150405.000000")[7:] // each with an account of its own
		began := time.Now()
		if got, err := w.run(t.Context(), o); err != nil || got.Carried != 12 {
			t.Fatalf("got %+v, %v", got, err)
		}
		if got := w.peak(); got > most || got == 0 {
			t.Errorf("%d objects at a time; want at most %d", got, most)
		}
		return time.Since(began)
	}
	f(1, func(o *Options) { o.InFlight = 1 })
	f(3, func(o *Options) { o.InFlight = 3 })
	f(2, func(o *Options) { o.Bytes = 2 * minBytes })
	f(1, func(o *Options) { o.Bytes = 1 }) // smaller than an object
	if took := f(8, func(o *Options) { o.Rate = 50 }); took < 200*time.Millisecond {
		t.Errorf("12 objects at 50 a second took %s", took)
	}
}

// An error of the listing comes out.
func TestListingFails(t *testing.T) {
	w := newWorld(t)
	o, _, _ := w.options("2026-11-01")
	o.Bucket = "none"
	if _, err := w.run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "the bucket none does not exist") {
		t.Errorf("got %v", err)
	}
}
