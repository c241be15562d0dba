package bus

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

func part(object string, n int, rows uint64) *logferryv1.LedgerEvent {
	return ledger.Part("org-trail", object, &logferryv1.PartSettled{Part: uint32(n), Delivered: rows})
}

func record(t *testing.T, l *Ledger, e *logferryv1.LedgerEvent) (first bool) {
	t.Helper()
	first, err := l.Record(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// An event happens once; what is entered again changes nothing.
func TestLedgerTakesAnEventOnce(t *testing.T) {
	l := open(t).Ledger()
	if !record(t, l, part("o1", 0, 10)) {
		t.Error("the first event counts as known")
	}
	if record(t, l, part("o1", 0, 99)) {
		t.Error("the second event counts as new")
	}
	e, err := l.Event(t.Context(), "org-trail", "o1", "0")
	if err != nil || e.GetPart().GetDelivered() != 10 {
		t.Errorf("event = %v, %v; want the first", e, err)
	}
	if e, err := l.Event(t.Context(), "org-trail", "o1", "1"); e != nil || err != nil {
		t.Errorf("event = %v, %v; want none", e, err)
	}
	if settled, err := ledger.IsSettled(t.Context(), l, "org-trail", "o1", 0, 0); !settled || err != nil {
		t.Errorf("settled = %v, %v", settled, err)
	}
	if settled, err := ledger.IsSettled(t.Context(), l, "org-trail", "o1", 1, 0); settled || err != nil {
		t.Errorf("settled = %v, %v; want not", settled, err)
	}
}

// What an object that is done leaves is one message, and still settles its
// parts.
func TestLedgerForgets(t *testing.T) {
	l := open(t).Ledger()
	record(t, l, ledger.Seen(&logferryv1.Object{Id: "o1", Connection: "org-trail"}))
	record(t, l, ledger.Fetched("org-trail", "o1", &logferryv1.Fetched{Parts: 2, Records: 20}))
	record(t, l, part("o1", 0, 10))
	record(t, l, part("o1", 1, 10))
	record(t, l, part("o2", 0, 10))
	record(t, l, &logferryv1.LedgerEvent{ObjectId: "o1", Connection: "org-trail", Event: &logferryv1.LedgerEvent_Done{Done: &logferryv1.Done{Parts: 2, Delivered: 20}}})
	events, err := l.Events(t.Context(), "org-trail", "o1")
	if err != nil || len(events) != 5 {
		t.Fatalf("%d events, %v; want 5", len(events), err)
	}
	if err := l.Forget(t.Context(), "org-trail", "o1"); err != nil {
		t.Fatal(err)
	}
	events, err = l.Events(t.Context(), "org-trail", "o1")
	if err != nil || len(events) != 1 || events[0].GetDone().GetDelivered() != 20 {
		t.Fatalf("events = %v, %v; want done only", events, err)
	}
	if settled, err := ledger.IsSettled(t.Context(), l, "org-trail", "o1", 1, 0); !settled || err != nil {
		t.Errorf("settled = %v, %v", settled, err)
	}
	// An object that was given up may have sent more in a life that nobody
	// remembers: that is still to be written, and does not displace done.
	if settled, err := ledger.IsSettled(t.Context(), l, "org-trail", "o1", 2, 0); settled || err != nil {
		t.Errorf("a part beyond those of the object: settled = %v, %v", settled, err)
	}
	record(t, l, part("o1", 2, 10))
	if err := l.Forget(t.Context(), "org-trail", "o1"); err != nil {
		t.Fatal(err)
	}
	if e, err := l.Event(t.Context(), "org-trail", "o1", ledger.EventDone); e == nil || err != nil {
		t.Errorf("done = %v, %v; want it kept", e, err)
	}
	if events, err = l.Events(t.Context(), "org-trail", "o2"); err != nil || len(events) != 1 {
		t.Errorf("events of another object = %v, %v; want its one", events, err)
	}
}

func TestLedgerIsFollowed(t *testing.T) {
	l := open(t).Ledger()
	record(t, l, part("before", 0, 1))
	ctx, cancel := context.WithCancel(t.Context())
	events, begun := make(chan *logferryv1.LedgerEvent, 10), make(chan struct{})
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := l.Follow(ctx, "org-trail", func() { close(begun) }, func(e *logferryv1.LedgerEvent) { events <- e }); err != nil {
			t.Error(err)
		}
	})
	<-begun
	record(t, l, ledger.Part("other", "o1", &logferryv1.PartSettled{}))
	record(t, l, part("o1", 0, 1))
	record(t, l, part("o1", 1, 1))
	for n := range 2 {
		if e := <-events; e.GetObjectId() != "o1" || e.GetPart().GetPart() != uint32(n) {
			t.Errorf("event %d = %v", n, e)
		}
	}
	cancel()
	wg.Wait()
}

