package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/fault"
)

// Board keeps the states of one process. It is safe for concurrent use, and an
// observation costs little: it may be made for every part.
type Board struct {
	mu      sync.Mutex
	entries map[Subject]*entry
	changed chan struct{} // holds one when a status or a reason has changed
}

// NewBoard returns a board that knows nothing.
func NewBoard() *Board {
	return &Board{entries: map[Subject]*entry{}, changed: make(chan struct{}, 1)}
}

// Changed receives after a status or a reason has changed. It is for one
// reader, which then asks for the states.
func (b *Board) Changed() <-chan struct{} { return b.changed }

// Carried reports objects that were carried to their end, or rows that were
// accepted; object is the key of one of them and lag the time since its
// notification, where they are known. Objects of which no row is accepted are
// a failure: [fault.NoRows]. Accepted rows end all failures but those of an
// origin of their own.
func (b *Board) Carried(s Subject, c Counts, object string, lag time.Duration) {
	b.observe(s, func(e *entry, now time.Time) {
		e.Counts.add(c)
		e.Hour.Counts.add(c)
		switch {
		case c.Rows > 0:
			maps.DeleteFunc(e.open, func(k openKey, _ *open) bool { return k.origin == "" })
			e.LastSuccess = now
			e.LastObject = cmp.Or(object, e.LastObject)
			e.Lag = lag
			e.barren, e.proven = 0, true
		case c.Objects > 0:
			e.barren += c.Objects
			e.fail(Failure{Reason: fault.NoRows}, now)
		}
	})
}

// Failed reports a failure.
func (b *Board) Failed(s Subject, f Failure) {
	b.observe(s, func(e *entry, now time.Time) { e.fail(f, now) })
}

// Works reports that what failed with this origin, or without one, works again.
// It proves no success: that takes rows.
func (b *Board) Works(s Subject, origin string) {
	b.observe(s, func(e *entry, _ time.Time) {
		maps.DeleteFunc(e.open, func(k openKey, _ *open) bool { return k.origin == origin })
	})
}

// Waiting reports since when the oldest event waits that is not delivered; the
// zero time: none does.
func (b *Board) Waiting(s Subject, oldest time.Time) {
	b.observe(s, func(e *entry, _ time.Time) { e.Oldest = oldest })
}

// Keep forgets the subjects that are not to be kept: those that the
// configuration no longer has.
func (b *Board) Keep(keep func(Subject) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.entries, func(s Subject, _ *entry) bool { return !keep(s) })
}

// States returns the states as of now, in the order of their subjects.
func (b *Board) States() []State {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	states := make([]State, 0, len(b.entries))
	for _, e := range b.entries {
		e.decide(now)
		states = append(states, e.copy())
	}
	slices.SortFunc(states, func(a, b State) int { return a.Subject.Compare(b.Subject) })
	return states
}

func (b *Board) observe(s Subject, f func(*entry, time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	e := b.entries[s]
	if e == nil {
		e = &entry{State: State{Subject: s, Status: Unknown, Since: now}, open: map[openKey]*open{}}
		b.entries[s] = e
	}
	e.turn(now)
	f(e, now)
	if e.decide(now) {
		select {
		case b.changed <- struct{}{}:
		default: // the reader has not looked since the last change
		}
	}
}

// entry is a state and what it is decided from.
type entry struct {
	State
	open   map[openKey]*open // failures that are not over
	barren int64             // objects since the last accepted row
	// proven says that rows were accepted since the failure began that is told,
	// or ever: what failed is not well because nobody complains any more.
	proven bool
}

// openKey tells failures apart: what is refused for two reasons in turn has
// two, and its state does not waver.
type openKey struct {
	origin string
	reason fault.Reason
}

// open is a failure that is not over.
type open struct {
	Failure
	first, last time.Time
}

// fail enters a failure.
func (e *entry) fail(f Failure, now time.Time) {
	e.Errors++
	f.Message = cmp.Or(f.Message, f.Reason.Info().Meaning)
	e.Hour.fail(Tally{f.StatusCode, f.Message, f.Reason, 1})
	key := openKey{f.Origin, f.Reason}
	o := e.open[key]
	if o == nil {
		if len(e.open) >= maxOpen {
			return // it is counted; what fails in so many ways is failing already
		}
		o = &open{first: now}
		e.open[key] = o
	}
	o.Failure, o.last = f, now
}

// decide works out status and reason as of now, and reports whether they have
// changed.
func (e *entry) decide(now time.Time) bool {
	e.turn(now)
	maps.DeleteFunc(e.open, func(_ openKey, o *open) bool { return now.Sub(o.last) > staleness })
	status, shown := Unknown, Failure{}
	if e.proven {
		status = Success
	}
	if worst := e.worst(e.proven); worst != nil {
		status, shown = Failing, worst.Failure
	} else if !e.Oldest.IsZero() && now.Sub(e.Oldest) > BacklogPatience {
		status, shown = Failing, Failure{Reason: fault.Backlog, Message: "the oldest event waits since " + e.Oldest.UTC().Format(time.RFC3339)}
	}
	if shown.Reason == fault.NoRows {
		shown.Message = fmt.Sprintf("%d objects, 0 rows", e.barren)
	}
	changed := status != e.Status || shown.Reason != e.Reason
	if changed {
		e.Status, e.Since = status, now
		e.proven = e.proven && status != Failing
	}
	e.Reason, e.StatusCode, e.Message = shown.Reason, shown.StatusCode, shown.Message
	return changed
}

// worst returns the failure that is the subject's: of those that have lasted
// long enough, the one that began first.
func (e *entry) worst(succeeds bool) *open {
	var worst *open
	for _, o := range e.open {
		if lasted := o.last.Sub(o.first); lasted < o.patience(succeeds) {
			continue
		}
		if worst == nil || cmp.Or(o.first.Compare(worst.first), cmp.Compare(o.Reason, worst.Reason)) < 0 {
			worst = o
		}
	}
	return worst
}

// turn begins a new hour when one has begun.
func (e *entry) turn(now time.Time) {
	begin := now.UTC().Truncate(time.Hour)
	switch {
	case e.Hour.Begin.Equal(begin):
		return
	case e.Hour.Begin.Equal(begin.Add(-time.Hour)):
		e.Before = e.Hour
	default:
		e.Before = Hour{}
	}
	e.Hour = Hour{Begin: begin}
}

func (e *entry) copy() State {
	s := e.State
	s.Hour.Failures = slices.Clone(s.Hour.Failures)
	s.Before.Failures = slices.Clone(s.Before.Failures)
	return s
}
