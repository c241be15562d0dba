package bus_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/registry"
)

// A bus that has lost its connections and destinations gets them back from
// whoever follows them, and goes on telling what changes.
func TestLostRegistryComesBack(t *testing.T) {
	config := bus.DefaultConfig()
	config.Store = t.TempDir()
	b := bustest.Open(t, config, bus.Topology{})
	here := openRegistry(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	var following conc.WaitGroup
	defer following.Wait()
	defer cancel()
	following.Go(func() { here.Follow(ctx) })
	for _, name := range []string{"a", "b", "c"} {
		add(t, openRegistry(t, b), name)
		await(ctx, t, here, name)
	}
	bus.LoseDocument(t, b)
	for len(openRegistry(t, b).Current().Destinations) != 3 {
		if ctx.Err() != nil {
			t.Fatal("what was lost does not come back")
		}
	}
	add(t, openRegistry(t, b), "d")
	await(ctx, t, here, "d")
}

func openRegistry(t *testing.T, b *bus.Bus) *registry.Registry {
	t.Helper()
	shared, err := b.Document(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.Open(t.Context(), shared, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func add(t *testing.T, r *registry.Registry, destination string) {
	t.Helper()
	err := r.Edit(t.Context(), func(s *connection.Set) error {
		s.Destinations = append(s.Destinations, connection.Destination{Name: destination, Directory: destination})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// await returns once the destination is in force.
func await(ctx context.Context, t *testing.T, r *registry.Registry, destination string) {
	t.Helper()
	for {
		changed := r.Changed()
		if _, ok := r.Current().Destination(destination); ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s does not come", destination)
		}
	}
}
