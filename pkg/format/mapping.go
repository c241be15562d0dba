package format

import (
	"fmt"
	"regexp"
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
	order   int // the length of Filler.order
}

// object is what is known of the members of one object.
type object struct {
	keys    jsontext.Keys
	members []member // by index of their key
	order   int      // where this object's part of Filler.order begins
}

type member struct {
	column int // of the row, or -1
	kind   table.Type
	watch  int     // index in Filler.Watched, or -1
	object *object // to look for inside the value
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
	m.order = m.root.place(0)
	return m
}

// add returns the member at the end of the path, which it makes if need be.
func (o *object) add(path []string) *member {
	i := o.keys.Index([]byte(path[0]))
	if i < 0 {
		i = len(o.members)
		o.keys.Add(path[0])
		o.members = append(o.members, member{column: -1, watch: -1})
	}
	m := &o.members[i]
	if len(path) == 1 {
		return m
	}
	if m.object == nil {
		m.object = &object{}
	}
	return m.object.add(path[1:])
}

// place gives the object and those inside it their parts of Filler.order, the
// first at the given index, and returns the index behind the last.
func (o *object) place(order int) int {
	o.order = order
	order += 1 + len(o.members)
	for _, m := range o.members {
		if m.object != nil {
			order = m.object.place(order)
		}
	}
	return order
}

// Filler fills rows as its mapping says. It is not safe for concurrent use.
type Filler struct {
	// Watched are the values of the watched members in the last record, as
	// they are in its text; nil for one that is missing or null.
	Watched [][]byte

	mapping *Mapping
	// order is what the last records taught of the order of members, which is
	// mostly the same: for each object the member that came first, and behind
	// it, for each member, the one that came next.
	order   []int
	scanner jsontext.Scanner
	record  []byte
	rows    *table.Rows
}

// Filler returns a new filler.
func (m *Mapping) Filler() *Filler {
	return &Filler{mapping: m, Watched: make([][]byte, m.watched), order: make([]int, m.order)}
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
	f.object(&f.mapping.root)
	f.record, f.rows = nil, nil
	return f.scanner.End()
}

func (f *Filler) object(o *object) {
	s := &f.scanner
	order := f.order[o.order:]
	next := &order[0]
	for s.Object(); ; {
		i, ok := s.MemberOf(&o.keys, *next)
		if !ok {
			return
		}
		if i < 0 {
			s.Value()
			continue
		}
		*next = i
		next = &order[1+i]
		m := &o.members[i]
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
	case kind == '"' && m.kind == table.String:
		f.rows.Text(m.column, f.scanner.Text())
	case kind == '{' && m.object != nil:
		f.object(m.object)
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
