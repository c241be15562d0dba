package health

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/fault"
)

var (
	trail   = Subject{Kind: Connection, Name: "org-trail"}
	denied  = Failure{Origin: "queue-a", Reason: fault.QueueDenied, StatusCode: "AccessDenied", Message: "access to the queue is denied"}
	gone    = Failure{Origin: "queue-a", Reason: fault.QueueMissing, StatusCode: "QueueDoesNotExist", Message: "there is no such queue"}
	slow    = Failure{Reason: fault.Throttled, StatusCode: "SlowDown", Message: "fewer calls"}
	bad     = Failure{Reason: fault.BadRecord, Message: "the record is no JSON"}
	pending = Failure{Reason: fault.Forbidden, StatusCode: "403", Message: "not yet granted", Transient: true}
)

// scene is a board whose events are watched, on a fake clock.
type scene struct {
	*Board
	t    *testing.T
	told chan Event
}

// play runs a story on a fake clock that begins at a full hour.
func play(t *testing.T, story func(*scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{NewBoard(), t, make(chan Event, 1000)}
		ctx, end := context.WithCancel(t.Context())
		defer end()
		var watch conc.WaitGroup
		defer watch.Wait()
		watch.Go(func() { s.Watch(ctx, func(e Event) { s.told <- e }) })
		story(s)
		s.want() // nothing untold is left
		end()
	})
}

// want compares what was told since it was asked last: result and reason, with
// the operation if it is a summary.
func (s *scene) want(events ...string) {
	s.t.Helper()
	synctest.Wait()
	got := []string{}
	for len(s.told) > 0 {
		e := <-s.told
		text := e.Result
		if e.Reason != "" {
			text += " " + string(e.Reason)
		}
		if e.Operation == FailureSummary {
			text += " " + tallies(e)
		}
		got = append(got, text)
	}
	if !slices.Equal(got, events) {
		s.t.Errorf("after %v, told %q; want %q", time.Since(start), got, events)
	}
}

// start is when the clock of a bubble begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func tallies(e Event) string {
	var parts []string
	for _, t := range e.Properties["FailureSummary"].([]Tally) {
		parts = append(parts, fmt.Sprintf("%s×%d", t.StatusCode, t.Count))
	}
	return strings.Join(parts, ",")
}

func (s *scene) rows(n int64) {
	s.Carried(trail, Counts{Objects: 1, Rows: n, Bytes: 100 * n}, "key", time.Second)
}

// pass lets time go by; every minute do is done first.
func (s *scene) pass(d time.Duration, do func()) {
	for ; d > 0; d -= time.Minute {
		if do != nil {
			do()
		}
		<-time.After(min(d, time.Minute))
	}
	synctest.Wait()
}

func TestStatusChange(t *testing.T) {
	f := func(name string, story func(*scene)) {
		t.Run(name, func(t *testing.T) { play(t, story) })
	}
	f("nothing is told of what is not known", func(s *scene) {
		s.Works(trail, "queue-a")
		s.pass(5*time.Hour, nil)
		s.want()
	})
	f("success is told at once, and once an hour", func(s *scene) {
		s.rows(5)
		s.want("Success")
		s.pass(59*time.Minute, func() { s.rows(5) })
		s.want()
		s.pass(time.Minute, nil)
		s.want("Success")
		s.pass(3*time.Hour, nil)
		s.want("Success", "Success", "Success")
	})
	f("success and failure flip at once", func(s *scene) {
		s.rows(5)
		s.want("Success")
		s.Failed(trail, denied)
		s.want("Failure queue_denied")
		s.Works(trail, "queue-a")
		s.want() // it works, and proves nothing
		s.rows(1)
		s.want("Success")
	})
	f("a new reason is told at once", func(s *scene) {
		s.Failed(trail, denied)
		s.want("Failure queue_denied")
		s.Works(trail, "queue-a")
		s.Failed(trail, gone)
		s.want("Failure queue_missing")
	})
	f("a failure that lasts is told once an hour", func(s *scene) {
		s.Failed(trail, denied)
		s.want("Failure queue_denied")
		s.pass(59*time.Minute, func() { s.Failed(trail, denied) })
		s.want()
		s.pass(time.Minute, nil)
		s.want("Failure queue_denied", "Informational AccessDenied×60")
	})
	f("two reasons in turn are one state", func(s *scene) {
		s.pass(30*time.Minute, func() { s.Failed(trail, denied); s.Failed(trail, gone) })
		s.want("Failure queue_denied")
	})
	f("one of two queues", func(s *scene) {
		s.pass(30*time.Minute, func() { s.Failed(trail, denied); s.rows(1) })
		s.want("Failure queue_denied") // rows of the other do not mend it
		s.Works(trail, "queue-b")
		s.want()
		s.Works(trail, "queue-a")
		s.want("Success") // rows were accepted meanwhile
	})
	f("what nobody complains of any more is not well", func(s *scene) {
		s.rows(1)
		s.Failed(trail, denied)
		s.want("Failure queue_denied")
		s.pass(90*time.Minute, nil)
		s.want("Failure queue_denied", "Informational AccessDenied×1")
		if got := s.States()[0]; got.Status != Unknown {
			t.Errorf("status %s; want unknown", got.Status)
		}
	})
}

