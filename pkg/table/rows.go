package table

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

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
	rows    int
	touched []int // columns that the current row has set, some perhaps twice
	flaws   Flaws // of committed rows
	pending Flaws // of the current row
}

// column holds the buffers of one column, committed rows first. Exactly one
// of the current row's value or nothing is behind them.
type column struct {
	kind    Type
	text    bool   // of kind String or Dynamic
	rows    int    // committed rows in the buffers; later ones are null
	valid   []byte // bitmap
	nulls   int
	offsets []byte // int32 little-endian, text columns: rows + 1
	data    []byte // text bytes or fixed-width values
	end     int    // length of data in committed rows
	set     bool   // the current row has a value
	truth   bool   // the current row's value of a Bool column
}

// NewRows returns an empty builder for batches of that schema, which must come
// from [Schema].
func NewRows(schema *arrow.Schema) *Rows {
	r := &Rows{schema: schema, columns: make([]column, schema.NumFields())}
	for i, f := range schema.Fields() {
		kind, _ := f.Metadata.GetValue(TypeKey)
		c := &r.columns[i]
		c.kind = Type(kind)
		c.text = c.kind == String || c.kind == Dynamic
	}
	r.reset()
	return r
}

func (r *Rows) reset() {
	r.rows, r.flaws, r.pending = 0, Flaws{}, Flaws{}
	for i := range r.columns {
		c := &r.columns[i]
		// The buffers went to Arrow: start new ones of the size last needed.
		offsets := len(c.offsets)
		*c = column{kind: c.kind, text: c.text, data: make([]byte, 0, len(c.data)), valid: make([]byte, 0, len(c.valid))}
		if c.text {
			c.offsets = binary.LittleEndian.AppendUint32(make([]byte, 0, max(offsets, 4)), 0)
		}
	}
}

// Len returns the number of committed rows.
func (r *Rows) Len() int { return r.rows }

// Schema returns the schema of the batches.
func (r *Rows) Schema() *arrow.Schema { return r.schema }

// RowBytes returns the size of the current row's values, in bytes.
func (r *Rows) RowBytes() int {
	n := 0
	for _, i := range r.touched {
		n += len(r.columns[i].data) - r.columns[i].end
	}
	return n
}

// Text sets a string column, or a dynamic column to a JSON text that the
// caller knows to be valid. Text that is too long is cut and text that is no
// UTF-8 is mended, in a dynamic column also half of a surrogate pair; both are
// counted. A dynamic value that is too long becomes a JSON string of its
// beginning, so that it stays valid JSON.
func (r *Rows) Text(col int, v []byte) {
	c := r.open(col)
	if !utf8.Valid(v) {
		r.pending.BadText++
		c.data = appendMended(c.data, v)
	} else {
		c.data = append(c.data, v...)
	}
	text := c.data[c.end:]
	if c.kind == Dynamic && mendSurrogates(text) {
		r.pending.BadText++
	}
	if len(text) <= MaxValueBytes {
		return
	}
	r.pending.Cut++
	if c.kind == Dynamic {
		c.data = append(c.data[:c.end], cutJSON(text)...)
		return
	}
	c.data = c.data[:c.end+runeCut(text, MaxValueBytes)]
}

// Int sets an int or long column. A number outside the column's range becomes
// null and is counted.
func (r *Rows) Int(col int, v int64) {
	c := r.open(col)
	if c.kind == Long {
		c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
		return
	}
	if v < math.MinInt32 || v > math.MaxInt32 {
		r.OutOfRange(col)
		return
	}
	c.data = binary.LittleEndian.AppendUint32(c.data, uint32(int32(v)))
}

// OutOfRange leaves a number column null and counts it.
func (r *Rows) OutOfRange(col int) {
	r.open(col).set = false
	r.pending.OutOfRange++
}

// Real sets a real column.
func (r *Rows) Real(col int, v float64) {
	c := r.open(col)
	c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(v))
}

