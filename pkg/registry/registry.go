// Package registry holds the connections and destinations in force: one
// document on the bus that all processes follow. Configuration files and
// commands both change it, each time as a whole and only to what is valid.
//
//	configuration file ──Apply──┐                     ┌──▶ services
//	                            ├──▶ document (bus) ──┤
//	logferry connection … ─Edit─┘                     └──▶ services elsewhere
package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
)

// Kinds of entries, as [Registry.InFile] takes them.
const (
	KindConnection  = "connection"
	KindDestination = "destination"
)

// document is the text on the bus, a part of a configuration file with the names
// of what comes from one.
type document struct {
	connection.Set `yaml:",inline"`
	Files          names `yaml:"files,omitempty"`
}

// names are the names of entries that come from a configuration file.
type names struct {
	Destinations []string `yaml:"destinations,omitempty"`
	Connections  []string `yaml:"connections,omitempty"`
}

// Registry is the document as this process knows it. It is safe for concurrent
// use.
type Registry struct {
	shared *bus.Document
	tables []string
	log    *slog.Logger

	mu       sync.Mutex
	now      document
	revision uint64
	changed  chan struct{} // closed when now changes
}

// Open reads the document. tables are the names of the tables that have a
// format. A document that cannot be read is an error that names its place.
func Open(ctx context.Context, shared *bus.Document, tables []string, log *slog.Logger) (*Registry, error) {
	r := &Registry{shared: shared, tables: tables, log: log.With("component", "registry"), changed: make(chan struct{})}
	now, revision, err := r.load(ctx)
	if err != nil {
		return nil, err
	}
	r.take(now, revision)
	return r, nil
}

// Current returns the set in force. It is not to be changed.
func (r *Registry) Current() connection.Set {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.Set
}

// Changed returns a channel that is closed when the set in force is another one
// than at the time of the call.
func (r *Registry) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// InFile reports whether the entry comes from a configuration file, where it is
// to be changed.
func (r *Registry) InFile(kind, name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kind == KindDestination {
		return slices.Contains(r.now.Files.Destinations, name)
	}
	return slices.Contains(r.now.Files.Connections, name)
}

// lookInterval is how often it is looked what others have changed. A watcher of
// the bucket would tell sooner, but nothing any more once a server has lost its
// data.
const lookInterval = time.Second

// Follow takes in what other processes change, until ctx ends. What cannot be
// read or is not valid is logged and changes nothing here. A bus that has lost
// the document gets it back.
func (r *Registry) Follow(ctx context.Context) {
	refused, behind, away := uint64(0), false, false
	for fault.Sleep(ctx, lookInterval) == nil {
		text, revision, err := r.shared.Load(ctx)
		known := r.known()
		away = away && err != nil
		switch {
		case err != nil && ctx.Err() == nil:
			if !away {
				r.log.Warn("cannot look up connections and destinations; trying again", "err", err)
			}
			away = true
			continue
		case err != nil || revision == known || revision == refused && revision > 0:
			behind = false
		case revision < known && !behind: // perhaps a replica's, that is a moment late
			behind = true
		case revision == 0:
			r.restore(ctx)
		default:
			behind, refused = false, 0
			if err := r.accept(text, revision); err != nil {
				r.log.Error("connections and destinations stay as they were: what is on the bus cannot be used", "err", err)
				refused = revision
			}
		}
	}
}

// known returns the revision that is in force.
func (r *Registry) known() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revision
}

// accept has what is on the bus in force, if it can be used.
func (r *Registry) accept(text []byte, revision uint64) error {
	now, err := r.read(text, revision)
	if err == nil {
		err = r.check(now.Set)
	}
	if err == nil {
		r.take(now, revision)
	}
	return err
}

// restore stores what is in force on a bus that has none.
func (r *Registry) restore(ctx context.Context) {
	r.mu.Lock()
	now := r.now
	r.mu.Unlock()
	text, err := now.text()
	var revision uint64
	if err == nil {
		revision, err = r.shared.Save(ctx, text, 0)
	}
	switch {
	case err == nil:
		r.log.Error("the bus had lost connections and destinations; they are stored anew")
		r.take(now, revision)
	case !errors.Is(err, bus.ErrStale) && ctx.Err() == nil: // else another process was quicker
		r.log.Warn("cannot store connections and destinations anew; trying again", "err", err)
	}
}

