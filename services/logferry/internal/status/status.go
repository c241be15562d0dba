// Package status is how Logferry is at a moment: a [Snapshot] of its stages,
// connections, destinations and their tables, whoever runs them. Snapshots hold
// totals; what happens in a second is worked out of two of them. The command
// status prints them, the command top draws them.
package status

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/logferry/logferry/pkg/health"
)

// Source gives the snapshot of now. It must return when ctx ends.
type Source func(ctx context.Context) (Snapshot, error)

// Snapshot is how all is at a moment.
type Snapshot struct {
	Time time.Time `json:"time"`
	// Processes is how many processes have told of themselves lately.
	Processes int `json:"processes"`
	// DeadLetters are those that are open.
	DeadLetters int64 `json:"dead_letters"`
	// Fullest is the fullest of the streams that stop everything when they are
	// full, and how full it is, from 0 to 1.
	Fullest string  `json:"fullest,omitempty"`
	Fill    float64 `json:"fill"`
	// Lines are in any order.
	Lines []Line `json:"lines"`
}

// Unknown is a number that nobody has told.
const Unknown = -1

// Line is how one subject is: a stage, a connection, a destination, a table.
type Line struct {
	// State has totals: of a poller messages as objects, of a fetcher objects
	// and their bytes, of a parser rows, of a writer and a table rows and their
	// bytes, of a connection all three.
	health.State
	// Paused connections are not polled.
	Paused bool `json:"paused,omitempty"`
	// InWork is what is being worked on, Waiting what waits for it, on the bus
	// or in the queue; [Unknown] if nobody has told.
	InWork  int64 `json:"in_work"`
	Waiting int64 `json:"waiting"`
	// DeadLetters are the open ones of the subject.
	DeadLetters int64 `json:"dead_letters"`
	// Rate is what happened in a second, between this snapshot and the one
	// before; zero in the first. [Snapshot.Since] fills it.
	Rate Rate `json:"rate"`
}

// Rate is how much happens in a second.
type Rate struct {
	Objects float64 `json:"objects"`
	Rows    float64 `json:"rows"`
	Bytes   float64 `json:"bytes"`
	Errors  float64 `json:"errors"`
}

func (r Rate) add(o Rate) Rate {
	return Rate{r.Objects + o.Objects, r.Rows + o.Rows, r.Bytes + o.Bytes, r.Errors + o.Errors}
}

// flow is the order of the stages.
var flow = []string{"poller", "lookup", "fetcher", "parser", "writer"}

// Of returns the lines of a kind: stages as the logs flow, others by name, each
// table behind its destination or connection.
func (s Snapshot) Of(kind health.Kind) []Line {
	var lines []Line
	for _, l := range s.Lines {
		if l.Subject.Kind == kind {
			lines = append(lines, l)
		}
	}
	rank := func(l Line) int {
		if kind != health.Stage {
			return 0
		}
		return (slices.Index(flow, l.Subject.Name) + len(flow) + 1) % (len(flow) + 1) // unknown ones last
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Subject.Compare(b.Subject))
	})
	return lines
}

// Line returns the line of the subject.
func (s Snapshot) Line(subject health.Subject) (Line, bool) {
	i := slices.IndexFunc(s.Lines, func(l Line) bool { return l.Subject == subject })
	if i < 0 {
		return Line{}, false
	}
	return s.Lines[i], true
}

// Since returns the snapshot with the rates since the one before it. A total
// that has shrunk is one of a process that began again: it counts from 0.
func (s Snapshot) Since(before Snapshot) Snapshot {
	seconds := s.Time.Sub(before.Time).Seconds()
	lines := slices.Clone(s.Lines)
	for i, l := range lines {
		old, ok := before.Line(l.Subject)
		if !ok || seconds <= 0 {
			lines[i].Rate = Rate{}
			continue
		}
		rate := func(now, then int64) float64 {
			if now < then {
				then = 0
			}
			return float64(now-then) / seconds
		}
		lines[i].Rate = Rate{rate(l.Objects, old.Objects), rate(l.Rows, old.Rows), rate(l.Bytes, old.Bytes), rate(l.Errors, old.Errors)}
	}
	s.Lines = lines
	return s
}

// Sum is what a snapshot comes to.
type Sum struct {
	// Rate is that of all destinations.
	Rate Rate
	// Lag is the longest of a connection whose rows are accepted, Oldest since
	// when anything waits.
	Lag    time.Duration
	Oldest time.Time
	// Failing and Subjects count what has a state.
	Failing, Subjects int
}

// Sum works out what the snapshot comes to.
func (s Snapshot) Sum() Sum {
	var sum Sum
	for _, l := range s.Lines {
		sum.Subjects++
		if l.Status == health.Failing {
			sum.Failing++
		}
		if l.Subject.Kind == health.Destination && l.Subject.Table == "" {
			sum.Rate = sum.Rate.add(l.Rate)
		}
		if l.Subject.Kind == health.Connection {
			sum.Lag = max(sum.Lag, l.Lag)
		}
		if !l.Oldest.IsZero() && (sum.Oldest.IsZero() || l.Oldest.Before(sum.Oldest)) {
			sum.Oldest = l.Oldest
		}
	}
	return sum
}

// WriteJSON writes the snapshot as one JSON document.
func (s Snapshot) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}
