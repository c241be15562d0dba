// Package rowjson writes the rows of a record batch as JSON objects, the way
// they are posted to the Logs Ingestion API and kept in JSON lines files.
//
// A null column is left out. bool is true or false; datetime is RFC 3339, UTC,
// with up to six decimals; dynamic is embedded as the JSON value it holds;
// string is escaped as little as JSON allows. A row never holds a line break.
package rowjson

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/logferry/logferry/pkg/table"
)

// Rows gives access to the rows of one record batch. It is valid as long as
// the record is, and safe for concurrent use.
type Rows struct {
	columns []column
	names   []byte // of the columns
	rows    int
}

// column is a column with values: its name as it goes into a row, and one of
// the typed arrays.
type column struct {
	name  []byte // `,"Name":`
	kind  table.Type
	nulls bool // whether a row may have none
	array arrow.Array

	texts *array.String
	ints  *array.Int32
	longs *array.Int64
	reals *array.Float64
	bools *array.Boolean
	times *array.Timestamp
}

// New reads the columns of a record whose schema is one of package table. An
// error names the column that is not as that package makes it.
func New(record arrow.Record) (*Rows, error) {
	r := new(Rows)
	return r, r.Reset(record)
}

// Reset does as New, in the memory of rows that are not needed any more. After
// an error r has no rows.
func (r *Rows) Reset(record arrow.Record) error {
	r.Clear()
	schema := record.Schema()
	rows := int(record.NumRows())
	r.columns = slices.Grow(r.columns, schema.NumFields())
	for i := range schema.NumFields() {
		f := schema.Field(i)
		kind, _ := f.Metadata.GetValue(table.TypeKey)
		c := column{kind: table.Type(kind), array: record.Column(i)}
		if !c.bind() {
			r.Clear()
			return fmt.Errorf("column %s: Arrow type %s does not fit Log Analytics type %q", f.Name, f.Type, kind)
		}
		nulls := c.array.NullN()
		if nulls == rows {
			continue // as most columns are, of most kinds of rows
		}
		c.nulls = nulls > 0
		start := len(r.names)
		r.names = append(appendString(append(r.names, ','), f.Name), ':')
		c.name = r.names[start:]
		r.columns = append(r.columns, c)
	}
	r.rows = rows
	return nil
}

// Clear leaves no rows in r, so that it does not keep its record.
func (r *Rows) Clear() {
	clear(r.columns)
	r.columns, r.names, r.rows = r.columns[:0], r.names[:0], 0
}

// bind sets the typed array of the column's type and reports whether there is
// one.
func (c *column) bind() (ok bool) {
	switch c.kind {
	case table.String, table.Dynamic:
		c.texts, ok = c.array.(*array.String)
	case table.Int:
		c.ints, ok = c.array.(*array.Int32)
	case table.Long:
		c.longs, ok = c.array.(*array.Int64)
	case table.Real:
		c.reals, ok = c.array.(*array.Float64)
	case table.Bool:
		c.bools, ok = c.array.(*array.Boolean)
	case table.DateTime:
		c.times, ok = c.array.(*array.Timestamp)
		ok = ok && arrow.TypeEqual(c.times.DataType(), arrow.FixedWidthTypes.Timestamp_us)
	}
	return ok
}

// Len returns the number of rows.
func (r *Rows) Len() int { return r.rows }

// AppendRow appends the row as a JSON object to dst and returns it.
func (r *Rows) AppendRow(dst []byte, row int) []byte {
	start := len(dst)
	for i := range r.columns {
		c := &r.columns[i]
		if c.nulls && c.array.IsNull(row) {
			continue
		}
		named := len(dst)
		dst = append(dst, c.name...)
		value := len(dst)
		if dst = c.appendValue(dst, row); len(dst) == value {
			dst = dst[:named] // a value that JSON cannot say is left out
		}
	}
	if len(dst) == start {
		return append(dst, '{', '}')
	}
	dst[start] = '{' // in place of the first column's comma
	return append(dst, '}')
}