// An event that cannot be read is kept as a dead letter that names its subject
// and sequence, and has then not happened.
func TestLedgerSetsAsideWhatItCannotRead(t *testing.T) {
	b := open(t)
	l := b.Ledger()
	f := func(object, want string, change func(*nats.Msg)) {
		t.Helper()
		msg, err := ledgerMsg(t.Context(), part(object, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		change(msg)
		if _, err := b.js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
		if e, err := l.Event(t.Context(), "org-trail", object, "0"); e != nil || err != nil {
			t.Errorf("event = %v, %v; want none", e, err)
		}
		var letter Letter
		if err := b.Letters(t.Context(), LetterFilter{Stage: "ledger", Object: object}, func(l Letter) error { letter = l; return nil }); err != nil {
			t.Fatal(err)
		}
		if text := letter.GetError(); !strings.Contains(text, "logferry.ledger.org-trail."+object+".0, sequence ") || !strings.Contains(text, want) || !bytes.Equal(letter.GetBody(), msg.Data) {
			t.Errorf("letter = %v; want one that says %q", letter.DeadLetter, want)
		}
		if !record(t, l, part(object, 0, 1)) {
			t.Error("the event that could not be read is still there")
		}
	}
	f("a", "proto", func(m *nats.Msg) { m.Data = []byte{0xff, 0xff} })
	f("b", "wire version", func(m *nats.Msg) { m.Header.Set(headerWire, "9") })
	f("c", "no kind", func(m *nats.Msg) { m.Data = nil })
	f("d", "content type", func(m *nats.Msg) { m.Header.Del(headerContentType) })
}

func TestHistory(t *testing.T) {
	l := open(t).Ledger()
	id := func(n int) string { return batch.ObjectID("org-trail", "logs", fmt.Sprint(n), "", "e") }
	want := map[ledger.Key]uint64{}
	for n := range 3 {
		var entries []ledger.Entry
		for i := range 4 {
			e := ledger.Entry{Object: ledger.KeyOf(id(n*4 + i)), Delivered: uint64(n*4 + i), Dead: 1, Rejected: i == 3}
			entries, want[e.Object] = append(entries, e), e.Delivered
		}
		if err := l.Append(t.Context(), "org-trail", entries); err != nil {
			t.Fatal(err)
		}
	}
	f := func(connection string, since time.Time, entries int) {
		t.Helper()
		n := 0
		err := l.History(t.Context(), connection, since, func(e ledger.Entry) {
			n++
			if d, ok := want[e.Object]; !ok || d != e.Delivered || e.Dead != 1 || e.Time.IsZero() {
				t.Errorf("entry %+v; want delivered %d", e, d)
			}
		})
		if err != nil || n != entries {
			t.Errorf("%d entries, %v; want %d", n, err, entries)
		}
	}
	f("org-trail", time.Time{}, 12)
	f("org-trail", time.Now().Add(-time.Hour), 12)
	f("org-trail", time.Now().Add(time.Hour), 0)
	f("other", time.Time{}, 0)
	if len(want) != 12 {
		t.Errorf("%d keys; want 12 different ones", len(want))
	}
}

// How far the stages are is told by the ends of their streams and by what
// they have settled.
func TestProgress(t *testing.T) {
	b := open(t)
	p := b.PublishObjects()
	for n := range 3 {
		publish(t, p, &logferryv1.Object{Id: fmt.Sprint("o", n), Connection: "org-trail"})
	}
	s, err := b.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read := func() []ledger.StreamProgress {
		t.Helper()
		p, err := b.Ledger().Progress(t.Context(), "sentinel")
		if err != nil || p.Epoch == "" {
			t.Fatal(p.Epoch, err)
		}
		return p.Streams
	}
	first, second := next(t, s), next(t, s)
	if err := second.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "progress before the first is settled", func() bool {
		return slices.Equal(read(), []ledger.StreamProgress{{Last: 3}, {}, {}})
	})
	if err := first.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "progress up to the second", func() bool {
		return slices.Equal(read(), []ledger.StreamProgress{{Last: 3, Settled: 2}, {}, {}})
	})
	if err := next(t, s).Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "progress to the end", func() bool {
		return slices.Equal(read(), []ledger.StreamProgress{{Last: 3, Settled: 3}, {}, {}})
	})
	before, err := b.Ledger().Progress(t.Context(), "sentinel")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.js.DeleteStream(t.Context(), streamRaw); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "another epoch", func() bool {
		b.rebuild(t.Context(), jetstream.ErrStreamNotFound)
		after, err := b.Ledger().Progress(t.Context(), "sentinel")
		return err == nil && after.Epoch != before.Epoch
	})
}

