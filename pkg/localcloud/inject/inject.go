// Package inject makes the stand-ins of the clouds fail on purpose. A [Table]
// holds the faults; every stand-in asks it about every call.
package inject

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// Services, as a [Call] names them.
const (
	SQS        = "sqs"
	S3         = "s3"
	STS        = "sts"
	CloudTrail = "cloudtrail"
	Entra      = "entra"
	Ingestion  = "ingestion"
)

// Call is one request to a stand-in.
type Call struct {
	// Service is one of the constants of this package.
	Service string
	// Operation is the API's own name for it: ReceiveMessage, GetObject,
	// AssumeRole, LookupEvents, Token, Upload. Each entry of a batch is asked about too, as
	// DeleteMessageBatch/entry.
	Operation string
	// Resource is what the call is about: the queue's name, bucket/key, the
	// role's ARN, account/region, tenant/client, rule/stream.
	Resource string
}

// Match selects calls. An empty field matches everything; a Resource that
// ends in * matches by its beginning.
type Match struct {
	Service   string
	Operation string
	Resource  string
}

func (m Match) matches(c Call) bool {
	if m.Service != "" && m.Service != c.Service || m.Operation != "" && m.Operation != c.Operation {
		return false
	}
	if prefix, ok := strings.CutSuffix(m.Resource, "*"); ok {
		return strings.HasPrefix(c.Resource, prefix)
	}
	return m.Resource == "" || m.Resource == c.Resource
}

// Fault is what happens to a call. Delay goes with any of the others; of the
// others the first that is set happens. A Fault with none of them but Delay
// only makes the call slow.
type Fault struct {
	// Times is how many calls it happens to; 0: no limit.
	Times int
	// Rate is the share of matching calls it happens to, in (0,1); 0: all.
	Rate float64
	// For is how long it lasts, from [Table.Fail] on; 0: until it is stopped.
	For time.Duration

	// Delay is how long the call waits before anything else happens.
	Delay time.Duration
	// Hang answers nothing until the client gives up.
	Hang bool
	// Reset closes the connection without an answer; nothing was done.
	Reset bool
	// ResetAfter does what was asked and closes the connection without an
	// answer.
	ResetAfter bool
	// Truncate cuts the body of the answer after so many bytes and closes the
	// connection.
	Truncate int64
	// Duplicate delivers the messages of a ReceiveMessage again at once.
	Duplicate bool
	// Status and Code answer with an error, in the shape of the service. A
	// Status of 0 with a Code means the status usual for client errors, 400.
	Status  int
	Code    string
	Message string
	// RetryAfter is sent in the header of that name, in whole seconds.
	RetryAfter time.Duration
}

// IsError reports whether the fault answers with an error.
func (f Fault) IsError() bool { return f.Status != 0 || f.Code != "" }

// Table is the list of faults in force. The zero value is ready for use, and
// it is safe for concurrent use.
type Table struct {
	mu    sync.Mutex
	rules []*Rule
	calls map[[2]string]int // by service and operation
}

// Rule is a fault in force.
type Rule struct {
	table *Table
	match Match
	fault Fault
	until time.Time // zero: for ever
	left  int       // calls left, if fault.Times > 0
	hits  int
}

// Fail puts a fault in force for the calls that match. Of several that match
// a call, the one that was added last happens.
func (t *Table) Fail(match Match, fault Fault) *Rule {
	r := &Rule{table: t, match: match, fault: fault, left: fault.Times}
	if fault.For > 0 {
		r.until = time.Now().Add(fault.For)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rules = append(t.rules, r)
	return r
}

// Stop ends the fault.
func (r *Rule) Stop() {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	r.table.removeLocked(r)
}

// Hits returns how many calls the fault has happened to.
func (r *Rule) Hits() int {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	return r.hits
}

// Clear ends all faults.
func (t *Table) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rules = nil
}

// Calls returns how many calls of that operation there were, failed ones
// included.
func (t *Table) Calls(service, operation string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[[2]string{service, operation}]
}

// Next counts the call and returns the fault that happens to it; the zero
// Fault is none.
func (t *Table) Next(c Call) Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = make(map[[2]string]int)
	}
	t.calls[[2]string{c.Service, c.Operation}]++
	for i := len(t.rules) - 1; i >= 0; i-- {
		if r := t.rules[i]; r.match.matches(c) && t.hitLocked(r) {
			return r.fault
		}
	}
	return Fault{}
}

func (t *Table) hitLocked(r *Rule) bool {
	if !r.until.IsZero() && !time.Now().Before(r.until) {
		t.removeLocked(r)
		return false
	}
	if r.fault.Rate > 0 && rand.Float64() >= r.fault.Rate {
		return false
	}
	r.hits++
	if r.fault.Times > 0 {
		if r.left--; r.left == 0 {
			t.removeLocked(r)
		}
	}
	return true
}

func (t *Table) removeLocked(rule *Rule) {
	for i, r := range t.rules {
		if r == rule {
			t.rules = append(t.rules[:i:i], t.rules[i+1:]...)
			return
		}
	}
}
