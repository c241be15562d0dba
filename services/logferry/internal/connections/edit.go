package connections

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/logferry/logferry/pkg/connection"
)

// edit changes a set and says what it did. It is called again, on another set,
// when somebody else was quicker.
type edit func(*connection.Set) ([]Change, error)

// entries are the connections or the destinations of a set.
type entries[T any] struct {
	kind Kind
	list *[]T
	name func(T) string
	// keep returns an entry as it takes the place of an older one.
	keep func(entry, older T) T
}

func connectionsOf(s *connection.Set) entries[connection.Connection] {
	return entries[connection.Connection]{
		Connection, &s.Connections, func(c connection.Connection) string { return c.Name },
		func(c, older connection.Connection) connection.Connection {
			c.Paused = c.Paused || older.Paused
			return c
		},
	}
}

func destinationsOf(s *connection.Set) entries[connection.Destination] {
	return entries[connection.Destination]{
		Destination, &s.Destinations, func(d connection.Destination) string { return d.Name },
		func(d, _ connection.Destination) connection.Destination { return d },
	}
}

// at returns the place of the entry with this name, -1 if there is none.
func (e entries[T]) at(name string) int {
	return slices.IndexFunc(*e.list, func(t T) bool { return e.name(t) == name })
}

// names returns all names, or "none".
func (e entries[T]) names() string {
	if len(*e.list) == 0 {
		return "none"
	}
	names := make([]string, len(*e.list))
	for i, t := range *e.list {
		names[i] = e.name(t)
	}
	return strings.Join(names, ", ")
}

// find returns the places of the named entries.
func (e entries[T]) find(names []string) (places []int, err error) {
	var unknown []error
	for _, name := range names {
		i := e.at(name)
		if i < 0 {
			unknown = append(unknown, fmt.Errorf("there is no %s %s; there are: %s", e.kind, name, e.names()))
			continue
		}
		places = append(places, i)
	}
	return places, errors.Join(unknown...)
}

// put adds entries. One that is there already must be the same, or may be
// replaced.
func (e entries[T]) put(add []T, replace bool) (changes []Change, err error) {
	var refused []error
	given := map[string]bool{}
	for _, t := range add {
		name := e.name(t)
		if given[name] {
			refused = append(refused, fmt.Errorf("%s %s is given twice; names are unique", e.kind, name))
			continue
		}
		given[name] = true
		done, err := e.putOne(t, replace)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		changes = append(changes, Change{e.kind, name, done})
	}
	return changes, errors.Join(refused...)
}

func (e entries[T]) putOne(t T, replace bool) (Done, error) {
	i := e.at(e.name(t))
	if i < 0 {
		*e.list = append(*e.list, t)
		return Added, nil
	}
	older := (*e.list)[i]
	t = e.keep(t, older)
	switch {
	case reflect.DeepEqual(t, older):
		return Unchanged, nil
	case !replace:
		return "", fmt.Errorf("%s %s is there already, and is not the same; replace it with --replace, or choose another name", e.kind, e.name(t))
	}
	(*e.list)[i] = t
	return Replaced, nil
}

// remove takes the named entries out.
func (e entries[T]) remove(names []string) (changes []Change, err error) {
	if _, err := e.find(names); err != nil {
		return nil, err
	}
	for _, name := range names {
		if i := e.at(name); i >= 0 { // a name may be given twice
			*e.list = slices.Delete(*e.list, i, i+1)
			changes = append(changes, Change{e.kind, name, Removed})
		}
	}
	return changes, nil
}

// put adds all entries of a set.
func put(add connection.Set, replace bool) edit {
	return func(s *connection.Set) ([]Change, error) {
		destinations, derr := destinationsOf(s).put(add.Destinations, replace)
		connections, cerr := connectionsOf(s).put(add.Connections, replace)
		if err := errors.Join(derr, cerr); err != nil {
			return nil, err
		}
		return slices.Concat(destinations, connections), check(*s)
	}
}

// remove takes connections out.
func remove(names []string) edit {
	return func(s *connection.Set) ([]Change, error) { return connectionsOf(s).remove(names) }
}

// removeDestinations takes destinations out that no connection has.
func removeDestinations(names []string) edit {
	return func(s *connection.Set) ([]Change, error) {
		changes, err := destinationsOf(s).remove(names)
		var refused []error
		for _, c := range s.Connections {
			if slices.Contains(names, c.Destination) {
				refused = append(refused, fmt.Errorf("destination %s is that of the connection %s; remove the connection or give it another destination first", c.Destination, c.Name))
			}
		}
		return changes, errors.Join(err, errors.Join(refused...))
	}
}

// pause pauses or resumes connections.
func pause(names []string, paused bool) edit {
	return func(s *connection.Set) (changes []Change, err error) {
		places, err := connectionsOf(s).find(names)
		if err != nil {
			return nil, err
		}
		done := Resumed
		if paused {
			done = Paused
		}
		for _, i := range places {
			c := &s.Connections[i]
			change := Change{Connection, c.Name, Unchanged}
			if c.Paused != paused {
				c.Paused, change.Done = paused, done
			}
			changes = append(changes, change)
		}
		return changes, nil
	}
}