func TestPassing(t *testing.T) {
	f := func(name string, story func(*scene)) {
		t.Run(name, func(t *testing.T) { play(t, story) })
	}
	f("what passes within the hour is in the summary only", func(s *scene) {
		s.rows(1)
		s.want("Success")
		s.pass(59*time.Minute, func() { s.Failed(trail, slow) })
		s.want()
		s.rows(1)
		s.pass(time.Minute, nil)
		s.want("Success", "Informational SlowDown×59")
		s.pass(59*time.Minute, func() { s.Failed(trail, slow) })
		s.want() // the hour began anew with the rows
	})
	f("what lasts for more than an hour is told", func(s *scene) {
		s.pass(60*time.Minute, func() { s.Failed(trail, slow) })
		s.want("Informational SlowDown×60")
		s.Failed(trail, slow)
		s.want("Failure aws_throttled")
	})
	f("two blips an hour apart are none that lasts", func(s *scene) {
		s.Failed(trail, slow)
		s.pass(61*time.Minute, nil)
		s.want("Informational SlowDown×1")
		s.Failed(trail, slow)
		s.want()
	})
	f("a reason that is permanent may be said to pass", func(s *scene) {
		s.pass(60*time.Minute, func() { s.Failed(trail, pending) })
		s.want("Informational 403×60")
		s.Failed(trail, pending)
		s.want("Failure ingestion_forbidden")
	})
	f("a backlog is told when it is an hour old", func(s *scene) {
		s.rows(1)
		s.want("Success")
		s.Waiting(trail, time.Now())
		s.pass(60*time.Minute, nil)
		s.want("Success")
		s.pass(time.Minute, nil)
		s.want("Failure backlog_age")
		s.Waiting(trail, time.Time{})
		s.want()
		s.rows(1)
		s.want("Success")
	})
}

// Single objects speak for themselves only, while rows of others are accepted.
func TestObjects(t *testing.T) {
	f := func(name string, story func(*scene)) {
		t.Run(name, func(t *testing.T) { play(t, story) })
	}
	f("objects without rows, and none before", func(s *scene) {
		s.Carried(trail, Counts{Objects: 7}, "key", 0)
		s.want("Failure no_rows")
		if got := s.States()[0]; got.Message != "7 objects, 0 rows" || got.Status != Failing {
			t.Errorf("got %s: %q", got.Status, got.Message)
		}
		s.rows(1)
		s.want("Success")
	})
	f("objects without rows beside others", func(s *scene) {
		s.pass(50*time.Minute, func() { s.rows(1); s.Carried(trail, Counts{Objects: 1}, "key", 0) })
		s.want("Success")
	})
	f("objects without rows for a while", func(s *scene) {
		s.rows(1)
		s.pass(15*time.Minute, func() { s.Carried(trail, Counts{Objects: 1}, "key", 0) })
		s.want("Success")
		s.Carried(trail, Counts{Objects: 1}, "key", 0)
		s.want("Failure no_rows")
	})
	f("dead letters beside rows", func(s *scene) {
		s.pass(60*time.Minute, func() { s.rows(1); s.Failed(trail, bad) })
		s.want("Success", "Success", "Informational ×60")
	})
	f("nothing but dead letters", func(s *scene) {
		s.Failed(trail, bad)
		s.want("Failure bad_record")
	})
	f("nothing but dead letters from some time on", func(s *scene) {
		s.rows(1)
		s.pass(15*time.Minute, func() { s.Failed(trail, bad) })
		s.want("Success")
		s.Failed(trail, bad)
		s.want("Failure bad_record")
	})
}

