// Package health keeps what is known of how well logs are carried, and tells
// when that changes. A process has one [Board]: its stages report what they
// see, and the board keeps a [State] of each [Subject]. [Merge] makes one of
// the states of several processes. A [Journal] turns states into [Event]s: a
// change at once, the same once an hour, and once an hour a summary of what
// failed.
//
//	stages ──observations──▶ Board ──States──▶ Merge ──▶ Journal ──Events──▶ logs, bus, LogferryHealth_CL
//
// The rules are those of Microsoft's SentinelHealth table
// (https://learn.microsoft.com/azure/sentinel/health-table-reference), so that
// queries and alerts written for its connectors serve. Two are added:
//
//   - Success is never claimed without rows accepted. A call that works again
//     ends a failure and proves nothing more.
//   - Single objects speak for themselves only. While rows of other objects are
//     accepted, what became a dead letter is in the summary and no change of
//     state; nor are objects that give no rows.
package health

import (
	"cmp"
	"time"

	"github.com/logferry/logferry/pkg/fault"
)

// Patience with what need not be a failure of the whole.
const (
	// PassingPatience is how long what may pass by itself must last before it
	// is told (SentinelHealth: more than 60 minutes).
	PassingPatience = time.Hour
	// ObjectPatience is how long nothing may come of any object before the
	// failures of single objects are that of their subject.
	ObjectPatience = 15 * time.Minute
	// BacklogPatience is how old the oldest undelivered event may become.
	BacklogPatience = time.Hour
	// staleness is how long a failure counts that is not seen again and of
	// which nobody says that it is over. Everything that fails is tried again
	// within minutes.
	staleness = time.Hour
)

// Bounds of what is kept of each subject (invariant 6).
const (
	maxOpen    = 16
	maxTallies = 20
)

// Kind is what a subject is.
type Kind string

// The kinds of subjects, in the order in which they are listed.
const (
	// Connection is a connection, by its name.
	Connection Kind = "connection"
	// Destination is a destination, by its name; with a table, that table of it.
	Destination Kind = "destination"
	// Stage is a service, by its name.
	Stage Kind = "stage"
)

// Subject is what has a state. It is comparable.
type Subject struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Table is set for one table of a destination or connection.
	Table string `json:"table,omitempty"`
}

// String returns the subject in words: connection org-trail.
func (s Subject) String() string {
	text := string(s.Kind) + " " + s.Name
	if s.Table != "" {
		text += ", table " + s.Table
	}
	return text
}

// Compare orders subjects: by kind, name and table.
func (s Subject) Compare(o Subject) int {
	rank := func(k Kind) int {
		switch k {
		case Connection:
			return 0
		case Destination:
			return 1
		case Stage:
			return 2
		}
		return 3
	}
	return cmp.Or(cmp.Compare(rank(s.Kind), rank(o.Kind)), cmp.Compare(s.Kind, o.Kind), cmp.Compare(s.Name, o.Name), cmp.Compare(s.Table, o.Table))
}

// Counts is what was carried.
type Counts struct {
	// Objects are those that hold records. What by its nature holds none, such
	// as a digest, is not counted.
	Objects int64 `json:"objects"`
	// Rows are those that a destination accepted.
	Rows int64 `json:"rows"`
	// Bytes are those of the rows, or of the objects for who has no rows.
	Bytes int64 `json:"bytes"`
}

func (c *Counts) add(o Counts) {
	c.Objects += o.Objects
	c.Rows += o.Rows
	c.Bytes += o.Bytes
}

// Failure is what went wrong.
type Failure struct {
	// Origin is the part of the subject that it is about, such as a queue's
	// URL. It fails until [Board.Works] says otherwise of the same origin.
	// Empty: the whole, or single objects; it is over when rows are accepted.
	Origin string
	Reason fault.Reason
	// StatusCode is what the service answered: "403", "AccessDenied". It may be
	// empty.
	StatusCode string
	// Message says it in words, the same each time, without request ids.
	Message string
	// Transient says that it may pass by itself, also when its reason need not.
	Transient bool
}

// patience returns how long the failure must last to be that of its subject,
// which succeeds or not.
func (f Failure) patience(succeeds bool) time.Duration {
	switch kind := f.Reason.Info().Kind; {
	case f.Transient || kind == fault.Passing:
		return PassingPatience
	case succeeds && (kind == fault.Dead || f.Reason == fault.NoRows):
		return ObjectPatience
	}
	return 0
}

// Status is how a subject is.
type Status string

// The statuses, from what is told last to what is told first.
const (
	// Unknown: no row was accepted yet, and nothing failed.
	Unknown Status = "unknown"
	// Success: rows were accepted, and nothing has failed since that is not
	// over.
	Success Status = "success"
	// Failing: something fails, for [State.Reason].
	Failing Status = "failure"
)

func (s Status) rank() int {
	switch s {
	case Success:
		return 1
	case Failing:
		return 2
	}
	return 0
}

// State is what is known of a subject.
type State struct {
	Subject Subject `json:"subject"`
	Status  Status  `json:"status"`
	// Since is when it came to this status and reason.
	Since time.Time `json:"since"`
	// Reason, StatusCode and Message are those of the failure; empty without.
	Reason     fault.Reason `json:"reason,omitempty"`
	StatusCode string       `json:"status_code,omitempty"`
	Message    string       `json:"message,omitempty"`
	// Counts is what was carried since the process began, Errors how often
	// something failed.
	Counts
	Errors int64 `json:"errors"`
	// LastSuccess is when rows were accepted last, LastObject one of them.
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastObject  string    `json:"last_object,omitempty"`
	// Oldest is since when the oldest event waits that is not delivered; zero:
	// none does.
	Oldest time.Time `json:"oldest,omitzero"`
	// Lag is that of the rows accepted last, from notification to acceptance.
	Lag time.Duration `json:"lag_ns,omitempty"`
	// Hour is the present hour, Before the one before it.
	Hour   Hour `json:"hour,omitzero"`
	Before Hour `json:"before,omitzero"`
}

// Hour is what happened in one hour of the clock, UTC.
type Hour struct {
	Begin time.Time `json:"begin,omitzero"`
	Counts
	Errors int64 `json:"errors,omitempty"`
	// Failures are the distinct ones, most frequent first; at most 20, and one
	// that stands for the others.
	Failures []Tally `json:"failures,omitempty"`
}

// Tally is how often a failure was seen. Its names are those of SentinelHealth.
type Tally struct {
	StatusCode    string       `json:"StatusCode"`
	StatusMessage string       `json:"StatusMessage"`
	Reason        fault.Reason `json:"Reason"`
	Count         int64        `json:"Count"`
}
