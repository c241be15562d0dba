package bus

import (
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// worker returns what is known of a consumer.
func worker(t *testing.T, b *Bus, name string) WorkerHealth {
	t.Helper()
	h, err := b.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(h.Workers, func(w WorkerHealth) bool { return w.Name == name })
	if i < 0 {
		t.Fatalf("got %+v; want a worker %s", h.Workers, name)
	}
	return h.Workers[i]
}

func TestHealth(t *testing.T) {
	b := open(t)
	h, err := b.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range h.Streams {
		names = append(names, s.Name)
		if s.Wanted != 1 || s.Replicas != 1 || s.Current != 1 || s.Limit <= 0 || s.Bytes != 0 || s.Refuses != (s.Name == streamDead || s.Name == streamLedger) {
			t.Errorf("got %+v of an empty bus", s)
		}
	}
	if want := []string{"LEDGER", "HISTORY", "DEAD", "OBJECTS", "RAW", "ROWS-sentinel"}; !slices.Equal(names, want) || h.Server == "" || len(h.Workers) != 4 {
		t.Errorf("got streams %q, server %q, %d workers; want %q and 4 workers", names, h.Server, len(h.Workers), want)
	}
	if w := worker(t, b, durableFetcher); w != (WorkerHealth{Stream: streamObjects, Name: durableFetcher}) {
		t.Errorf("got %+v; want nobody at work", w)
	}
	before := time.Now().Add(-time.Second)
	for _, o := range []string{"o1", "o2"} {
		publish(t, b.PublishObjects(), &logferryv1.Object{Id: o, Connection: "org-trail", Bucket: "logs", Key: o})
	}
	w := worker(t, b, durableFetcher)
	if w.Waiting != 2 || w.InWork != 0 || w.Attended || w.Connection != "org-trail" || w.Oldest.Before(before) || time.Since(w.Oldest) < 0 {
		t.Errorf("got %+v; want two of org-trail that wait for somebody", w)
	}
	s, err := b.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := next(t, s)
	if w := worker(t, b, durableFetcher); !w.Attended || w.Waiting+w.InWork != 2 || w.InWork == 0 {
		t.Errorf("got %+v; want somebody at work", w)
	}
	if err := d.Ack(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLastDone(t *testing.T) {
	b := open(t)
	if at, err := b.LastDone(t.Context(), "org-trail"); err != nil || !at.IsZero() {
		t.Errorf("got %v, %v; want that nothing is known", at, err)
	}
	if err := b.Ledger().Append(t.Context(), "org-trail", []ledger.Entry{{Delivered: 3}}); err != nil {
		t.Fatal(err)
	}
	if at, err := b.LastDone(t.Context(), "org-trail"); err != nil || time.Since(at) > time.Minute {
		t.Errorf("got %v, %v; want now", at, err)
	}
	if at, err := b.LastDone(t.Context(), "other"); err != nil || !at.IsZero() {
		t.Errorf("got %v, %v; want nothing of another connection", at, err)
	}
	if _, err := b.LastDone(t.Context(), "a.b"); err == nil {
		t.Error("a name that is no part of a subject is taken")
	}
}
