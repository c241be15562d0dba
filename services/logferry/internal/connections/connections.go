// Package connections adds, changes, removes and shows the connections and
// destinations that the services follow.
//
//	flags, YAML, Sentinel ──▶ edit of the set ──▶ registry ──▶ services
//
// An edit is checked with all that is there before anything is stored, and is
// stored as a whole or not at all.
package connections

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/logferry/logferry/pkg/connection"
)

// Kind is what an entry of the set is.
type Kind string

// Kinds of entries.
const (
	Connection  Kind = "connection"
	Destination Kind = "destination"
)

// Done is what was done to an entry.
type Done string

// What may be done to an entry.
const (
	Added     Done = "added"
	Replaced  Done = "replaced"
	Removed   Done = "removed"
	Paused    Done = "paused"
	Resumed   Done = "resumed"
	Unchanged Done = "unchanged" // it was that way already
)

// Change is what was done to one connection or destination.
type Change struct {
	Kind Kind
	Name string
	Done Done
}

// String tells the change: "connection acme: added".
func (c Change) String() string { return fmt.Sprintf("%s %s: %s", c.Kind, c.Name, c.Done) }

// Registry holds the set that the services follow. Edit has it changed by f and
// stores what is valid as a whole; it calls f again when somebody else was
// quicker.
type Registry interface {
	Edit(ctx context.Context, f func(*connection.Set) error) error
}

// Put adds the entries of a set, all or none of them. An entry that is there
// already must be the same, or is replaced if it may be; a connection that is
// paused stays so. What is wrong with entries is told as [Problems].
func Put(ctx context.Context, r Registry, add connection.Set, replace bool) ([]Change, error) {
	return apply(ctx, r, put(add, replace))
}

// Remove removes connections, all or none of them.
func Remove(ctx context.Context, r Registry, names []string) ([]Change, error) {
	return apply(ctx, r, remove(names))
}

// RemoveDestinations removes destinations, all or none of them: none that a
// connection has.
func RemoveDestinations(ctx context.Context, r Registry, names []string) ([]Change, error) {
	return apply(ctx, r, removeDestinations(names))
}

// Pause pauses connections, or resumes them.
func Pause(ctx context.Context, r Registry, names []string, paused bool) ([]Change, error) {
	return apply(ctx, r, pause(names, paused))
}

func apply(ctx context.Context, r Registry, e edit) (changes []Change, err error) {
	err = r.Edit(ctx, func(s *connection.Set) (err error) {
		changes, err = e(s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// Pick returns the named connections of a set, all if none is named, with the
// destinations that they have.
func Pick(s connection.Set, names []string) (connection.Set, error) {
	places, err := connectionsOf(&s).find(names)
	if err != nil || len(names) == 0 {
		return s, err
	}
	var picked connection.Set
	for _, i := range places {
		c := s.Connections[i]
		picked.Connections = append(picked.Connections, c)
		has := slices.ContainsFunc(picked.Destinations, func(d connection.Destination) bool { return d.Name == c.Destination })
		if d, ok := s.Destination(c.Destination); ok && !has {
			picked.Destinations = append(picked.Destinations, d)
		}
	}
	return picked, nil
}

// PickDestinations returns the named destinations of a set, all if none is
// named, and no connections.
func PickDestinations(s connection.Set, names []string) (connection.Set, error) {
	places, err := destinationsOf(&s).find(names)
	if err != nil || len(names) == 0 {
		return connection.Set{Destinations: s.Destinations}, err
	}
	var picked connection.Set
	for _, i := range places {
		picked.Destinations = append(picked.Destinations, s.Destinations[i])
	}
	return picked, nil
}

// Sole returns the only destination of a set. The error says which there are.
func Sole(s connection.Set) (connection.Destination, error) {
	switch len(s.Destinations) {
	case 0:
		return connection.Destination{}, errors.New("there is no destination yet; add one, see logferry destination add --help")
	case 1:
		return s.Destinations[0], nil
	}
	return connection.Destination{}, fmt.Errorf("--destination is missing; name one of: %s", destinationsOf(&s).names())
}

// Check returns the error that [Put] would return of the current set, and
// changes nothing.
func Check(current, add connection.Set, replace bool) error {
	current.Connections = slices.Clone(current.Connections)
	current.Destinations = slices.Clone(current.Destinations)
	_, err := put(add, replace)(&current)
	return err
}
