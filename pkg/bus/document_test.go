package bus

import (
	"errors"
	"testing"
)

func document(t *testing.T, b *Bus) *Document {
	t.Helper()
	d, err := b.Document(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func save(t *testing.T, d *Document, text string, revision uint64) uint64 {
	t.Helper()
	saved, err := d.Save(t.Context(), []byte(text), revision)
	if err != nil {
		t.Fatalf("save %q over revision %d: %v", text, revision, err)
	}
	return saved
}

// Who saves must have seen what is there.
func TestDocument(t *testing.T) {
	d := document(t, open(t))
	f := func(wantText string, wantRevision uint64) {
		t.Helper()
		text, revision, err := d.Load(t.Context())
		if err != nil || string(text) != wantText || revision != wantRevision {
			t.Errorf("got %q, revision %d, %v; want %q, %d", text, revision, err, wantText, wantRevision)
		}
	}
	stale := func(revision uint64) {
		t.Helper()
		if _, err := d.Save(t.Context(), []byte("late"), revision); !errors.Is(err, ErrStale) {
			t.Errorf("revision %d: got %v; want ErrStale", revision, err)
		}
	}
	f("", 0)
	stale(3)
	one := save(t, d, "one", 0)
	f("one", one)
	stale(0)
	two := save(t, d, "two", one)
	f("two", two)
	stale(one)
	f("two", two)
}

// A document that somebody has deleted by hand can be written again.
func TestDocumentIsWrittenAfterItWasDeleted(t *testing.T) {
	d := document(t, open(t))
	save(t, d, "one", 0)
	if err := d.store.Delete(t.Context(), keyConnections); err != nil {
		t.Fatal(err)
	}
	text, revision, err := d.Load(t.Context())
	if err != nil || len(text) > 0 || revision != 0 {
		t.Fatalf("got %q, revision %d, %v; want none", text, revision, err)
	}
	save(t, d, "two", 0)
}
