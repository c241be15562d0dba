package ledger

import (
	"context"
	"fmt"

	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Repair looks an object up and makes good what a process that died has left
// undone: an object of which every part is settled is entered as done, and into
// the history. It is for who finds that the history does not know the object.
// It returns the object's account as it is then. A tracker that does the same at
// the same time does no harm.
func Repair(ctx context.Context, s Store, connection, object string) (*Account, error) {
	events, err := s.Events(ctx, connection, object)
	if err != nil {
		return nil, fmt.Errorf("look up object %s in the ledger: %w", object, err)
	}
	a := NewAccount(events)
	if !a.IsComplete() {
		return a, nil
	}
	total := a.Total()
	if !a.IsDone() {
		e := done(connection, object, total)
		if _, err := s.Record(ctx, e); err != nil {
			return nil, fmt.Errorf("enter object %s as done: %w", object, err)
		}
		a.Add(e)
	}
	return a, s.Append(ctx, connection, []Entry{entryOf(object, total)})
}

// entryOf is what the history has of an object that is done.
func entryOf(object string, total *logferryv1.Done) Entry {
	return Entry{Object: KeyOf(object), Delivered: total.GetDelivered(), Dead: total.GetDead(), Rejected: total.GetRejected()}
}
