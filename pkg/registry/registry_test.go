package registry

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
)

var quiet = slog.New(slog.DiscardHandler)

func destination(name string) connection.Destination {
	return connection.Destination{Name: name, Directory: "rows/" + name}
}

func from(name, to string) connection.Connection {
	return connection.Connection{Name: name, QueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/" + name, Destination: to}
}

func setOf(destination connection.Destination, connections ...connection.Connection) connection.Set {
	return connection.Set{Destinations: []connection.Destination{destination}, Connections: connections}
}

func openBus(t *testing.T) *bus.Bus {
	t.Helper()
	cfg := bus.DefaultConfig()
	cfg.Store = t.TempDir()
	b, err := bus.Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.WithoutCancel(t.Context())) })
	return b
}

func open(t *testing.T, b *bus.Bus) *Registry {
	t.Helper()
	shared, err := b.Document(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), shared, []string{"AWSCloudTrail"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func add(c connection.Connection) func(*connection.Set) error {
	return func(s *connection.Set) error {
		s.Connections = append(s.Connections, c)
		return nil
	}
}

// has checks which connections a registry has; "-" before a name: paused.
func has(t *testing.T, r *Registry, want string) {
	t.Helper()
	var names []string
	for _, c := range r.Current().Connections {
		name := c.Name
		if c.Paused {
			name = "-" + name
		}
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got connections %q; want %q", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What comes from files goes with them; what commands add stays.
func TestApply(t *testing.T) {
	b := openBus(t)
	r := open(t, b)
	d := destination("here")
	must(t, r.Apply(t.Context(), setOf(d, from("a", "here"), from("b", "here")), true))
	must(t, r.Edit(t.Context(), add(from("c", "here"))))
	has(t, r, "a b c")
	must(t, r.Edit(t.Context(), func(s *connection.Set) error { s.Connections[0].Paused = true; return nil }))
	has(t, r, "-a b c")
	must(t, r.Apply(t.Context(), setOf(d, from("a", "here")), false))
	has(t, r, "-a b c")
	must(t, r.Apply(t.Context(), setOf(d, from("a", "here")), true))
	has(t, r, "-a c")
	must(t, r.Apply(t.Context(), connection.Set{}, true))
	has(t, r, "-a c")
	must(t, r.Apply(t.Context(), connection.Set{Destinations: []connection.Destination{d}, Connections: []connection.Connection{}}, false))
	has(t, r, "-a c")
	if !r.InFile(KindConnection, "a") || r.InFile(KindConnection, "c") || !r.InFile(KindDestination, "here") {
		t.Error("the registry does not tell what comes from a file")
	}
	has(t, open(t, b), "-a c")
	// the file has the name of what a command added
	must(t, r.Apply(t.Context(), setOf(d, from("a", "here"), from("c", "here")), true))
	must(t, r.Apply(t.Context(), setOf(d, from("a", "here")), true))
	has(t, r, "-a")
	must(t, r.Apply(t.Context(), connection.Set{Destinations: []connection.Destination{}, Connections: []connection.Connection{}}, true))
	has(t, r, "")
}

// The same file again, by whatever process, changes nothing.
func TestApplyAgain(t *testing.T) {
	b := openBus(t)
	file := setOf(destination("here"), from("a", "here"))
	file.Connections[0].QueueURLs = []string{}
	r := open(t, b)
	must(t, r.Apply(t.Context(), file, true))
	revision := r.revision
	other := open(t, b)
	changed := other.Changed()
	must(t, other.Apply(t.Context(), file, true))
	select {
	case <-changed:
		t.Error("the set has changed")
	default:
	}
	if other.revision != revision {
		t.Errorf("got revision %d; want %d still", other.revision, revision)
	}
}

func TestEditRefuses(t *testing.T) {
	r := open(t, openBus(t))
	must(t, r.Apply(t.Context(), setOf(destination("here"), from("a", "here")), true))
	f := func(edit func(*connection.Set) error, want ...string) {
		t.Helper()
		err := r.Edit(t.Context(), edit)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("got %v; want %q", err, w)
			}
		}
		has(t, r, "a")
	}
	f(add(from("b", "nowhere")), "connections[1].destination: names no destination")
	f(add(connection.Connection{Name: "b", Destination: "here"}), "connections[1].queue_url")
	f(func(s *connection.Set) error { s.Connections = nil; return nil }, "connection a comes from a configuration file")
	f(func(s *connection.Set) error { s.Connections[0].Region = "eu-west-1"; return nil }, "connection a comes from a configuration file")
	f(func(s *connection.Set) error { s.Destinations[0].Directory = "x"; return nil }, "destination here comes from a configuration file")
	f(func(*connection.Set) error { return errors.New("not today") }, "not today")
}

// Two processes that edit at once both have their way.
func TestEditAtOnce(t *testing.T) {
	b := openBus(t)
	first := open(t, b)
	must(t, first.Apply(t.Context(), setOf(destination("here")), true))
	var all conc.WaitGroup
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		r := open(t, b)
		all.Go(func() {
			if err := r.Edit(t.Context(), add(from(name, "here"))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(open(t, b).Current().Connections); got != 8 {
		t.Errorf("got %d connections; want 8", got)
	}
}

// What one process changes, another has in force; what cannot be read changes
// nothing and can be mended.
func TestFollow(t *testing.T) {
	b := openBus(t)
	here, there := open(t, b), open(t, b)
	ctx, stop := context.WithCancel(t.Context())
	var all conc.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() { there.Follow(ctx) })
	changed := there.Changed()
	must(t, here.Apply(t.Context(), setOf(destination("here"), from("a", "here")), true))
	wait(t, changed)
	has(t, there, "a")

	changed = there.Changed()
	revision, err := here.shared.Save(t.Context(), []byte("connections: [{name: z, colour: red}]"), here.revision)
	must(t, err)
	if _, _, err := here.load(t.Context()); err == nil || !strings.Contains(err.Error(), "key set of bucket logferry-connections, revision 2") {
		t.Errorf("got %v; want an error that names the document's place", err)
	}
	text, err := document{Set: setOf(destination("here"), from("b", "here"))}.text()
	must(t, err)
	_, err = here.shared.Save(t.Context(), text, revision)
	must(t, err)
	wait(t, changed)
	has(t, there, "b")
	if _, err := here.shared.Save(t.Context(), text, revision); !errors.Is(err, bus.ErrStale) {
		t.Errorf("got %v; want %v", err, bus.ErrStale)
	}
}

func wait(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("the change is not told")
	}
}
