package status

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/health"
)

var now = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

func line(kind health.Kind, name, table string, status health.Status, c health.Counts) Line {
	s := health.State{Subject: health.Subject{Kind: kind, Name: name, Table: table}, Status: status, Since: now.Add(-time.Hour), Counts: c}
	if status == health.Success {
		s.LastSuccess, s.Lag = now.Add(-2*time.Second), 76*time.Millisecond
	}
	return Line{State: s}
}

// sample is ten seconds of work: the snapshot before, and that of now.
func sample() (before, after Snapshot) {
	failing := line(health.Connection, "edge-flows", "", health.Failing, health.Counts{})
	failing.Reason, failing.StatusCode, failing.Message, failing.Errors = fault.QueueDenied, "AccessDenied", "access to the queue is \x1b[31mdenied", 12
	failing.Oldest, failing.Waiting = now.Add(-90*time.Minute), Unknown
	paused := line(health.Connection, "old-trail", "", health.Unknown, health.Counts{})
	paused.Paused = true
	trail := line(health.Connection, "org-trail", "", health.Success, health.Counts{Objects: 1000, Rows: 2_000_000, Bytes: 3e9})
	trail.DeadLetters, trail.InWork, trail.Waiting = 3, 17, 21040
	after = Snapshot{
		Time: now, Processes: 2, DeadLetters: 3, Fullest: "LEDGER", Fill: 0.031,
		Lines: []Line{
			line(health.Destination, "sentinel", "AWSCloudTrail", health.Success, health.Counts{Rows: 2_000_000, Bytes: 3e9}),
			line(health.Destination, "sentinel", "", health.Success, health.Counts{Rows: 2_000_000, Bytes: 3e9}),
			line(health.Stage, "writer", "", health.Success, health.Counts{Rows: 2_000_000}),
			line(health.Stage, "poller", "", health.Success, health.Counts{Objects: 1100}),
			line(health.Stage, "gadget", "", health.Unknown, health.Counts{}),
			failing, trail, paused,
		},
	}
	before = Snapshot{Time: now.Add(-10 * time.Second)}
	for _, l := range after.Lines {
		l.Objects /= 2
		l.Rows /= 2
		l.Bytes /= 2
		before.Lines = append(before.Lines, l)
	}
	return before, after
}

func TestText(t *testing.T) {
	before, after := sample()
	var text strings.Builder
	if err := after.Since(before).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	const want = `
                   state         objects/s  rows/s  bytes/s   lag  oldest  in work  waiting  errors  dead  last rows
stages
  poller           ok                   55       0      0 B  76ms       -        0        0       0     0       2.0s
  writer           ok                    0    100k      0 B  76ms       -        0        0       0     0       2.0s
  gadget           no rows yet           0       0      0 B     -       -        0        0       0     0          -
connections
  edge-flows       queue_denied          0       0      0 B     -   1h30m        0        -      12     0          -
  old-trail        paused                0       0      0 B     -       -        0        0       0     0          -
  org-trail        ok                   50    100k   150 MB  76ms       -       17    21.0k       0     3       2.0s
destinations
  sentinel         ok                    0    100k   150 MB  76ms       -        0        0       0     0       2.0s
    AWSCloudTrail  ok                    0    100k   150 MB  76ms       -        0        0       0     0       2.0s

processes: 2, dead letters: 3, ledger 3% full

connection edge-flows: access to the queue is  [31mdenied
  queue_denied, AccessDenied, since 2026-11-23T13:00:00Z
  fix: `
	got := text.String()
	if want := want[1:] + string(fault.QueueDenied.Info().Fix) + "\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJSON(t *testing.T) {
	before, after := sample()
	var text strings.Builder
	if err := after.Since(before).WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Time  time.Time
		Lines []struct {
			Subject struct{ Kind, Name, Table string }
			Status  string
			Rows    int64
			Lag     int64 `json:"lag_ns"`
			Rate    Rate
		}
	}
	if err := json.Unmarshal([]byte(text.String()), &got); err != nil {
		t.Fatal(err)
	}
	l := got.Lines[0]
	if !got.Time.Equal(now) || l.Subject.Table != "AWSCloudTrail" || l.Status != "success" || l.Rows != 2_000_000 || l.Rate.Rows != 100_000 || l.Lag != 76e6 {
		t.Errorf("got %+v", got)
	}
}

func TestSince(t *testing.T) {
	f := func(then, now int64, seconds time.Duration, want float64) {
		t.Helper()
		s := func(n int64, at time.Duration) Snapshot {
			return Snapshot{Time: time.Time{}.Add(at * time.Second), Lines: []Line{line(health.Stage, "writer", "", health.Success, health.Counts{Rows: n})}}
		}
		if got := s(now, seconds).Since(s(then, 0)).Lines[0].Rate.Rows; got != want {
			t.Errorf("from %d to %d in %d s: got %v; want %v", then, now, seconds, got, want)
		}
	}
	f(100, 200, 10, 10)
	f(100, 100, 10, 0)
	// a process began again
	f(100, 50, 10, 5)
	// no time has passed
	f(100, 200, 0, 0)
	f(100, 200, -1, 0)

	_, after := sample()
	if got := after.Since(Snapshot{Time: now.Add(-time.Second)}).Lines[0].Rate; got != (Rate{}) {
		t.Errorf("a subject seen for the first time: got %+v; want no rate", got)
	}
}

func TestSum(t *testing.T) {
	before, after := sample()
	got := after.Since(before).Sum()
	want := Sum{Rate: Rate{Rows: 100_000, Bytes: 150e6}, Lag: 76 * time.Millisecond, Oldest: now.Add(-90 * time.Minute), Failing: 1, Subjects: 8}
	if got != want {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

func TestWords(t *testing.T) {
	number := func(n float64, want string) {
		t.Helper()
		if got := Number(n); got != want {
			t.Errorf("Number(%v) = %q; want %q", n, got, want)
		}
	}
	number(Unknown, "-")
	number(0, "0")
	number(0.01, "<0.1")
	number(0.5, "0.5")
	number(3, "3")
	number(9.96, "10")
	number(999.4, "999")
	number(999.6, "1.0k")
	number(12_345, "12.3k")
	number(288_000, "288k")
	number(4_100_000, "4.1M")
	number(999_960, "1.0M")

	size := func(n float64, want string) {
		t.Helper()
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%v) = %q; want %q", n, got, want)
		}
	}
	size(Unknown, "-")
	size(12, "12 B")
	size(134e6, "134 MB")
	size(1.4e3, "1.4 kB")

	span := func(d time.Duration, want string) {
		t.Helper()
		if got := Span(d); got != want {
			t.Errorf("Span(%v) = %q; want %q", d, got, want)
		}
	}
	span(0, "-")
	span(-time.Second, "-")
	span(16*time.Millisecond, "16ms")
	span(2140*time.Millisecond, "2.1s")
	span(9990*time.Millisecond, "9.9s")
	span(45*time.Second, "45s")
	span(61*time.Minute, "1h01m")
	span(47*time.Hour, "47h00m")
	span(96*time.Hour, "4d")
	if Age(now, time.Time{}) != "-" || Age(now, now.Add(time.Second)) != "1ms" || Age(now, now.Add(-time.Minute)) != "1m" {
		t.Error("ages are wrong")
	}
}
