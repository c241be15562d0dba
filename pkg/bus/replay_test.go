package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
)

// replayWorld is a bus with what was carried over it.
type replayWorld struct {
	*Bus
	t *testing.T
}

func newReplayWorld(t *testing.T) *replayWorld { return &replayWorld{open(t), t} }

// rows publishes rows as parts of one object and returns when the last of them
// was stored.
func (w *replayWorld) rows(connection, table string, parts ...int) time.Time {
	w.t.Helper()
	p := w.PublishRows()
	for _, n := range parts {
		b := rawBatch(n, "one", "two")
		b.Meta.Connection, b.Meta.Table = connection, table
		publish(w.t, p, b)
	}
	stream, err := w.js.Stream(w.t.Context(), rowsStream("sentinel"))
	if err != nil {
		w.t.Fatal(err)
	}
	return stream.CachedInfo().State.LastTime
}

func (w *replayWorld) replay(id string, s Selection, restart bool) *Replay {
	w.t.Helper()
	r, err := w.Replay(w.t.Context(), id, s, restart)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// all acknowledges what a replay gives until it ends, and returns the parts.
func (w *replayWorld) all(r *Replay) []int {
	w.t.Helper()
	var parts []int
	for _, s := range r.Sources() {
		for {
			d, err := s.Next(w.t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				w.t.Fatal(err)
			}
			parts = append(parts, partOf(w.t, d))
		}
	}
	if err := r.Whole(); err != nil {
		w.t.Error(err)
	}
	slices.Sort(parts)
	return parts
}

// partOf acknowledges a delivery and returns its part.
func partOf[T any](t *testing.T, d stage.Delivery[T]) int {
	t.Helper()
	if err := d.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d.Letter().Part
}

func (w *replayWorld) consumers(stream string) (names []string) {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), stream)
	if err != nil {
		w.t.Fatal(err)
	}
	list := s.ConsumerNames(w.t.Context())
	for name := range list.Name() {
		names = append(names, name)
	}
	if list.Err() != nil {
		w.t.Fatal(list.Err())
	}
	return names
}

