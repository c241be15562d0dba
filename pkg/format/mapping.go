package format

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/logferry/logferry/pkg/jsontext"
	"github.com/logferry/logferry/pkg/table"
)

// Mapping says which member of a JSON record fills which column. It is made
// from a format's list of columns, which so is schema, mapping and
// documentation at once. A Mapping does not change: share it.
type Mapping struct {
	root    object
	watched int
}

// object is what is known of the members of one object.
type object []member

type member struct {
	name    string
	column  int // of the row, or -1
	kind    table.Type
	watch   int    // index in Filler.Watched, or -1
	members object // to look for inside the value
}

var isPath = regexp.MustCompile(`^[\w-]+(\.[\w-]+)*$`).MatchString

// NewMapping maps those of the columns whose From is the path of a member,
// such as "tlsDetails.cipherSuite", or several with " or " between them. All
// others are left to the format. The members of the record named in watch are
// shown to the format besides, in [Filler.Watched].
//
// It panics when a column is not in the table, which the conformance suite
// rules out.
func NewMapping(tableName string, columns []Column, watch ...string) *Mapping {
	m := &Mapping{watched: len(watch)}
	t, _ := table.Get(tableName)
	for i, c := range columns {
		column, ok := t.Column(c.Name)
		if !ok {
			panic(fmt.Sprintf("mapping: table %s has no column %s", tableName, c.Name))
		}
		for path := range strings.SplitSeq(c.From, " or ") {
			if isPath(path) {
				leaf := m.root.add(strings.Split(path, "."))
				leaf.column, leaf.kind = i, column.Type
			}
		}
	}
	for i, name := range watch {
		m.root.add([]string{name}).watch = i
	}
	return m
}

// add returns the member at the end of the path, which it makes if need be.
func (o *object) add(path []string) *member {
	i := slices.IndexFunc(*o, func(m member) bool { return m.name == path[0] })
	if i < 0 {
		i = len(*o)
		*o = append(*o, member{name: path[0], column: -1, watch: -1})
	}
	m := &(*o)[i]
	if len(path) == 1 {
		return m
	}
	return m.members.add(path[1:])
}

// find returns the index of the member of that name, or -1. It begins to look
// at the index next: the members of records come mostly in the same order.
func (o object) find(name []byte, next int) int {
	for i := next; i < len(o); i++ {
		if o[i].name == string(name) {
			return i
		}
	}
	for i := range min(next, len(o)) {
		if o[i].name == string(name) {
			return i
		}
	}
	return -1
}

// Filler fills rows as its mapping says. It is not safe for concurrent use.
type Filler struct {
	// Watched are the values of the watched members in the last record, as
	// they are in its text; nil for one that is missing or null.
	Watched [][]byte

	mapping *Mapping
	scanner jsontext.Scanner
	record  []byte
	rows    *table.Rows
}

// Filler returns a new filler.
func (m *Mapping) Filler() *Filler {
	return &Filler{mapping: m, Watched: make([][]byte, m.watched)}
}

// Fill fills the columns of the current row from record, which must be a JSON
// object. An error says where it is not valid.
//
// A string column takes the text of a string, and the compact JSON of any
// other value; a dynamic column takes compact JSON. A bool column takes true
// and false, as words or strings; a number column takes numbers, cut to
// integers if need be; a datetime column takes what [Time] takes. Null and
// what a column cannot take leave it as it is. Of members with the same name
// the last that the column can take counts.
func (f *Filler) Fill(record []byte, rows *table.Rows) error {
	clear(f.Watched)
	f.record, f.rows = record, rows
	f.scanner.Reset(record)
	f.object(f.mapping.root)
	f.record, f.rows = nil, nil
	return f.scanner.End()
}

func (f *Filler) object(o object) {
	s := &f.scanner
	next := 0
	for s.Object(); s.Member(); {
		i := o.find(s.Key(), next)
		if i < 0 {
			s.Value()
			continue
		}
		next = i + 1
		m := &o[i]
		kind, start := s.Peek(), s.Offset()
		f.member(m, kind)
		if m.watch >= 0 && kind != 'n' {
			f.Watched[m.watch] = f.record[start:s.Offset()]
		}
	}
}

// member reads the value of a member, whose first byte is kind.
func (f *Filler) member(m *member, kind byte) {
	switch {
	case kind == '{' && m.members != nil:
		f.object(m.members)
	case kind == 'n' || m.column < 0:
		f.scanner.Value()
	default:
		f.set(m, kind == '"')
	}
}

// set sets the column of a member to the next value.
func (f *Filler) set(m *member, quoted bool) {
	s := &f.scanner
	switch m.kind {
	case table.Dynamic:
		f.rows.Text(m.column, s.Compact())
	case table.String:
		f.text(m.column, quoted)
	case table.DateTime:
		f.time(m.column, quoted)
	case table.Bool:
		if is, ok := jsontext.Bool(s.Value()); ok {
			f.rows.Bool(m.column, is)
		}
	case table.Real:
		if n, ok := jsontext.Float(s.Value()); ok {
			f.rows.Real(m.column, n)
		}
	case table.Int, table.Long:
		f.integer(m.column, s.Value())
	}
}

func (f *Filler) text(column int, quoted bool) {
	if quoted {
		f.rows.Text(column, f.scanner.Text())
		return
	}
	f.rows.Text(column, f.scanner.Compact())
}

func (f *Filler) time(column int, quoted bool) {
	if !quoted {
		f.scanner.Value()
		return
	}
	if micros, ok := Time(f.scanner.Text()); ok {
		f.rows.Time(column, micros)
	}
}

func (f *Filler) integer(column int, value []byte) {
	if n, ok := jsontext.Int(value); ok {
		f.rows.Int(column, n)
	} else if len(value) > 0 && (value[0] == '-' || value[0]-'0' <= 9) {
		f.rows.OutOfRange(column)
	}
}

// SetText sets a string column to a value that is no member the mapping knows,
// by the rule of [Filler.Fill]. The value must be valid; nil is as null.
func (f *Filler) SetText(column int, value []byte, rows *table.Rows) {
	f.scanner.Reset(value)
	if kind := f.scanner.Peek(); kind != 0 && kind != 'n' {
		f.rows = rows
		f.text(column, kind == '"')
		f.rows = nil
	}
}
