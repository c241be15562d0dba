package main

import (
	"math"
	"os"
	"strings"
	"testing"
)

// The arithmetic, by hand: 10 TB of events of 1,364 bytes in objects of 2,000.
func TestNeed(t *testing.T) {
	f, _ := formatNamed("cloudtrail")
	n := load{format: f, bytes: 10 * terabyte, objectEvents: 2000, peak: 1, ledgerHours: 48}.need()
	is := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want/1000 {
			t.Errorf("%s: got %v; want %v", what, got, want)
		}
	}
	is("events", n.events, 84_854)
	is("objects", n.objects, 42.43)
	is("parts", n.parts, 5*42.43)
	is("ledger events", n.ledgerEvents, 8*42.43)
	is("bus messages", n.busMessages, 19*42.43)
	is("JSON", n.json, 84_854*1424)
	is("rules", n.rules(), 6) // 120.8 MB/s of 33.3, each full to 0.7
	is("objects remembered", n.ledgerObjects, 42.43*48*3600)
	tiny := load{format: f, bytes: 10 * terabyte, objectEvents: 3, peak: 2, ledgerHours: 48}.need()
	is("tiny objects", tiny.objects, 2*84_854/3)
	is("their ledger events", tiny.ledgerEvents, 2*tiny.objects)
	if first := tiny.walls()[0].name; first != ledgerSize().name {
		t.Errorf("the first wall of tiny objects is %s", first)
	}
}

// A queue that has room is never late; one that has none is late by what the
// curve leaves.
func TestSimulate(t *testing.T) {
	if o := simulate(2.01, 2, false); o.lag > 0 || o.late > 0 || !o.caughtUp {
		t.Errorf("with room for the peak: %+v", o)
	}
	if o := simulate(1.5, 1, true); math.Abs(o.backlog-90) > 1 || math.Abs(o.lag-60) > 2 || math.Abs(o.late-240) > 5 {
		t.Errorf("a burst of 3 for an hour on a level 1 with room for 1.5: %+v; want 90 minutes of it, 60 late, gone after 180 more", o)
	}
	if o := simulate(1, 1.5, true); o.caughtUp {
		t.Errorf("without room: %+v", o)
	}
}

// The document has the tables that the calculator writes.
func TestDocument(t *testing.T) {
	body, err := os.ReadFile("../SCALE.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range tables() {
		if !strings.Contains(string(body), table) {
			t.Errorf("SCALE.md: %s is out of date; make generate writes it", name)
		}
	}
}

func TestCount(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := count(v); got != want {
			t.Errorf("count(%v) = %q; want %q", v, got, want)
		}
	}
	f(0, "0")
	f(0.042, "0.042")
	f(3, "3")
	f(42.43, "42.4")
	f(999.7, "1,000")
	f(84_854, "84,900")
	f(1_234_567, "1,230,000")
}
