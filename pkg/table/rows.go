package table

import (
	"bytes"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// MaxValueBytes is the longest text the Logs Ingestion API stores in one
// column; the service cuts longer text silently, so [Rows] cuts it first, on a
// rune boundary, and counts it. (64 KB: Azure Monitor service limits.)
const MaxValueBytes = 64 * 1024

// Flaws counts what had to be mended to fit values into their columns.
type Flaws struct {
	// Cut counts texts longer than [MaxValueBytes].
	Cut int
	// OutOfRange counts numbers that do not fit their column and became null.
	OutOfRange int
	// BadText counts texts with bytes that are no UTF-8, replaced by U+FFFD.
	BadText int
}

// Add adds o to f.
func (f *Flaws) Add(o Flaws) {
	f.Cut += o.Cut
	f.OutOfRange += o.OutOfRange
	f.BadText += o.BadText
}

// Rows builds the Arrow record batch of a table, row by row. Setters fill the
// current row; [Rows.Commit] makes it final and [Rows.Rollback] forgets it
// whole, so that a record that turns out bad leaves no trace. A column that is
// not set is null. Setting a column twice keeps the later value.
//
// Values are appended straight to column buffers that are handed to Arrow
// without a copy. A row costs only the columns that it sets: the nulls of the
// others are entered when a column is set again, or at the end. Rows is not
// safe for concurrent use.
type Rows struct {
	schema  *arrow.Schema
	columns []column
	rows    int    // committed rows
	bytes   int    // of the current row's values
	flaws   Flaws  // of committed rows
	pending Flaws  // of the current row
	zeros   []byte // all columns without a value share them
}

// NewRows returns an empty builder for batches of that schema, which must come
// from [Schema].
func NewRows(schema *arrow.Schema) *Rows { return NewRowsIn(memory.DefaultAllocator, schema) }

// NewRowsIn is NewRows with memory from mem, which gets it back when the batches
// are released: for the most part, and with blocks that are not its own. A pool
// takes that; an allocator that keeps account does not.
func NewRowsIn(mem memory.Allocator, schema *arrow.Schema) *Rows {
	r := &Rows{schema: schema, columns: make([]column, schema.NumFields())}
	for i, f := range schema.Fields() {
		kind, _ := f.Metadata.GetValue(TypeKey)
		r.columns[i] = newColumn(&column{mem: mem, kind: f.Type, layout: layoutOf(Type(kind))})
	}
	return r
}

// Len returns the number of committed rows.
func (r *Rows) Len() int { return r.rows }

// Schema returns the schema of the batches.
func (r *Rows) Schema() *arrow.Schema { return r.schema }

// RowBytes returns the size of the current row's values, in bytes.
func (r *Rows) RowBytes() int { return r.bytes }

// Text sets a string column, or a dynamic column to a JSON text that the
// caller knows to be valid. Text that is too long is cut and text that is no
// UTF-8 is mended, in a dynamic column also half of a surrogate pair; both are
// counted. A dynamic value that is too long becomes a JSON string of its
// beginning, so that it stays valid JSON.
func (r *Rows) Text(col int, v []byte) {
	c := r.open(col)
	begin := len(c.data)
	// Most texts fit as they are. They are copied to where there is room,
	// without what an append does besides; all else is for appendFit.
	if end := begin + len(v); end <= cap(c.data) && len(v) <= MaxValueBytes && isASCII(v) &&
		(c.layout != asJSON || bytes.IndexByte(v, '\\') < 0) {
		c.data = c.data[:end]
		copy(c.data[begin:], v)
	} else {
		c.data = r.pending.appendFit(c.data, v, c.layout)
	}
	c.small = append(c.small, int32(len(c.data)))
	c.rows++
	r.bytes += len(c.data) - begin
}

// Int sets an int or long column. A number outside the column's range becomes
// null and is counted.
func (r *Rows) Int(col int, v int64) {
	c := r.open(col)
	switch {
	case c.layout == as64:
		c.wide = append(c.wide, v)
		r.bytes += 8
	case int64(int32(v)) == v:
		c.small = append(c.small, int32(v))
		r.bytes += 4
	default:
		r.pending.OutOfRange++
		return
	}
	c.rows++
}

// OutOfRange leaves a number column null and counts it.
func (r *Rows) OutOfRange(col int) {
	r.open(col)
	r.pending.OutOfRange++
}

// Real sets a real column.
func (r *Rows) Real(col int, v float64) { r.long(col, int64(math.Float64bits(v))) }

// Bool sets a bool column.
func (r *Rows) Bool(col int, v bool) {
	c := r.open(col)
	c.data = appendBit(c.data, c.rows, v)
	c.rows++
}

// Time sets a datetime column, in microseconds since 1970, UTC.
func (r *Rows) Time(col int, micros int64) { r.long(col, micros) }

func (r *Rows) long(col int, v int64) {
	c := r.open(col)
	c.wide = append(c.wide, v)
	c.rows++
	r.bytes += 8
}

// open readies a column for the current row's value: the caller appends it and
// counts the row.
func (r *Rows) open(col int) *column {
	c := &r.columns[col]
	if c.rows != r.rows {
		r.align(c)
	}
	return c
}

// align makes a column hold the committed rows, neither fewer nor more: it
// enters nulls, or drops an earlier value of the current row.
func (r *Rows) align(c *column) {
	if c.rows > r.rows {
		r.bytes -= c.drop()
	} else {
		c.pad(r.rows)
	}
}

// Commit makes the current row final and starts the next.
func (r *Rows) Commit() {
	r.rows++
	r.bytes = 0
	r.flaws.Add(r.pending)
	r.pending = Flaws{}
}

// Rollback forgets what was set since the last Commit.
func (r *Rows) Rollback() {
	for i := range r.columns {
		if c := &r.columns[i]; c.rows > r.rows {
			c.drop()
		}
	}
	r.bytes = 0
	r.pending = Flaws{}
}

// Take returns the committed rows as a record batch, with what was mended in
// them, and leaves the builder empty. The caller releases the record.
func (r *Rows) Take() (arrow.Record, Flaws) {
	r.Rollback()
	arrays := r.arrays()
	record := array.NewRecord(r.schema, arrays, int64(r.rows))
	for _, a := range arrays {
		a.Release()
	}
	flaws := r.flaws
	r.rows, r.flaws = 0, Flaws{}
	return record, flaws
}

// arrays takes the columns. Those of one type without a value are one array.
func (r *Rows) arrays() []arrow.Array {
	if need := 8 * (r.rows + 1); len(r.zeros) < need {
		r.zeros = make([]byte, need)
	}
	arrays := make([]arrow.Array, len(r.columns))
	nulls := make(map[arrow.DataType]arrow.Array)
	for i := range r.columns {
		c := &r.columns[i]
		switch {
		case c.rows > 0:
			arrays[i] = c.take(r.rows)
		case nulls[c.kind] != nil:
			arrays[i] = nulls[c.kind]
			arrays[i].Retain()
		default:
			arrays[i] = c.null(r.rows, r.zeros)
			nulls[c.kind] = arrays[i]
		}
	}
	return arrays
}