// Apply puts what a configuration file has into the document. With prune,
// entries that came from a file and are not in this one go; what commands added
// stays, unless the file has its name. A connection that was paused by command
// stays so. A file without these keys changes nothing; one where they are empty
// has none.
func (r *Registry) Apply(ctx context.Context, file connection.Set, prune bool) error {
	if file.Connections == nil && file.Destinations == nil {
		return nil
	}
	return r.update(ctx, func(d document) (document, error) { return r.merge(d, file, prune), nil })
}

// Edit has f change a copy of the set, and stores it if it is valid as a whole;
// f is called again when somebody else was quicker. What comes from a file can
// only be paused and resumed.
func (r *Registry) Edit(ctx context.Context, f func(*connection.Set) error) error {
	return r.update(ctx, func(d document) (document, error) {
		before := d.Set
		d.Connections, d.Destinations = slices.Clone(d.Connections), slices.Clone(d.Destinations)
		if err := f(&d.Set); err != nil {
			return d, err
		}
		return d, d.Files.guard(before, d.Set)
	})
}

// update replaces the document by what f makes of it, until nobody was quicker.
func (r *Registry) update(ctx context.Context, f func(document) (document, error)) error {
	for {
		now, revision, err := r.load(ctx)
		if err != nil {
			return err
		}
		next, err := f(now)
		if err == nil {
			err = r.check(next.Set)
		}
		if err != nil {
			return err
		}
		text, err := next.text()
		if err != nil {
			return fmt.Errorf("write %s: %w", r.shared, err)
		}
		if old, err := now.text(); err != nil || revision == 0 || !bytes.Equal(old, text) {
			if revision, err = r.shared.Save(ctx, text, revision); errors.Is(err, bus.ErrStale) {
				continue
			} else if err != nil {
				return err
			}
		}
		if next, err = r.read(text, revision); err != nil { // as the others see it
			return err
		}
		r.take(next, revision)
		return nil
	}
}

// text returns the document as it is stored: the same for what means the same.
func (d document) text() ([]byte, error) { return yaml.Marshal(d) }

// take has the document in force. Its revision may be lower than the one before:
// a bus that lost its data counts anew.
func (r *Registry) take(d document, revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revision = revision
	same := reflect.DeepEqual(r.now.Set, d.Set)
	r.now = d
	if !same {
		close(r.changed)
		r.changed = make(chan struct{})
	}
}

func (r *Registry) load(ctx context.Context) (document, uint64, error) {
	text, revision, err := r.shared.Load(ctx)
	if err != nil {
		return document{}, 0, err
	}
	d, err := r.read(text, revision)
	return d, revision, err
}

// read reads a document. One with keys that this version does not know is
// refused: to store it again would drop them.
func (r *Registry) read(text []byte, revision uint64) (document, error) {
	var d document
	if len(bytes.TrimSpace(text)) == 0 {
		return d, nil
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&d); err != nil {
		return document{}, fmt.Errorf("%s, revision %d, cannot be read; a newer version may have written it, else put an earlier revision back: %w", r.shared, revision, err)
	}
	return d, nil
}

// Problem is what is wrong with one entry.
type Problem struct {
	// Key is its place, such as connections[0].queue_url.
	Key string
	// Text says what is wrong and what to write instead.
	Text string
}

// Problems is the error of a set that is not valid.
type Problems []Problem

func (p Problems) Error() string {
	var lines []string
	for _, one := range p {
		lines = append(lines, one.Key+": "+one.Text)
	}
	return joinLines(lines)
}

// check returns every problem of a set.
func (r *Registry) check(s connection.Set) error {
	var problems Problems
	connection.Validate(s.Destinations, s.Connections, r.tables, func(key, text string) {
		problems = append(problems, Problem{key, text})
	})
	if len(problems) == 0 {
		return nil
	}
	return problems
}