// Bool sets a bool column.
func (r *Rows) Bool(col int, v bool) {
	r.open(col).truth = v
}

// Time sets a datetime column, in microseconds since 1970, UTC.
func (r *Rows) Time(col int, micros int64) {
	c := r.open(col)
	c.data = binary.LittleEndian.AppendUint64(c.data, uint64(micros))
}

// open readies a column for the current row's value, dropping an earlier one.
func (r *Rows) open(col int) *column {
	c := &r.columns[col]
	if !c.set {
		c.set = true
		if c.rows < r.rows {
			c.pad(r.rows)
		}
		r.touched = append(r.touched, col)
	}
	c.data = c.data[:c.end]
	return c
}

// pad enters nulls until the buffers hold that many rows.
func (c *column) pad(rows int) {
	n := rows - c.rows
	if n == 0 {
		return
	}
	c.rows = rows
	c.nulls += n
	c.valid = appendZeros(c.valid, (rows+7)/8-len(c.valid))
	switch {
	case c.text:
		for range n {
			c.offsets = binary.LittleEndian.AppendUint32(c.offsets, uint32(c.end))
		}
	case c.kind == Bool:
		c.data = appendZeros(c.data[:c.end], (rows+7)/8-c.end)
	case c.kind == Int:
		c.data = appendZeros(c.data[:c.end], 4*n)
	default:
		c.data = appendZeros(c.data[:c.end], 8*n)
	}
	c.end = len(c.data)
}

// appendBit appends bit number i to a bitmap.
func appendBit(bits []byte, i int, bit bool) []byte {
	if i%8 == 0 {
		bits = append(bits, 0)
	}
	if bit {
		bits[i/8] |= 1 << (i % 8)
	}
	return bits
}

func appendZeros(dst []byte, n int) []byte {
	return append(dst, make([]byte, n)...)
}

// Commit makes the current row final and starts the next.
func (r *Rows) Commit() {
	for _, i := range r.touched {
		r.columns[i].commit()
	}
	r.touched = r.touched[:0]
	r.rows++
	r.flaws.Add(r.pending)
	r.pending = Flaws{}
}

// commit enters the current row's value if there is one.
func (c *column) commit() {
	if !c.set {
		return
	}
	c.valid = appendBit(c.valid, c.rows, true)
	if c.text {
		c.offsets = binary.LittleEndian.AppendUint32(c.offsets, uint32(len(c.data)))
	} else if c.kind == Bool {
		c.data = appendBit(c.data, c.rows, c.truth)
	}
	c.rows++
	c.end, c.set = len(c.data), false
}

// Rollback forgets what was set since the last Commit.
func (r *Rows) Rollback() {
	for _, i := range r.touched {
		c := &r.columns[i]
		c.data, c.set = c.data[:c.end], false
	}
	r.touched = r.touched[:0]
	r.pending = Flaws{}
}

// Take returns the committed rows as a record batch, with what was mended in
// them, and leaves the builder empty. The caller releases the record.
func (r *Rows) Take() (arrow.Record, Flaws) {
	r.Rollback()
	arrays := make([]arrow.Array, len(r.columns))
	for i := range r.columns {
		c := &r.columns[i]
		c.pad(r.rows)
		buffers := []*memory.Buffer{memory.NewBufferBytes(c.valid)}
		if c.nulls == 0 {
			buffers[0] = nil
		}
		if c.text {
			buffers = append(buffers, memory.NewBufferBytes(c.offsets))
		}
		buffers = append(buffers, memory.NewBufferBytes(c.data))
		data := array.NewData(r.schema.Field(i).Type, r.rows, buffers, nil, c.nulls, 0)
		arrays[i] = array.MakeFromData(data)
		data.Release()
	}
	record := array.NewRecord(r.schema, arrays, int64(r.rows))
	for _, a := range arrays {
		a.Release()
	}
	flaws := r.flaws
	r.reset()
	return record, flaws
}
