package registry

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/logferry/logferry/pkg/connection"
)

// merge returns the document with what a file has.
func (r *Registry) merge(d document, file connection.Set, prune bool) document {
	var next document
	next.Destinations, next.Files.Destinations = blend(d.Destinations, file.Destinations, d.Files.Destinations, prune,
		func(d connection.Destination) string { return d.Name }, nil)
	next.Connections, next.Files.Connections = blend(d.Connections, file.Connections, d.Files.Connections, prune,
		func(c connection.Connection) string { return c.Name },
		func(old, new connection.Connection) connection.Connection {
			new.Paused = new.Paused || old.Paused
			return new
		})
	for _, c := range file.Connections {
		if _, there := d.Connection(c.Name); there && !slices.Contains(d.Files.Connections, c.Name) {
			r.log.Warn("a connection that a command added is in the configuration file now, which counts", "connection", c.Name)
		}
	}
	return next
}

// blend returns the entries of a document with those of a file in their places,
// and the names of all that come from a file. keep says what of an entry that is
// there outlives the one in the file; nil: nothing.
func blend[T any](there, file []T, known []string, prune bool, name func(T) string, keep func(old, new T) T) (all []T, fromFile []string) {
	in := map[string]T{}
	for _, e := range file {
		in[name(e)] = e
		fromFile = append(fromFile, name(e))
	}
	for _, old := range there {
		e, given := in[name(old)]
		switch {
		case given && keep != nil:
			e = keep(old, e)
		case given:
		case slices.Contains(known, name(old)) && prune:
			continue
		default:
			e = old
			if slices.Contains(known, name(old)) {
				fromFile = append(fromFile, name(old))
			}
		}
		all = append(all, e)
		delete(in, name(old))
	}
	for _, e := range file {
		if _, left := in[name(e)]; left {
			all = append(all, e)
		}
	}
	slices.Sort(fromFile)
	return all, fromFile
}

// guard refuses a change of what comes from a file, but for its pause.
func (n names) guard(before, after connection.Set) error {
	var refused []error
	for _, name := range n.Connections {
		old, was := before.Connection(name)
		now, is := after.Connection(name)
		now.Paused = old.Paused
		if was && (!is || !reflect.DeepEqual(old, now)) {
			refused = append(refused, errInFile(KindConnection, name))
		}
	}
	for _, name := range n.Destinations {
		old, was := before.Destination(name)
		if now, is := after.Destination(name); was && (!is || !reflect.DeepEqual(old, now)) {
			refused = append(refused, errInFile(KindDestination, name))
		}
	}
	return errors.Join(refused...)
}

func errInFile(kind, name string) error {
	return fmt.Errorf("%s %s comes from a configuration file; change it in that file and start the services again", kind, name)
}

func joinLines(lines []string) string { return strings.Join(lines, "\n") }
