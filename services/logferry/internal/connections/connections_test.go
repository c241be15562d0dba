package connections

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/logferry/logferry/pkg/connection"
)

// contested is a registry where somebody else is quicker once.
type contested struct {
	set    connection.Set
	refuse error
	edits  int
}

func (r *contested) Edit(_ context.Context, f func(*connection.Set) error) error {
	lost := there()
	if err := f(&lost); err != nil {
		return err
	}
	r.edits++
	won := r.set
	if err := f(&won); err != nil {
		return err
	}
	if r.refuse != nil {
		return r.refuse
	}
	r.set = won
	return nil
}

// What is told is what was done to the set that was stored.
func TestContestedEdit(t *testing.T) {
	r := &contested{set: connection.Set{Destinations: []connection.Destination{files}}}
	got, err := Put(t.Context(), r, connection.Set{Connections: []connection.Connection{a}}, false)
	if want := []Change{{Connection, "a", Added}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v: the set that lost had the connection", got, err, want)
	}
	for _, add := range []connection.Set{{Destinations: []connection.Destination{azure}}, {Connections: []connection.Connection{b}}} {
		if _, err := Put(t.Context(), r, add, false); err != nil {
			t.Error(err)
		}
	}
	if want := there(); !reflect.DeepEqual(r.set, want) {
		t.Errorf("got %+v; want %+v", r.set, want)
	}
	r.refuse = errors.New("the bus is gone")
	if got, err := Pause(t.Context(), r, []string{"a"}, true); !errors.Is(err, r.refuse) || got != nil {
		t.Errorf("got %v, %v; want the error, and no changes", got, err)
	}
}
