// Package bustest opens a bus for a test.
package bustest

import (
	"context"
	"log/slog"
	"testing"

	"github.com/logferry/logferry/pkg/bus"
)

// Open opens the bus with that topology and closes it with the test. A store
// that the configuration names must be the test's own.
func Open(t testing.TB, config bus.Config, topology bus.Topology) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := b.Bootstrap(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	return b
}