// A consumer that is missing has settled nothing. One that is gone for good is
// made anew.
func TestProgressWithoutAConsumer(t *testing.T) {
	b := open(t)
	progress := func() error {
		_, err := b.Ledger().Progress(t.Context(), "sentinel")
		return err
	}
	f := func(stream, durable string) {
		t.Helper()
		if err := b.js.DeleteConsumer(t.Context(), stream, durable); err != nil {
			t.Fatal(err)
		}
		if err := progress(); err == nil || !strings.Contains(err.Error(), durable) {
			t.Errorf("without %s: error = %v; want that it is missing", durable, err)
		}
	}
	f(rowsStream("sentinel"), writerDurable("sentinel", "AWSVPCFlow"))
	f(streamRaw, durableParser)
	f(streamObjects, durableFetcher)
	b.PublishObjects() // its gate sees to all of them
	waitFor(t, "progress", func() bool { return progress() == nil })
}

// A bus that another version has laid out is refused, not worked on.
func TestOtherLayoutIsRefused(t *testing.T) {
	b := open(t)
	s, err := b.js.Stream(t.Context(), streamObjects)
	if err != nil {
		t.Fatal(err)
	}
	config := s.CachedInfo().Config
	config.Metadata[layoutKey] = "99"
	if _, err := b.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if err := b.Bootstrap(t.Context(), topology); err == nil || !strings.Contains(err.Error(), `layout "99"`) {
		t.Errorf("error = %v; want that the layout is another version's", err)
	}
}

func BenchmarkLedger(b *testing.B) {
	bus := open(b)
	l := bus.Ledger()
	b.Run("record", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Record(b.Context(), part(fmt.Sprint(rand.Int64()), 0, 1)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("settled/no", func(b *testing.B) {
		for b.Loop() {
			if settled, err := ledger.IsSettled(b.Context(), l, "org-trail", "x", 0, 0); settled || err != nil {
				b.Fatal(settled, err)
			}
		}
	})
	b.Run("settled/yes", func(b *testing.B) {
		if _, err := l.Record(b.Context(), part("y", 0, 1)); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if settled, err := ledger.IsSettled(b.Context(), l, "org-trail", "y", 0, 0); !settled || err != nil {
				b.Fatal(settled, err)
			}
		}
	})
	b.Run("forget", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			object := fmt.Sprint(rand.Int64())
			for n := range 4 {
				if _, err := l.Record(b.Context(), part(object, n, 1)); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
			if err := l.Forget(b.Context(), "org-trail", object); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Who reads along leaves nothing on the server.
func TestReadersLeaveNothing(t *testing.T) {
	b := open(t)
	l := b.Ledger()
	if err := l.Append(t.Context(), "org-trail", []ledger.Entry{{}}); err != nil {
		t.Fatal(err)
	}
	if err := l.History(t.Context(), "org-trail", time.Time{}, func(ledger.Entry) {}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := l.Follow(ctx, "org-trail", cancel, func(*logferryv1.LedgerEvent) {}); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{streamHistory, streamLedger} {
		s, err := b.js.Stream(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.CachedInfo().State.Consumers; n != 0 {
			t.Errorf("%d consumers left on %s", n, stream)
		}
	}
}
