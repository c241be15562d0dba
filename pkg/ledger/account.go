package ledger

import (
	"time"

	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Account is the sum of an object's events. The zero value is the account of
// an object of which nothing is known.
type Account struct {
	// Object is what a poller has seen, SeenAt when; nil before.
	Object *logferryv1.Object
	SeenAt time.Time

	fetched *logferryv1.Fetched
	parts   map[uint32]tally // that are settled
	sum     logferryv1.PartSettled
	done    *logferryv1.Done
}

// tally is what a settled part accounts for.
type tally struct {
	records  uint64
	rejected bool // with the rest of the object: then they are not counted
}

// NewAccount returns the account of the events, in any order.
func NewAccount(events []*logferryv1.LedgerEvent) *Account {
	a := new(Account)
	for _, e := range events {
		a.Add(e)
	}
	return a
}

// Add enters an event. One that was entered before has no effect.
func (a *Account) Add(e *logferryv1.LedgerEvent) {
	switch event := e.GetEvent().(type) {
	case *logferryv1.LedgerEvent_Seen:
		// After a loss of the ledger it is seen again: the first time counts.
		if at := e.GetTime().AsTime(); a.Object == nil || at.Before(a.SeenAt) {
			a.Object, a.SeenAt = event.Seen.GetObject(), at
		}
	case *logferryv1.LedgerEvent_Fetched:
		a.fetched = event.Fetched
	case *logferryv1.LedgerEvent_Done:
		a.done = event.Done
	case *logferryv1.LedgerEvent_Part:
		p := event.Part
		if _, known := a.parts[p.GetPart()]; known {
			return
		}
		if a.parts == nil {
			a.parts = make(map[uint32]tally)
		}
		a.parts[p.GetPart()] = tally{p.GetDelivered() + p.GetDead() + p.GetFiltered(), p.GetRejected()}
		a.sum.Delivered += p.GetDelivered()
		a.sum.Dead += p.GetDead()
		a.sum.Filtered += p.GetFiltered()
		a.sum.Rejected = a.sum.Rejected || p.GetRejected()
	}
}

// IsDone reports whether the object's done event has happened.
func (a *Account) IsDone() bool { return a.done != nil }

// IsComplete reports whether every part is settled.
func (a *Account) IsComplete() bool {
	if a.done != nil || a.fetched == nil || len(a.parts) < int(a.fetched.GetParts()) {
		return a.done != nil
	}
	for part := range a.fetched.GetParts() {
		if _, ok := a.parts[part]; !ok {
			return false
		}
	}
	return true
}

// HasSettled reports whether the part is settled.
func (a *Account) HasSettled(part int) bool {
	_, ok := a.parts[uint32(part)]
	return ok || a.done != nil && covers(a.done, part)
}

// Fetched returns how many parts the object has, nil before that is known.
func (a *Account) Fetched() *logferryv1.Fetched { return a.fetched }

// Settled returns how many parts are settled.
func (a *Account) Settled() int { return len(a.parts) }

// Accounted returns how many records are in the parts at the object's beginning
// that are settled: up to the first that is not, or that was rejected with the
// rest.
func (a *Account) Accounted() (records uint64) {
	for part := uint32(0); ; part++ {
		t, ok := a.parts[part]
		if !ok || t.rejected {
			return records
		}
		records += t.records
	}
}

// Total returns what became of the object so far.
func (a *Account) Total() *logferryv1.Done {
	if a.done != nil {
		return a.done
	}
	return &logferryv1.Done{
		Parts:     a.fetched.GetParts(),
		Delivered: a.sum.GetDelivered(),
		Dead:      a.sum.GetDead() + a.fetched.GetDead(),
		Filtered:  a.sum.GetFiltered(),
		Records:   a.fetched.GetRecords(),
		Rejected:  a.fetched.GetRejected() || a.sum.GetRejected(),
	}
}
