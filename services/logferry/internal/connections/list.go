package connections

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/logferry/logferry/pkg/connection"
)

// Forms of a list.
const (
	Text      = "text"
	JSONLines = "json"
)

// Where an entry comes from.
const (
	fromFile    = "file"
	fromCommand = "command"
)

// InFile reports whether an entry comes from a configuration file.
type InFile func(k Kind, name string) bool

func (f InFile) from(k Kind, name string) string {
	if f(k, name) {
		return fromFile
	}
	return fromCommand
}

// connectionRow is a connection in a list. The keys are stable.
type connectionRow struct {
	Name        string   `json:"name"`
	State       string   `json:"state"`
	Queues      []string `json:"queues"`
	Lookup      bool     `json:"lookup,omitempty"`
	Table       string   `json:"table"`
	Destination string   `json:"destination"`
	From        string   `json:"from"`
}

// reads tells what the connection reads.
func (r connectionRow) reads() string {
	sources := r.Queues
	if r.Lookup {
		sources = append(slices.Clone(sources), "event history")
	}
	return words(sources)
}

// List writes the connections of a set by their names: as a table, or as a JSON
// object a line.
func List(w io.Writer, s connection.Set, in InFile, form string) error {
	var rows []connectionRow
	for _, c := range s.Connections {
		state := "running"
		if c.Paused {
			state = "paused"
		}
		rows = append(rows, connectionRow{c.Name, state, append([]string{}, c.Queues()...), c.Lookup.IsSet(), cmp.Or(c.Table, connection.Auto), c.Destination, in.from(Connection, c.Name)})
	}
	slices.SortFunc(rows, func(a, b connectionRow) int { return strings.Compare(a.Name, b.Name) })
	return writeRows(w, form, rows, "NAME\tSTATE\tTABLE\tDESTINATION\tFROM\tREADS", func(r connectionRow) string {
		return strings.Join([]string{r.Name, r.State, r.Table, r.Destination, r.From, r.reads()}, "\t")
	})
}

// destinationRow is a destination in a list. The keys are stable.
type destinationRow struct {
	Name string `json:"name"`
	// To is the endpoint or the directory.
	To string `json:"to"`
	// Tables are those that it takes; of a directory, all.
	Tables      []string `json:"tables"`
	Connections []string `json:"connections"`
	From        string   `json:"from"`
}

// ListDestinations writes the destinations of a set by their names, as [List].
// known are the tables that there are.
func ListDestinations(w io.Writer, s connection.Set, in InFile, known []string, form string) error {
	var rows []destinationRow
	for _, d := range s.Destinations {
		r := destinationRow{d.Name, cmp.Or(d.Directory, d.Endpoint), d.TablesOf(known), []string{}, in.from(Destination, d.Name)}
		for _, c := range s.Connections {
			if c.Destination == d.Name {
				r.Connections = append(r.Connections, c.Name)
			}
		}
		slices.Sort(r.Connections)
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b destinationRow) int { return strings.Compare(a.Name, b.Name) })
	return writeRows(w, form, rows, "NAME\tTO\tTABLES\tCONNECTIONS\tFROM", func(r destinationRow) string {
		return strings.Join([]string{r.Name, r.To, words(r.Tables), words(r.Connections), r.From}, "\t")
	})
}

// words returns the words as one column.
func words(list []string) string { return cmp.Or(strings.Join(list, ","), "-") }

func writeRows[R any](w io.Writer, form string, rows []R, head string, line func(R) string) error {
	if form == JSONLines {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		for _, r := range rows {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(rows) > 0 {
		fmt.Fprintln(t, head)
	}
	for _, r := range rows {
		fmt.Fprintln(t, line(r))
	}
	return t.Flush()
}
