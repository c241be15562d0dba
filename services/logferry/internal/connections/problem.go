package connections

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
)

// Problem is one thing that is wrong with a connection or destination.
type Problem struct {
	Kind Kind
	// Name says of which, Key at what: queue_urls[1].
	Name, Key string
	// Text says what is wrong, and what to write instead.
	Text string
}

// String tells the problem as it is told of a file.
func (p Problem) String() string {
	return fmt.Sprintf("%s %s: %s: %s", p.Kind, p.Name, p.Key, p.Text)
}

// Problems is all that is wrong with a change, as an error: one problem a line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// ByFlags tells the problems of an error by the flags that set the keys of the
// entry with this name: queue_urls[1] by --queue-url. flags names those whose
// name does not follow from the key.
func ByFlags(err error, kind Kind, name string, flags map[string]string) error {
	problems, ok := errors.AsType[Problems](err)
	if !ok {
		return err
	}
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.String()
		if p.Kind == kind && p.Name == name {
			lines[i] = flag(p.Key, flags) + ": " + p.Text
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

// flag returns the flag that sets a key.
func flag(key string, flags map[string]string) string {
	if key == "name" {
		return "NAME"
	}
	key, _, _ = strings.Cut(key, "[")
	if named, ok := flags[key]; ok {
		return named
	}
	if table, ok := strings.CutPrefix(key, "tables."); ok {
		table, _, _ = strings.Cut(table, ".")
		return "--tables " + table
	}
	return "--" + strings.ReplaceAll(strings.TrimPrefix(key, "credential."), "_", "-")
}

// check returns what is wrong with the entries of a set, as Problems, or nil.
func check(s connection.Set) error {
	var problems Problems
	connection.Validate(s.Destinations, s.Connections, all.Formats().Tables(), func(key, text string) {
		place := element.FindStringSubmatch(key)
		if place == nil {
			return // of the set: an empty one is fine, it grows
		}
		kind, name := entry(s, place[1], place[2])
		problems = append(problems, Problem{kind, name, place[3], named(s, text)})
	})
	if len(problems) == 0 {
		return nil
	}
	return problems
}

var (
	// element is a key of one entry, which it names by its place.
	element = regexp.MustCompile(`^(connections|destinations)\[(\d+)\]\.(.+)$`)
	// mention is an entry in a text.
	mention = regexp.MustCompile(`(connections|destinations)\[(\d+)\]`)
)

// entry returns kind and name of the entry at a place.
func entry(s connection.Set, list, place string) (kind Kind, name string) {
	i, err := strconv.Atoi(place)
	switch {
	case err == nil && list == "connections" && i < len(s.Connections):
		return Connection, cmp.Or(s.Connections[i].Name, "without a name")
	case err == nil && list == "destinations" && i < len(s.Destinations):
		return Destination, cmp.Or(s.Destinations[i].Name, "without a name")
	}
	return Kind(list), place
}

// named returns a text with the names of the entries that it mentions.
func named(s connection.Set, text string) string {
	return mention.ReplaceAllStringFunc(text, func(m string) string {
		parts := mention.FindStringSubmatch(m)
		kind, name := entry(s, parts[1], parts[2])
		return string(kind) + " " + name
	})
}
