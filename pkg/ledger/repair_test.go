package ledger_test

import (
	"maps"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const connection = "org-trail"

// open returns the ledger of an embedded bus.
func open(t *testing.T) ledger.Store {
	t.Helper()
	config := bus.DefaultConfig()
	config.Store = t.TempDir()
	b := bustest.Open(t, config, bus.Topology{Destinations: map[string][]string{"sentinel": {"AWSCloudTrail"}}})
	return b.Ledger()
}

func id(name string) string { return batch.ObjectID(connection, "logs", name, "", "e") }

func record(t *testing.T, s ledger.Store, events ...*logferryv1.LedgerEvent) {
	t.Helper()
	for _, e := range events {
		if _, err := s.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func seen(object string) *logferryv1.LedgerEvent {
	return ledger.Seen(&logferryv1.Object{Id: object, Connection: connection})
}

func fetched(object string, parts uint32) *logferryv1.LedgerEvent {
	return ledger.Fetched(connection, object, &logferryv1.Fetched{Parts: parts, Records: uint64(parts) * 10})
}

func part(object string, n uint32, dead uint64) *logferryv1.LedgerEvent {
	return ledger.Part(connection, object, &logferryv1.PartSettled{Part: n, Delivered: 10 - dead, Dead: dead})
}

// What is complete is entered as done, once; what is on its way is left alone.
func TestRepair(t *testing.T) {
	s := open(t)
	f := func(object string, complete bool, known ...*logferryv1.LedgerEvent) {
		t.Helper()
		record(t, s, known...)
		for range 2 { // the second time it is done already
			a, err := ledger.Repair(t.Context(), s, connection, object)
			if err != nil || a.IsDone() != complete || (a.Object == nil && len(known) > 0) {
				t.Fatalf("%s: done %v, %v; want %v", object, a.IsDone(), err, complete)
			}
		}
		done, err := s.Event(t.Context(), connection, object, ledger.EventDone)
		if err != nil || (done != nil) != complete {
			t.Errorf("%s: the ledger has %v, %v", object, done, err)
		}
		got, err := ledger.Find(t.Context(), s, connection, time.Time{}, []string{object})
		want := map[ledger.Key]ledger.Entry{}
		if complete {
			want[ledger.KeyOf(object)] = ledger.Entry{Object: ledger.KeyOf(object), Delivered: 17, Dead: 3}
		}
		for key, e := range got {
			e.Time = time.Time{}
			got[key] = e
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: the history has %v, %v; want %v", object, got, err, want)
		}
	}
	f(id("unknown"), false)
	f(id("seen"), false, seen(id("seen")))
	f(id("half"), false, seen(id("half")), fetched(id("half"), 2), part(id("half"), 1, 0))
	f(id("settled"), false, seen(id("settled")), part(id("settled"), 0, 0))
	f(id("complete"), true, seen(id("complete")), fetched(id("complete"), 2), part(id("complete"), 0, 0), part(id("complete"), 1, 3))
}

// Find tells what the history has of the objects in question, and of no other.
func TestFind(t *testing.T) {
	s := open(t)
	for n := range uint64(3) {
		entries := []ledger.Entry{{Object: ledger.KeyOf(id("a")), Delivered: n}, {Object: ledger.KeyOf(id("b")), Dead: 1, Rejected: true}, {Object: ledger.KeyOf(id("c"))}}
		if err := s.Append(t.Context(), connection, entries); err != nil {
			t.Fatal(err)
		}
	}
	f := func(since time.Time, objects []string, want ...string) {
		t.Helper()
		got, err := ledger.Find(t.Context(), s, connection, since, objects)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%v: found %v, %v; want %v", objects, got, err, want)
		}
		for _, name := range want {
			if e, ok := got[ledger.KeyOf(id(name))]; !ok || e.Rejected != (name == "b") || name == "a" && e.Delivered != 2 {
				t.Errorf("%s: found %+v, %v", name, e, ok)
			}
		}
	}
	f(time.Time{}, []string{id("a"), id("b"), id("x")}, "a", "b")
	f(time.Time{}, []string{id("c")}, "c")
	f(time.Time{}, nil)
	f(time.Now().Add(time.Hour), []string{id("a")})
}
