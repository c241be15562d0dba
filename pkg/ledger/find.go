package ledger

import (
	"context"
	"fmt"
	"time"
)

// Find returns what a connection's history, since then, has of the objects with
// these ids. It reads that history once and keeps nothing of it but what was
// asked for.
func Find(ctx context.Context, s Store, connection string, since time.Time, objects []string) (map[Key]Entry, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	found := make(map[Key]Entry, len(objects))
	for _, o := range objects {
		found[KeyOf(o)] = Entry{}
	}
	err := s.History(ctx, connection, since, func(e Entry) {
		if _, wanted := found[e.Object]; wanted {
			found[e.Object] = e
		}
	})
	if err != nil {
		return nil, fmt.Errorf("look objects up in the history: %w", err)
	}
	for key, e := range found {
		if e.Time.IsZero() {
			delete(found, key)
		}
	}
	return found, nil
}
