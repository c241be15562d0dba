package bus

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/fault"
)

// state is what a command might save.
type state struct{ At string }

// A checkpoint is what was saved last, until it is removed.
func TestCheckpoints(t *testing.T) {
	c, err := open(t).Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := func(key, want string) {
		t.Helper()
		var got state
		found, err := c.Load(t.Context(), key, &got, func() error { return nil })
		if err != nil || found != (want != "") || got.At != want {
			t.Errorf("%s: got %q, %v, %v; want %q", key, got.At, found, err, want)
		}
	}
	f("backfill.a", "")
	for _, at := range []string{"one", "two"} {
		if err := c.Save(t.Context(), "backfill.a", state{at}); err != nil {
			t.Fatal(err)
		}
	}
	f("backfill.a", "two")
	f("backfill.b", "")
	for range 2 { // also when there is none
		if err := c.Remove(t.Context(), "backfill.a"); err != nil {
			t.Fatal(err)
		}
	}
	f("backfill.a", "")
}

// A checkpoint that cannot be used is refused, with its place.
func TestBadCheckpointIsRefused(t *testing.T) {
	c, err := open(t).Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := func(value string, check error, want string) {
		t.Helper()
		if _, err := c.store.Put(t.Context(), "backfill.a", []byte(value)); err != nil {
			t.Fatal(err)
		}
		entry, err := c.store.Get(t.Context(), "backfill.a")
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.Load(t.Context(), "backfill.a", new(state), func() error { return check })
		if found || !fault.IsPermanent(err) {
			t.Fatalf("%q: got %v, %v; want it refused", value, found, err)
		}
		place := []string{"key backfill.a", "revision " + string('0'+rune(entry.Revision())), "bucket logferry-checkpoints", want}
		if slices.ContainsFunc(place, func(s string) bool { return !strings.Contains(err.Error(), s) }) {
			t.Errorf("%q: got %v; want %q", value, err, place)
		}
	}
	f(`{"At":`, nil, "unexpected end of JSON input")
	f("", nil, "unexpected end of JSON input")
	f(`{"At":7}`, nil, "cannot unmarshal number")
	f(`{"At":"x"}`, errors.New("of another version"), "of another version")
}
