package bus

import (
	"errors"
	"testing"
)

// LoseDocument takes the bucket of the document away, as a server that lost its
// data, and makes it anew, as the services do.
func LoseDocument(t *testing.T, b *Bus) {
	t.Helper()
	if err := b.js.DeleteKeyValue(t.Context(), bucketConnections); err != nil {
		t.Fatal(err)
	}
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A document whose bucket was lost is none; what is saved then is there.
func TestLostDocument(t *testing.T) {
	b := open(t)
	d := document(t, b)
	revision := save(t, d, "one", 0)
	LoseDocument(t, b)
	if text, revision, err := d.Load(t.Context()); err != nil || len(text) > 0 || revision != 0 {
		t.Errorf("got %q, revision %d, %v; want none", text, revision, err)
	}
	if _, err := d.Save(t.Context(), []byte("late"), revision+1); !errors.Is(err, ErrStale) {
		t.Errorf("got %v; want ErrStale", err)
	}
	save(t, d, "two", 0)
}
