package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// delivered is one delivery of an object, with what came of it.
type delivered struct {
	outbox
	object  *logferryv1.Object
	attempt int
	how     string // it was settled
	storing error  // what storing a part ends with
	taken   bool
}

// deliver runs the fetcher's stage over one delivery of the object.
func (w *world) deliver(o *logferryv1.Object, edit ...func(*delivered)) *delivered {
	w.t.Helper()
	d := &delivered{object: proto.CloneOf(o), attempt: 1}
	for _, e := range edit {
		e(d)
	}
	s := &stage.Stage[*logferryv1.Object, *batch.Batch]{
		Name: name, Source: d, Out: d, Dead: d, Handle: w.fetcher.handle, Rejected: w.fetcher.rejected, Workers: 1,
		Log: slog.New(slog.DiscardHandler), Metrics: stage.NewMetrics(prometheus.NewRegistry()),
	}
	if err := s.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (d *delivered) Next(context.Context) (stage.Delivery[*logferryv1.Object], error) {
	if d.taken {
		return nil, io.EOF
	}
	d.taken = true
	return d, nil
}

func (d *delivered) Value() (*logferryv1.Object, error)          { return d.object, nil }
func (d *delivered) Attempt() int                                { return d.attempt }
func (d *delivered) Context(ctx context.Context) context.Context { return ctx }
func (d *delivered) Ack(context.Context) error                   { d.how = "ack"; return nil }
func (d *delivered) Retry(context.Context, time.Duration) error  { d.how = "retry"; return nil }
func (d *delivered) Reject(context.Context, error) error         { d.how = "reject"; return nil }
func (d *delivered) Letter() stage.DeadLetter {
	return stage.DeadLetter{ID: d.object.GetId(), Connection: d.object.GetConnection(), Object: d.object.GetId(), Part: -1, Offset: -1}
}

func (d *delivered) Publish(ctx context.Context, b *batch.Batch) (func(context.Context) error, error) {
	err := d.Emit(ctx, b)
	return func(context.Context) error { return d.storing }, err
}

// parts returns the ordinals of the parts that were sent.
func (d *delivered) parts() (parts []int) {
	for _, m := range d.metas {
		parts = append(parts, m.Part)
	}
	return parts
}

// enter enters events in the ledger.
func (w *world) enter(events ...*logferryv1.LedgerEvent) {
	w.t.Helper()
	for _, e := range events {
		if _, err := w.ledger.Record(w.t.Context(), e); err != nil {
			w.t.Fatal(err)
		}
	}
}

// account returns what the ledger has of an object.
func (w *world) account(o *logferryv1.Object) *ledger.Account {
	w.t.Helper()
	events, err := w.ledger.Events(w.t.Context(), o.GetConnection(), o.GetId())
	if err != nil {
		w.t.Fatal(err)
	}
	return ledger.NewAccount(events)
}

// lines returns an object of the format "lines": n records, ten to a part. Those
// of which long is true are too long to be carried.
func lines(n int, long func(i int) bool) (text string, records []string, tooLong map[int64]bool) {
	var b strings.Builder
	tooLong = map[int64]bool{}
	for i := range n {
		line := fmt.Sprintf("{%088d}", i)
		if long != nil && long(i) {
			line = "{long" + line[5:]
			tooLong[int64(b.Len())] = true
		} else {
			records = append(records, line)
		}
		b.WriteString(line + "\n")
	}
	return b.String(), records, tooLong
}

func every(n int) func(int) bool { return func(i int) bool { return i%n == n-1 } }

// What an object held is entered when all of it is stored.
func TestFetchedIsEntered(t *testing.T) {
	w := newWorld(t, nil)
	f := func(key, text string, packed bool, want *logferryv1.Fetched) {
		t.Helper()
		body := text
		if packed {
			body = gz(text)
		}
		o := w.put(key, body)
		d := w.deliver(o)
		want.Bytes = uint64(len(text))
		if diff := cmp.Diff(want, w.account(o).Fetched(), protocmp.Transform()); diff != "" || d.how != "ack" {
			t.Errorf("%s: settled by %s, entered (-want +got):\n%s", key, d.how, diff)
		}
	}
	text, _, _ := lines(25, nil)
	f("waf/a", text, false, &logferryv1.Fetched{Parts: 3, Records: 25})
	f("waf/b", text, true, &logferryv1.Fetched{Parts: 3, Records: 25})
	long, _, _ := lines(25, every(5))
	f("waf/c", long, true, &logferryv1.Fetched{Parts: 2, Records: 25, Dead: 5})
	f("waf/d", "{long}\n", false, &logferryv1.Fetched{Records: 1, Dead: 1})
	f("waf/e", "", false, &logferryv1.Fetched{})
	f("waf/f", "{digest}\n", false, &logferryv1.Fetched{})
}

// An object that is one part, and nothing besides, is told by the part, in
// every attempt, and not entered: who settles the part enters it.
func TestWhole(t *testing.T) {
	w := newWorld(t, nil)
	f := func(text string, whole int64, parts int, edit ...func(*logferryv1.Object)) {
		t.Helper()
		for _, attempt := range []uint32{0, 60} {
			w.ledger.Lose()
			o := w.put("waf/a", text)
			o.Attempt = attempt
			for _, e := range edit {
				e(o)
			}
			d := w.deliver(o)
			if d.how != "ack" || len(d.metas) != parts {
				t.Fatalf("settled by %s, %d parts sent; want %d", d.how, len(d.metas), parts)
			}
			for _, m := range d.metas {
				if m.Whole != whole {
					t.Errorf("part %d of %d: whole %d; want %d", m.Part, parts, m.Whole, whole)
				}
			}
			if entered := w.account(o).Fetched() != nil; entered != (whole == 0) {
				t.Errorf("%d parts, whole %d: entered %v", parts, whole, entered)
			}
		}
	}
	one, _, _ := lines(1, nil)
	ten, _, _ := lines(10, nil)
	eleven, _, _ := lines(11, nil)
	long, _, _ := lines(10, every(10))
	f(one, 1, 1)
	f(ten, 10, 1)
	f(eleven, 0, 2)
	f(long, 0, 1)
	f("", 0, 0)
	f(ten, 0, 1, func(o *logferryv1.Object) { o.SkipRecords = 1 })
	f(ten, 0, 0, func(o *logferryv1.Object) { o.SkipRecords = 10 })
	f(ten, 0, 0, func(o *logferryv1.Object) { // settled, and not entered
		if o.Attempt == 0 {
			o.Attempt = 30
		}
		w.enter(ledger.Part(o.GetConnection(), o.GetId(), &logferryv1.PartSettled{Delivered: 10}))
	})
}

// What is broken, or not stored, is not whole.
func TestNotWhole(t *testing.T) {
	w := newWorld(t, nil)
	text, _, _ := lines(10, nil)
	o := w.put("waf/a", text)
	if d := w.deliver(o, func(d *delivered) { d.storing = errors.New("the bus is away") }); d.how != "retry" {
		t.Errorf("settled by %s though the part is not stored", d.how)
	}
	w.breakAt(5, errBroken)
	d := w.deliver(o)
	if d.how != "reject" || len(d.metas) != 1 || d.metas[0].Whole != 0 || w.account(o).Fetched().GetParts() != 1 {
		t.Errorf("settled by %s, sent %v, entered %v; want one part that is not whole", d.how, d.metas, w.account(o).Fetched())
	}
}

// Nothing is entered, and nothing acknowledged, before it is stored or while
// the ledger fails (invariant 2).
func TestNothingIsEnteredTooEarly(t *testing.T) {
	w := newWorld(t, nil)
	text, _, _ := lines(25, nil)
	o := w.put("waf/a", text)
	away := errors.New("the bus is away")
	f := func(edit func(*delivered), end func()) {
		t.Helper()
		d := w.deliver(o, edit)
		end()
		if d.how != "retry" || w.account(o).Fetched() != nil {
			t.Errorf("settled by %s, entered %v; want it tried again, nothing entered", d.how, w.account(o).Fetched())
		}
	}
	nothing := func() {}
	f(func(d *delivered) { d.storing = away }, nothing)
	f(func(d *delivered) { d.err = away }, nothing)
	f(func(*delivered) { w.ledger.Fail(away) }, func() { w.ledger.Fail(nil) })
}

// What was sent to its end before, or is done, is not even read, where that may
// be: in a further attempt, or when the delivery came before.
func TestSentBefore(t *testing.T) {
	w := newWorld(t, nil)
	text, _, _ := lines(25, nil)
	f := func(attempt uint32, known *logferryv1.LedgerEvent) {
		t.Helper()
		delivery := 1
		if attempt == 0 {
			delivery = 2
		}
		w.ledger.Lose()
		o := w.put("waf/a", text)
		o.Attempt = attempt
		known.Connection, known.ObjectId = o.GetConnection(), o.GetId()
		w.enter(known)
		requests := len(w.log())
		d := w.deliver(o, func(d *delivered) { d.attempt = delivery })
		if d.how != "ack" || len(d.metas) > 0 || len(w.log()) != requests {
			t.Errorf("after %v: settled by %s, %d parts sent, %d requests", known, d.how, len(d.metas), len(w.log())-requests)
		}
	}
	done := &logferryv1.LedgerEvent{Event: &logferryv1.LedgerEvent_Done{Done: &logferryv1.Done{Parts: 3}}}
	f(0, ledger.Fetched("", "", &logferryv1.Fetched{Parts: 3, Records: 25}))
	f(0, proto.CloneOf(done))
	f(2, proto.CloneOf(done))
}

// An object that the bus delivers anew, as if it had never done so, is no dead
// letter when it was sent before and is gone by now.
func TestGoneAfterItWasSent(t *testing.T) {
	w := newWorld(t, nil)
	f := func(known *logferryv1.LedgerEvent) {
		t.Helper()
		w.ledger.Lose()
		o := &logferryv1.Object{Id: "x", Connection: "acme", Bucket: bucketName, Key: "missing"}
		known.Connection, known.ObjectId = o.GetConnection(), o.GetId()
		w.enter(known)
		if d := w.deliver(o); d.how != "ack" || len(d.letters) > 0 {
			t.Errorf("after %v: settled by %s, letters %v", known, d.how, d.letters)
		}
	}
	f(ledger.Fetched("", "", &logferryv1.Fetched{Parts: 3, Records: 25}))
	f(&logferryv1.LedgerEvent{Event: &logferryv1.LedgerEvent_Done{Done: &logferryv1.Done{Parts: 1}}})
}

// A further attempt sends the parts that are not settled, and no other; what is
// entered is the same.
func TestFurtherAttemptSendsWhatIsMissing(t *testing.T) {
	w := newWorld(t, nil)
	text, _, _ := lines(25, every(7))
	f := func(fetched bool, want []int, settled ...uint32) {
		t.Helper()
		w.ledger.Lose()
		o := w.put("waf/a", text)
		if fetched {
			w.deliver(o)
		}
		for _, part := range settled {
			w.enter(ledger.Part(o.GetConnection(), o.GetId(), &logferryv1.PartSettled{Part: part}))
		}
		o.Attempt = 9
		d := w.deliver(o)
		if d.how != "ack" || !slices.Equal(d.parts(), want) {
			t.Errorf("with parts %v settled: settled by %s, sent %v; want %v", settled, d.how, d.parts(), want)
		}
		entered := &logferryv1.Fetched{Parts: 3, Records: 25, Dead: 3, Bytes: uint64(len(text))}
		if diff := cmp.Diff(entered, w.account(o).Fetched(), protocmp.Transform()); diff != "" {
			t.Errorf("with parts %v settled: entered (-want +got):\n%s", settled, diff)
		}
	}
	f(false, []int{0, 1, 2})
	f(true, []int{0, 1, 2})
	f(true, []int{1}, 0, 2)
	f(false, []int{0, 1}, 2)
	f(true, nil, 0, 1, 2)
}

// How a format ends at a record.
var (
	errBroken = fault.Permanent(fault.Corrupt, errors.New("broken"))
	errLarge  = fault.Permanent(fault.TooLarge, errors.New("too large"))
)

// breaking is a splitter that ends at its n-th record, with a panic when err is
// nil.
type breaking struct {
	format.Splitter
	left int
	err  error
}

func (b *breaking) Next() (format.Record, error) {
	if b.left == 0 {
		if b.err == nil {
			panic("a defect of the format")
		}
		return format.Record{}, b.err
	}
	b.left--
	return b.Splitter.Next()
}

// breakAt lets objects of the format "lines" end at the n-th record.
func (w *world) breakAt(n int, err error) {
	whole := lineFormat().Split
	w.fetcher.formats[1].Split = func(r io.Reader) format.Splitter {
		return &breaking{Splitter: whole(r), left: n, err: err}
	}
}

// Wherever an object is given up, and why: what was sent before and what is
// sent when the rest is tried again are all its records, once each.
func TestRestOfAnObject(t *testing.T) {
	w := newWorld(t, nil)
	f := func(n int, long func(int) bool, cause error, reason fault.Reason) {
		t.Helper()
		text, records, tooLong := lines(n, long)
		o := w.put("waf/a", text)
		for k := range n + 1 {
			w.ledger.Lose()
			w.breakAt(k, cause)
			first := w.deliver(o)
			letter := first.letters[len(first.letters)-1]
			if first.how != "reject" || letter.Reason != reason {
				t.Fatalf("at %d: settled by %s, letter %s; want %s", k, first.how, letter.Reason, reason)
			}
			long := len(first.letters) - 1 // those of single records
			want := &logferryv1.Fetched{
				Parts: uint32(len(first.metas)), Records: uint64(len(first.records) + long), Dead: uint64(long), Rejected: true,
				Bytes: w.account(o).Fetched().GetBytes(), // as far as it was read
			}
			if diff := cmp.Diff(want, w.account(o).Fetched(), protocmp.Transform()); diff != "" {
				t.Fatalf("at %d: entered (-want +got):\n%s", k, diff)
			}

			w.breakAt(-1, nil)
			rest := proto.CloneOf(o)
			rest.Id, rest.SkipRecords = o.GetId()+"2", uint64(letter.SentRecords)
			second := w.deliver(rest)
			if got := slices.Concat(first.records, second.records); second.how != "ack" || !slices.Equal(got, records) {
				t.Fatalf("at %d: %d records sent, then %d from %d on; want each of %d once (settled by %s)",
					k, len(first.records), len(second.records), letter.SentRecords, len(records), second.how)
			}
			offsets := map[int64]bool{}
			for _, l := range slices.Concat(first.letters[:long], second.letters) {
				offsets[l.Offset] = true
			}
			if !maps.Equal(offsets, tooLong) {
				t.Fatalf("at %d: letters of the records at %v; want %v", k, offsets, tooLong)
			}
			// Given up once more before it was reached, the rest stays the rest.
			w.breakAt(0, cause)
			if again := w.deliver(withID(rest, "3")); again.how != "reject" || again.letters[0].SentRecords > letter.SentRecords {
				t.Fatalf("at %d: settled by %s, %d records sent; want it given up, at most %d", k, again.how, again.letters[0].SentRecords, letter.SentRecords)
			}
		}
	}
	for _, long := range []func(int) bool{nil, every(3), every(10), every(11), every(1)} {
		f(25, long, errBroken, fault.Corrupt)
		f(25, long, errLarge, fault.TooLarge)
		f(25, long, nil, fault.Internal)
	}
}

func withID(o *logferryv1.Object, suffix string) *logferryv1.Object {
	o = proto.CloneOf(o)
	o.Id += suffix
	return o
}

// An object that cannot be carried at all is entered with its letter.
func TestRejectedIsEntered(t *testing.T) {
	w := newWorld(t, nil)
	f := func(o *logferryv1.Object, attempt int, reason fault.Reason) {
		t.Helper()
		d := w.deliver(o, func(d *delivered) { d.attempt = attempt })
		a := w.account(o)
		if d.how != "reject" || d.letters[0].Reason != reason || !a.IsComplete() || !a.Total().GetRejected() || a.Total().GetRecords() != 0 {
			t.Errorf("%s: settled by %s, letters %v, account %v; want %s", o.GetKey(), d.how, d.letters, a.Total(), reason)
		}
	}
	f(w.put("any/text", "hello"), 1, fault.Unrouted)
	f(&logferryv1.Object{Id: "x", Connection: "acme", Bucket: bucketName, Key: "missing"}, 1, fault.ObjectMissing)
	f(&logferryv1.Object{Id: "y", Connection: "gone", Bucket: bucketName, Key: "k"}, mendTries, fault.NoConnection)

	// while the ledger fails it is not settled
	w.ledger.Fail(errors.New("the ledger is away"))
	o := w.put("any/text", "hello again")
	if d := w.deliver(o); d.how != "retry" {
		t.Errorf("settled by %s though the ledger fails", d.how)
	}
}

// An object of which something was sent before it could not be read any more:
// its letter leaves out what is accounted for by then.
func TestDeniedAfterSomeWasSent(t *testing.T) {
	f := func(skip uint64, want int64, settled ...*logferryv1.PartSettled) {
		t.Helper()
		w := newWorld(t, nil)
		text, _, _ := lines(45, nil)
		o := w.put("waf/a", text)
		o.SkipRecords = skip
		w.breakAt(35, errors.New("the connection was reset"))
		if d := w.deliver(o); d.how != "retry" {
			t.Fatalf("settled by %s; want it tried again", d.how)
		}
		for _, p := range settled {
			w.enter(ledger.Part(o.GetConnection(), o.GetId(), p))
		}
		w.breakAt(0, errBroken)
		d := w.deliver(o)
		if d.how != "reject" || d.letters[0].SentRecords != want {
			t.Errorf("settled by %s, letters %+v; want one with %d records sent", d.how, d.letters, want)
		}
	}
	ten := func(part uint32) *logferryv1.PartSettled {
		return &logferryv1.PartSettled{Part: part, Delivered: 7, Dead: 2, Filtered: 1}
	}
	f(0, 0)
	f(0, 20, ten(0), ten(1))
	f(5, 25, ten(0), ten(1))
	f(0, 10, ten(0), ten(2))
	f(0, 10, ten(0), &logferryv1.PartSettled{Part: 1, Rejected: true}, ten(2))
}

// An object that was sent whole and is gone when the bus has lost a part of it:
// what is not settled is rejected, the rest keeps its account.
func TestObjectGoneOnAFurtherAttempt(t *testing.T) {
	w := newWorld(t, nil)
	text, _, _ := lines(25, nil)
	o := w.put("waf/a", text)
	w.deliver(o)
	w.enter(ledger.Part(o.GetConnection(), o.GetId(), &logferryv1.PartSettled{Part: 1, Delivered: 10}))
	if _, err := w.backend.DeleteObject(bucketName, "waf/a"); err != nil {
		t.Fatal(err)
	}
	o.Attempt = 60
	if d := w.deliver(o); d.how != "reject" || d.letters[0].Reason != fault.ObjectMissing {
		t.Errorf("settled by %s, letters %v", d.how, d.letters)
	}
	a := w.account(o)
	want := &logferryv1.Done{Parts: 3, Records: 25, Delivered: 10, Rejected: true}
	if diff := cmp.Diff(want, a.Total(), protocmp.Transform()); diff != "" || !a.IsComplete() {
		t.Errorf("complete %v, account (-want +got):\n%s", a.IsComplete(), diff)
	}
}

// An object that is broken in its middle, of which the bus has lost a part that
// was sent: the part is sent again, and is not taken for lost.
func TestBrokenObjectOnAFurtherAttempt(t *testing.T) {
	w := newWorld(t, nil)
	text, _, _ := lines(40, nil)
	o := w.put("waf/a", text)
	w.breakAt(25, errBroken) // parts 0 to 2
	if d := w.deliver(o); d.how != "reject" || len(d.metas) != 3 {
		t.Fatalf("settled by %s, %d parts sent", d.how, len(d.metas))
	}
	w.enter(ledger.Part(o.GetConnection(), o.GetId(), &logferryv1.PartSettled{Part: 1, Delivered: 10}))
	o.Attempt = 60
	d := w.deliver(o)
	if a := w.account(o); d.how != "reject" || !slices.Equal(d.parts(), []int{0, 2}) || a.Settled() != 1 {
		t.Errorf("settled by %s, parts %v sent, %d settled; want 0 and 2 on their way, 1 settled", d.how, d.parts(), a.Settled())
	}
	// It breaks earlier now: what is no more to be had is rejected.
	w.breakAt(5, errBroken)
	o.Attempt = 90
	d = w.deliver(o)
	if a := w.account(o); d.how != "reject" || !slices.Equal(d.parts(), []int{0}) || a.Settled() != 2 || !a.HasSettled(2) {
		t.Errorf("settled by %s, parts %v sent, %d settled; want 0 on its way, 1 and 2 settled", d.how, d.parts(), a.Settled())
	}
}