// A replay gives what is selected, and no more: between two times, of one
// connection, of one table.
func TestReplaySelects(t *testing.T) {
	w := newReplayWorld(t)
	first := w.rows("org-trail", "AWSCloudTrail", 0)
	second := w.rows("org-trail", "AWSVPCFlow", 1, 2)
	third := w.rows("other", "AWSCloudTrail", 3)
	publish(t, w.PublishRaw(), rawBatch(7, "one"))
	n := 0
	f := func(s Selection, want ...int) {
		t.Helper()
		n++
		var counted []int
		if err := w.Headers(t.Context(), s, func(h Header) { counted = append(counted, h.Meta.Part) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(counted, want) {
			t.Errorf("%+v: counted the parts %v; want %v", s, counted, want)
		}
		r := w.replay(fmt.Sprint(n), s, false)
		if got := w.all(r); !slices.Equal(got, want) {
			t.Errorf("%+v: replayed the parts %v; want %v", s, got, want)
		}
		if err := r.End(t.Context()); err != nil {
			t.Error(err)
		}
	}
	f(Selection{Rows: true, Since: first}, 0, 1, 2, 3)
	f(Selection{Rows: true, Since: first, Until: first}, 0)
	f(Selection{Rows: true, Since: first.Add(1), Until: third.Add(-1)}, 1, 2)
	f(Selection{Rows: true, Since: first, Until: second}, 0, 1, 2)
	f(Selection{Rows: true, Since: third.Add(1)})
	f(Selection{Rows: true, Until: first.Add(-1)})
	f(Selection{Rows: true, Since: first, Connection: "other"}, 3)
	f(Selection{Rows: true, Since: first, Table: "AWSVPCFlow"}, 1, 2)
	f(Selection{Rows: true, Since: first, Table: "AWSCloudTrail", Until: second}, 0)
	f(Selection{Rows: true, Since: first, Connection: "none"})
	// Records have a format; the table of a selection is for rows.
	f(Selection{Since: first}, 7)
	f(Selection{Since: first, Table: "AWSVPCFlow", Format: "cloudtrail"}, 7)
	f(Selection{Since: first, Format: "vpcflow"})
	left := append(w.consumers(streamRaw), w.consumers(rowsStream("sentinel"))...)
	if slices.ContainsFunc(left, func(name string) bool { return strings.HasPrefix(name, replayPrefix) }) {
		t.Errorf("consumers = %v; want none of a replay", left)
	}
	if _, err := w.Replay(t.Context(), "x", Selection{Connection: "a.>"}, false); err == nil {
		t.Error("a connection that is no token selects something")
	}
}

func TestHeadersTell(t *testing.T) {
	w := newReplayWorld(t)
	at := w.rows("org-trail", "AWSCloudTrail", 0)
	want := rawBatch(0).Meta
	err := w.Headers(t.Context(), Selection{Rows: true}, func(h Header) {
		if h.Meta != want || h.Rows != 2 || !h.Stored.Equal(at) {
			t.Errorf("header = %+v", h)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is stored after the start is none of the replay's, however long it
// takes; what is given back comes again before the end.
func TestReplayEnds(t *testing.T) {
	w := newReplayWorld(t)
	since := w.rows("org-trail", "AWSCloudTrail", 0, 1)
	r := w.replay("r", Selection{Rows: true, Since: since.Add(-time.Hour)}, false)
	w.rows("org-trail", "AWSCloudTrail", 2, 3, 4)
	s := r.Sources()[0]
	back := next(t, s)
	if err := back.Retry(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if got := w.all(r); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("parts = %v; want 0 and, again, the one that was given back", got)
	}
}

// A replay that was broken off goes on with what it had not settled, with the
// bounds of its first start. A new start begins anew.
func TestReplayGoesOn(t *testing.T) {
	w := newReplayWorld(t)
	since := w.rows("org-trail", "AWSCloudTrail", 0, 1, 2, 3)
	since = since.Add(-time.Hour)
	first := w.replay("r", Selection{Rows: true, Since: since}, false)
	ctx, cancel := context.WithCancel(t.Context())
	s := first.Sources()[0]
	for range 2 {
		d, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := first.Account().Record(ctx, part("obj", partOf(t, d), 2)); err != nil {
			t.Fatal(err)
		}
	}
	cancel() // what is fetched ahead is given back
	waitFor(t, "the end of the source", func() bool { _, err := s.Next(t.Context()); return errors.Is(err, io.EOF) })
	if err := first.Whole(); err == nil {
		t.Error("a replay that was broken off says that it is whole")
	}
	w.rows("org-trail", "AWSCloudTrail", 4)
	again := w.replay("r", Selection{Rows: true, Since: time.Now()}, false)
	if !again.Resumed || !again.Begun.Equal(first.Begun) || !again.Selection.Since.Equal(since) {
		t.Errorf("resumed %v, begun %v, since %v; want those of the first start", again.Resumed, again.Begun, again.Selection.Since)
	}
	if p := again.Progress(); p != (ReplayProgress{Parts: 2, Rows: 4}) {
		t.Errorf("progress = %+v; want what the first run did", p)
	}
	var left []int
	if err := again.Headers(t.Context(), func(h Header) { left = append(left, h.Meta.Part) }); err != nil || !slices.Equal(left, []int{2, 3}) {
		t.Errorf("left = %v, %v; want parts 2 and 3", left, err)
	}
	if got := w.all(again); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("parts = %v; want those that are left", got)
	}
	anew := w.replay("r", Selection{Rows: true, Since: since}, true)
	if p := anew.Progress(); anew.Resumed || p != (ReplayProgress{}) {
		t.Errorf("resumed %v, progress %+v; want a new replay", anew.Resumed, p)
	}
	if got := w.all(anew); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
		t.Errorf("parts = %v; want all", got)
	}
}

// What the services still have to do is the same with and without a replay.
func TestReplayLeavesTheServicesAlone(t *testing.T) {
	w := newReplayWorld(t)
	since := w.rows("org-trail", "AWSCloudTrail", 0, 1)
	live, err := w.Rows(t.Context(), "sentinel", "AWSCloudTrail")
	if err != nil {
		t.Fatal(err)
	}
	taken := next(t, live)
	r := w.replay("r", Selection{Rows: true, Since: since.Add(-time.Hour)}, false)
	if got := w.all(r); len(got) != 2 {
		t.Errorf("parts = %v; want both", got)
	}
	if left, err := w.Backlog(t.Context()); err != nil || left.Messages != 2 {
		t.Errorf("backlog = %+v, %v; want the services' two", left, err)
	}
	state, err := w.read(t.Context(), rowsStream("sentinel"))
	if err != nil || len(state.consumers) != 2 || state.settled() != 0 {
		t.Errorf("consumers that hold the stream back: %d, settled up to %d, %v; want the writers' only", len(state.consumers), state.settled(), err)
	}
	if got := []int{partOf(t, taken), partOf(t, next(t, live))}; !slices.Equal(got, []int{0, 1}) {
		t.Errorf("the writer got %v; want both parts", got)
	}
}

// A part is settled once in the account of a replay, whatever the services'
// ledger says; at the end nothing of it is left.
func TestReplayAccount(t *testing.T) {
	w := newReplayWorld(t)
	record(t, w.Ledger(), part("obj", 0, 10))
	r := w.replay("r", Selection{Rows: true}, false)
	a := r.Account()
	f := func(n int, want bool) {
		t.Helper()
		if settled, err := ledger.IsSettled(t.Context(), a, "org-trail", "obj", n, 0); settled != want || err != nil {
			t.Errorf("part %d: settled = %v, %v; want %v", n, settled, err, want)
		}
	}
	f(0, false)
	for range 2 {
		if _, err := a.Record(t.Context(), part("obj", 0, 7)); err != nil {
			t.Fatal(err)
		}
	}
	f(0, true)
	f(1, false)
	if p := r.Progress(); p != (ReplayProgress{Parts: 1, Skipped: 2, Rows: 7}) {
		t.Errorf("progress = %+v", p)
	}
	if err := r.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	f(0, false)
	if e, err := w.Ledger().Event(t.Context(), "org-trail", "obj", "0"); err != nil || e.GetPart().GetDelivered() != 10 {
		t.Errorf("the services' event = %v, %v; want it as it was", e, err)
	}
}

// A message that cannot be read is a delivery whose value is an error: the
// stage makes it a dead letter, and the replay ends.
func TestReplayOfWhatCannotBeRead(t *testing.T) {
	w := newReplayWorld(t)
	msg := nats.NewMsg(subject(subjectRows, "sentinel", "AWSCloudTrail", "org-trail"))
	msg.Header.Set(headerWire, "9")
	if _, err := w.js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	r := w.replay("r", Selection{Rows: true}, false)
	s := r.Sources()[0]
	d := next(t, s)
	if _, err := d.Value(); err == nil || !strings.Contains(err.Error(), `wire version is "9"`) {
		t.Errorf("value: %v; want that the version is unknown", err)
	}
	if err := d.Reject(t.Context(), fault.Permanent(fault.Undecodable, errors.New("no"))); err != nil {
		t.Fatal(err)
	}
	if got := w.all(r); len(got) != 0 {
		t.Errorf("parts = %v; want none", got)
	}
}

// Who ends a replay ends it for all that run it.
func TestReplayWhoseConsumerIsGone(t *testing.T) {
	w := newReplayWorld(t)
	w.rows("org-trail", "AWSCloudTrail", 0)
	r := w.replay("r", Selection{Rows: true}, false)
	s := r.Sources()[0]
	d := next(t, s)
	if err := w.js.DeleteConsumer(t.Context(), rowsStream("sentinel"), replayPrefix+"r"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("next: %v; want the end", err)
	}
	if err := r.Whole(); err == nil || !strings.Contains(err.Error(), "its consumer is gone") {
		t.Errorf("whole: %v; want that the consumer is gone", err)
	}
	_ = d.Retry(t.Context(), 0) // nobody takes it any more
}

// A consumer that was made by hand, or by another version, is not taken over.
func TestReplayRefusesAStrangersConsumer(t *testing.T) {
	w := newReplayWorld(t)
	_, err := w.js.CreateConsumer(t.Context(), streamRaw, jetstream.ConsumerConfig{Durable: replayPrefix + "r", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Replay(t.Context(), "r", Selection{}, false); err == nil || !strings.Contains(err.Error(), "consumer replay-r of stream RAW") {
		t.Errorf("replay: %v; want one that names the consumer", err)
	}
	publish(t, w.PublishRaw(), rawBatch(0, "one"))
	if got := w.all(w.replay("r", Selection{}, true)); !slices.Equal(got, []int{0}) {
		t.Errorf("a new start replays %v; want part 0", got)
	}
}
