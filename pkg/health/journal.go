package health

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/logferry/logferry/pkg/fault"
)

// Operations of events, as SentinelHealth names them.
const (
	StatusChange   = "Data fetch status change"
	FailureSummary = "Data fetch failure summary"
)

// Results of events, as SentinelHealth names them.
const (
	ResultSuccess       = "Success"
	ResultFailure       = "Failure"
	ResultInformational = "Informational"
)

// heartbeat is how often an event is told again while nothing changes.
const heartbeat = time.Hour

// Event is something to tell of a subject.
type Event struct {
	Time      time.Time `json:"time"`
	Subject   Subject   `json:"subject"`
	Operation string    `json:"operation"`
	Result    string    `json:"result"`
	// Reason is empty but for a failure.
	Reason fault.Reason `json:"reason,omitempty"`
	// Description says it in words, and what to do.
	Description string `json:"description"`
	// Properties is what else is known: FailureSummary, DestinationTable, ….
	Properties map[string]any `json:"properties,omitempty"`
}

// ID identifies the event: the same event has the same id wherever it is told.
func (e Event) ID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s", e.Subject, e.Operation, e.Result, e.Reason, e.Time.UTC().Format(time.RFC3339Nano)))
	return hex.EncodeToString(sum[:16])
}

// Journal remembers what was told. One journal, for one process or for all,
// tells each change once. It is not safe for concurrent use.
type Journal struct{ told map[Subject]told }

// told is what was told of a subject last.
type told struct {
	status Status
	reason fault.Reason
	at     time.Time
	counts Counts
	errors int64
	hour   time.Time // the last hour of which a summary was told
}

// NewJournal returns a journal that has told nothing.
func NewJournal() *Journal { return &Journal{told: map[Subject]told{}} }

// Next returns what is to be told at that time. States must be those of all
// subjects; what is not among them is forgotten.
func (j *Journal) Next(now time.Time, states []State) []Event {
	var events []Event
	here := map[Subject]bool{}
	for _, s := range states {
		here[s.Subject] = true
		t := j.told[s.Subject]
		if e, ok := t.change(now, s); ok {
			events = append(events, e)
		}
		if e, ok := t.summary(now, s); ok {
			events = append(events, e)
		}
		j.told[s.Subject] = t
	}
	maps.DeleteFunc(j.told, func(s Subject, _ told) bool { return !here[s] })
	return events
}

// change tells the status: at once when it or its reason is new, else once an
// hour. Nothing is told of a subject of which nothing is known; it is told anew
// what becomes of it.
func (t *told) change(now time.Time, s State) (Event, bool) {
	same := s.Status == t.status && s.Reason == t.reason
	if same && (s.Status == Unknown || now.Sub(t.at) < heartbeat) {
		return Event{}, false
	}
	before := *t
	t.status, t.reason, t.at, t.counts, t.errors = s.Status, s.Reason, now, s.Counts, s.Errors
	if s.Status == Unknown {
		return Event{}, false
	}
	e := Event{Time: now, Subject: s.Subject, Operation: StatusChange, Result: ResultSuccess, Properties: properties(s, before)}
	e.Description = fmt.Sprintf("%s: rows are accepted", s.Subject)
	if s.Status == Failing {
		e.Result, e.Reason = ResultFailure, s.Reason
		e.Description = fmt.Sprintf("%s: %s. To do: %s", s.Subject, s.Message, s.Reason.Info().Fix)
		if same {
			e.Description += fmt.Sprintf(". It lasts since %s", stamp(s.Since))
		}
	}
	return e, true
}

// summary tells once of an hour what failed in it, if anything did. The hour
// before is told as soon as it is over.
func (t *told) summary(now time.Time, s State) (Event, bool) {
	h := s.Before
	if !now.Before(s.Hour.Begin.Add(time.Hour)) {
		h = s.Hour // its process has seen nothing since
	}
	end := h.Begin.Add(time.Hour)
	if h.Errors == 0 || now.Before(end) || !h.Begin.After(t.hour) {
		return Event{}, false
	}
	t.hour = h.Begin
	e := Event{Time: now, Subject: s.Subject, Operation: FailureSummary, Result: ResultInformational}
	e.Description = fmt.Sprintf("%s: %d failures from %s to %s", s.Subject, h.Errors, stamp(h.Begin), stamp(end))
	e.Properties = map[string]any{
		"StartTime": stamp(h.Begin), "EndTime": stamp(end),
		"FailureSummary": h.Failures, "Failures": h.Errors, "Objects": h.Objects, "Rows": h.Rows,
	}
	if s.Subject.Table != "" {
		e.Properties["DestinationTable"] = s.Subject.Table
	}
	return e, true
}

// properties are what is told besides a status. Counts are since it was told
// before, or since a process began that began again.
func properties(s State, before told) map[string]any {
	since := func(now, then int64) int64 {
		if now < then {
			return now
		}
		return now - then
	}
	p := map[string]any{
		"Since": stamp(s.Since), "Objects": since(s.Objects, before.counts.Objects), "Rows": since(s.Rows, before.counts.Rows),
		"Bytes": since(s.Bytes, before.counts.Bytes), "Failures": since(s.Errors, before.errors),
	}
	put := func(name, value string) {
		if value != "" {
			p[name] = value
		}
	}
	put("DestinationTable", s.Subject.Table)
	put("StatusCode", s.StatusCode)
	put("LastSuccess", stamp(s.LastSuccess))
	put("LastObject", s.LastObject)
	put("OldestUndelivered", stamp(s.Oldest))
	if s.Lag > 0 {
		put("LagSeconds", strconv.FormatFloat(s.Lag.Seconds(), 'f', 3, 64))
	}
	return p
}

// stamp writes a time; none for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Watch tells of the board until ctx ends: changes at once, the rest within a
// minute of when it is due. It is for a process that is alone; several merge
// their states and have one journal.
func (b *Board) Watch(ctx context.Context, tell func(Event)) {
	j := NewJournal()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		for _, e := range j.Next(time.Now(), b.States()) {
			tell(e)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-b.changed:
		}
	}
}