// A summary is told only after an hour with failures, and has each distinct
// one.
func TestSummary(t *testing.T) {
	play(t, func(s *scene) {
		s.rows(1)
		s.want("Success")
		s.pass(30*time.Minute, func() { s.Failed(trail, slow); s.Failed(trail, slow); s.Failed(trail, pending); s.rows(1) })
		s.pass(30*time.Minute, nil)
		synctest.Wait()
		<-s.told // the hourly success
		e := <-s.told
		want := map[string]any{
			"StartTime": "2000-01-01T00:00:00Z", "EndTime": "2000-01-01T01:00:00Z", "Failures": int64(90), "Objects": int64(31), "Rows": int64(31),
			"FailureSummary": []Tally{{"SlowDown", "fewer calls", fault.Throttled, 60}, {"403", "not yet granted", fault.Forbidden, 30}},
		}
		if !reflect.DeepEqual(e.Properties, want) || e.Operation != FailureSummary || e.Result != ResultInformational {
			t.Errorf("got %+v", e)
		}
		s.pass(2*time.Hour, func() { s.rows(1) })
		s.want("Success", "Success") // no failures, no summary
	})
}

// What differs each time does not fill the memory.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard()
		for i := range 1000 {
			b.Failed(trail, Failure{Origin: fmt.Sprint(i), Reason: fault.Forbidden, Message: fmt.Sprint("request ", i)})
		}
		s := b.States()[0]
		last := s.Hour.Failures[0] // the most frequent
		if len(s.Hour.Failures) != maxTallies+1 || last.StatusMessage != others || last.Count != 1000-maxTallies || s.Errors != 1000 {
			t.Errorf("%d tallies, %d errors, %+v", len(s.Hour.Failures), s.Errors, last)
		}
		if n := len(b.entries[trail].open); n != maxOpen {
			t.Errorf("%d failures are open; want %d", n, maxOpen)
		}
		b.Keep(func(Subject) bool { return false })
		if n := len(b.States()); n != 0 {
			t.Errorf("%d states are kept; want none", n)
		}
	})
}

