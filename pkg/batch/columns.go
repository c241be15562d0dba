package batch

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// columns makes the columns of a record batch where they lie, in a part of body
// that begins at start. It believes no number that it has not checked.
type columns struct {
	recordBatch
	body        *memory.Buffer
	start, size int
	arrays      []arrow.Array
	taken       int                            // buffers
	empty       map[arrow.DataType]arrow.Array // columns without a value, by type
}

func (c *columns) record(schema *arrow.Schema) (arrow.Record, error) {
	if c.compressed {
		return nil, errors.New("its buffers are compressed one by one; a body is compressed as a whole")
	}
	if c.rows < 0 || c.rows > 8*int64(c.size) { // of no type are rows smaller than a bit
		return nil, fmt.Errorf("%d rows in %d bytes", c.rows, c.size)
	}
	if c.columns.len() != schema.NumFields() {
		return nil, fmt.Errorf("%d columns; the schema has %d", c.columns.len(), schema.NumFields())
	}
	c.arrays = make([]arrow.Array, 0, schema.NumFields())
	defer func() {
		for _, a := range c.arrays {
			a.Release()
		}
		for _, a := range c.empty {
			a.Release()
		}
	}()
	for i := range schema.NumFields() { // Fields would copy them
		f := schema.Field(i)
		if err := c.column(i, f.Type); err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
	}
	return array.NewRecord(schema, c.arrays, c.rows), nil
}

// column adds the column of that number and type.
func (c *columns) column(i int, kind arrow.DataType) error {
	length, nulls := c.columns.at(i)
	if length != c.rows || nulls < 0 || nulls > length {
		return fmt.Errorf("%d values, %d of them null, in %d rows", length, nulls, c.rows)
	}
	if nulls == length && c.rows > 0 {
		return c.emptyColumn(kind)
	}
	buffers, err := c.columnBuffers(kind, nulls)
	defer memory.ReleaseBuffers(buffers)
	if err != nil {
		return err
	}
	data := array.NewData(kind, int(length), buffers, nil, int(nulls), 0)
	defer data.Release()
	c.arrays = append(c.arrays, array.MakeFromData(data))
	return nil
}

// emptyColumn adds a column without a value. All of a type are one array: half
// of a table's columns are such, and in a batch of few rows they would cost as
// much as the others.
func (c *columns) emptyColumn(kind arrow.DataType) error {
	c.taken += 2
	if _, ok := kind.(arrow.FixedWidthDataType); !ok {
		c.taken++
	}
	if c.taken > c.buffers.len() {
		return fmt.Errorf("there are only %d buffers", c.buffers.len())
	}
	a := c.empty[kind]
	if a == nil {
		if c.empty == nil {
			c.empty = make(map[arrow.DataType]arrow.Array)
		}
		a = array.MakeArrayOfNull(memory.DefaultAllocator, kind, int(c.rows))
		c.empty[kind] = a
	}
	a.Retain()
	c.arrays = append(c.arrays, a)
	return nil
}

// columnBuffers takes the buffers of a column: which values there are, unless
// all are; then the values, or the offsets of the values and their bytes.
func (c *columns) columnBuffers(kind arrow.DataType, nulls int64) (buffers []*memory.Buffer, err error) {
	buffers = make([]*memory.Buffer, 1, 3)
	if nulls == 0 {
		c.taken++
	} else if buffers[0], err = c.buffer(c.rows); err != nil {
		return buffers, err
	}
	bits := 32 * (c.rows + 1)
	fixed, ok := kind.(arrow.FixedWidthDataType)
	if ok {
		bits = c.rows * int64(fixed.BitWidth())
	} else if c.rows == 0 {
		bits = 0
	}
	values, err := c.buffer(bits)
	if err != nil {
		return buffers, err
	}
	buffers = append(buffers, values)
	if ok {
		return buffers, nil
	}
	text, err := c.buffer(0)
	if err != nil {
		return buffers, err
	}
	return append(buffers, text), checkOffsets(values, c.rows, text.Len())
}

// checkOffsets checks that each value ends where it begins or later, and the
// last before the end of the bytes.
func checkOffsets(offsets *memory.Buffer, rows int64, size int) error {
	if rows == 0 {
		return nil
	}
	end := int32(0)
	for i, at := range arrow.Int32Traits.CastFromBytes(offsets.Bytes())[:rows+1] {
		if at < end {
			return fmt.Errorf("value %d begins before its predecessor ends", i)
		}
		end = at
	}
	if int(end) > size {
		return fmt.Errorf("the values end at %d, beyond their %d bytes", end, size)
	}
	return nil
}

// buffer takes the next buffer, which must hold so many bits.
func (c *columns) buffer(bits int64) (*memory.Buffer, error) {
	if c.taken >= c.buffers.len() {
		return nil, fmt.Errorf("there are only %d buffers", c.buffers.len())
	}
	offset, length := c.buffers.at(c.taken)
	c.taken++
	switch {
	case offset < 0 || length < 0 || offset > int64(c.size) || length > int64(c.size)-offset:
		return nil, fmt.Errorf("%d bytes at %d of %d", length, offset, c.size)
	case length < (bits+7)/8:
		return nil, fmt.Errorf("%d bytes; %d are needed", length, (bits+7)/8)
	case length > 0 && (int64(c.start)+offset)%8 != 0:
		return nil, fmt.Errorf("%d bytes at %d: not aligned", length, offset)
	}
	return memory.SliceBuffer(c.body, c.start+int(offset), int(length)), nil
}
