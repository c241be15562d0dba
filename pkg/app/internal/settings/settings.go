// Package settings reads a configuration into a struct: a YAML file first, the
// environment over it. The struct's yaml tags are the only description of the
// keys there is. Everything that is wrong is collected and told at once, each
// problem with its key and the place it was written at. Values are never part
// of a message, since one of them may be a secret.
package settings

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Place is where it was written: "logferry.yaml:14", or the name of a
	// variable of the environment.
	Place string
	// Key is the key's path, such as connections[0].queue_url; empty when the
	// problem is not with one key.
	Key string
	// Text says what is wrong and what to write instead.
	Text string
}

func (p Problem) String() string {
	if p.Key == "" {
		return p.Place + ": " + p.Text
	}
	return p.Place + ": " + p.Key + ": " + p.Text
}

// Problems is all that is wrong with a configuration, as an error: one problem
// a line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Source is where the values of a configuration come from.
type Source struct {
	file     string
	places   map[string]string // by key: where its value was written
	problems Problems
}

// Read fills config, a pointer to a struct that holds the defaults, from the
// text of a YAML file and from the environment (see os.Environ). The file's
// name is for messages only. The error is [Problems] too: the text is no YAML,
// so nothing could be read. Whatever else is wrong the source knows.
func Read(file string, text []byte, environ []string, config any) (*Source, error) {
	s := &Source{file: file, places: map[string]string{}}
	if err := s.readYAML(text, config); err != nil {
		return nil, err
	}
	s.readEnviron(environ, config)
	return s, nil
}

// Report adds a problem with the key's value.
func (s *Source) Report(key, text string) {
	s.problems = append(s.problems, Problem{s.place(key), key, text})
}

// Err returns nil, or all problems as [Problems].
func (s *Source) Err() error {
	if len(s.problems) == 0 {
		return nil
	}
	return s.problems
}

// place finds where the key, or the nearest key around it, was written.
func (s *Source) place(key string) string {
	for key != "" {
		if p, ok := s.places[key]; ok {
			return p
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return s.file
}

func (s *Source) line(n int) string { return fmt.Sprintf("%s:%d", s.file, n) }

// join appends a name to a key.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