func TestMerge(t *testing.T) {
	hour := func(h int) time.Time { return start.Add(time.Duration(h) * time.Hour) }
	a := State{
		Subject: trail, Status: Success, Since: hour(1), Counts: Counts{1, 10, 100}, Errors: 1, LastSuccess: hour(5), LastObject: "new", Lag: time.Second,
		Hour: Hour{Begin: hour(5), Counts: Counts{1, 1, 1}, Errors: 2, Failures: []Tally{{"403", "no", fault.Forbidden, 2}}},
	}
	b := State{
		Subject: trail, Status: Failing, Since: hour(3), Reason: fault.QueueDenied, StatusCode: "x", Message: "m", Counts: Counts{2, 20, 200}, Errors: 5,
		LastSuccess: hour(2), LastObject: "old", Lag: time.Minute, Oldest: hour(2),
		Hour:   Hour{Begin: hour(4), Counts: Counts{4, 4, 4}, Errors: 1, Failures: []Tally{{"500", "oh", fault.IngestionFailed, 1}}},
		Before: Hour{Begin: hour(3), Counts: Counts{3, 3, 3}},
	}
	c := State{
		Subject: trail, Status: Failing, Since: hour(2), Reason: fault.QueueMissing, Oldest: hour(4),
		Hour: Hour{Begin: hour(5), Errors: 7, Failures: []Tally{{"403", "no", fault.Forbidden, 3}, {"429", "slow", fault.IngestionThrottled, 4}}},
	}
	want := State{
		Subject: trail, Status: Failing, Since: hour(2), Reason: fault.QueueMissing, Counts: Counts{3, 30, 300}, Errors: 6,
		LastSuccess: hour(5), LastObject: "new", Lag: time.Second, Oldest: hour(2),
		Hour:   Hour{Begin: hour(5), Counts: Counts{1, 1, 1}, Errors: 9, Failures: []Tally{{"403", "no", fault.Forbidden, 5}, {"429", "slow", fault.IngestionThrottled, 4}}},
		Before: Hour{Begin: hour(4), Counts: Counts{4, 4, 4}, Errors: 1, Failures: []Tally{{"500", "oh", fault.IngestionFailed, 1}}},
	}
	other := State{Subject: Subject{Kind: Stage, Name: "writer"}, Status: Unknown}
	for _, order := range [][][]State{{{a, other}, {b}, {c}}, {{c}, {b}, {a, other}}, {{b}, {c, other}, {a}}, {{a, b, c, other}}} {
		got := Merge(order...)
		if len(got) != 2 || got[1].Subject != other.Subject || !reflect.DeepEqual(got[0], want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if a.Hour.Failures[0].Count != 2 || len(Merge()) != 0 {
		t.Error("merging changed what was merged, or made a state of none")
	}
}

// A journal over merged states tells what became of a process that went silent.
func TestJournalOfMany(t *testing.T) {
	j := NewJournal()
	state := State{Subject: trail, Status: Success, Since: start, Hour: Hour{Begin: start, Errors: 1, Failures: []Tally{{"403", "no", fault.Forbidden, 1}}}}
	f := func(after time.Duration, states []State, want ...string) {
		t.Helper()
		got := []string{}
		for _, e := range j.Next(start.Add(after), states) {
			got = append(got, e.Result)
		}
		if !slices.Equal(got, append([]string{}, want...)) {
			t.Errorf("after %v: told %v; want %v", after, got, want)
		}
	}
	f(0, []State{state}, ResultSuccess)
	f(59*time.Minute, []State{state})
	f(60*time.Minute, []State{state}, ResultSuccess, ResultInformational)
	f(61*time.Minute, []State{state})
	f(62*time.Minute, nil)
	f(63*time.Minute, []State{state}, ResultSuccess, ResultInformational) // forgotten, and back
}

// The columns are those of SentinelHealth, and a row has each in its place.
func TestRow(t *testing.T) {
	e := Event{
		Time: start.Add(time.Hour), Subject: Subject{Connection, "org-trail", "AWSCloudTrail"}, Operation: StatusChange, Result: ResultFailure,
		Reason: fault.QueueDenied, Description: "words", Properties: map[string]any{"DestinationTable": "AWSCloudTrail"},
	}
	rows := NewRows()
	for _, r := range []Resource{
		{ID: "/subscriptions/1", Kind: KindCloudTrail, Workspace: "w", Properties: map[string]string{"QueueUrl": "https://queue"}}, {},
	} {
		if err := e.Append(rows, r); err != nil {
			t.Fatal(err)
		}
	}
	record, flaws := rows.Take()
	defer record.Release()
	var text strings.Builder
	if err := array.RecordToJSON(record, &text); err != nil {
		t.Fatal(err)
	}
	want := `{"TimeGenerated":"2000-01-01 01:00:00Z","OperationName":"Data fetch status change","SentinelResourceId":"/subscriptions/1","SentinelResourceName":"org-trail","Status":"Failure","Description":"words","Reason":"queue_denied","WorkspaceId":"w","SentinelResourceType":"Data connector","SentinelResourceKind":"AmazonWebServicesCloudTrail","RecordId":"ID","ExtendedProperties":"{\"DestinationTable\":\"AWSCloudTrail\",\"QueueUrl\":\"https://queue\"}"}
{"TimeGenerated":"2000-01-01 01:00:00Z","OperationName":"Data fetch status change","SentinelResourceId":"logferry/connection/org-trail/AWSCloudTrail","SentinelResourceName":"org-trail","Status":"Failure","Description":"words","Reason":"queue_denied","WorkspaceId":null,"SentinelResourceType":"Data connector","SentinelResourceKind":"AmazonWebServicesS3","RecordId":"ID","ExtendedProperties":"{\"DestinationTable\":\"AWSCloudTrail\"}"}
`
	decode := func(text string) []map[string]any {
		var all []map[string]any
		for d := json.NewDecoder(strings.NewReader(text)); d.More(); {
			var row map[string]any
			if err := d.Decode(&row); err != nil {
				t.Fatal(err)
			}
			all = append(all, row)
		}
		return all
	}
	got := strings.ReplaceAll(text.String(), e.ID(), "ID")
	if !reflect.DeepEqual(decode(got), decode(want)) || flaws.Cut+flaws.OutOfRange+flaws.BadText > 0 {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if later := (Event{Time: e.Time.Add(time.Nanosecond), Subject: e.Subject}); later.ID() == e.ID() || len(e.ID()) != 32 {
		t.Errorf("two events have the id %s", e.ID())
	}
	if got := Table(); len(got.Columns) != record.Schema().NumFields() || got.OutputStream != "Custom-LogferryHealth_CL" {
		t.Errorf("the table is %+v", got)
	}
}

// An observation is made for every part: it must cost nothing that counts.
func BenchmarkCarried(b *testing.B) {
	board := NewBoard()
	b.ReportAllocs()
	for b.Loop() {
		board.Carried(trail, Counts{Rows: 1000, Bytes: 1e6}, "", time.Second)
	}
}
