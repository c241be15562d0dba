package table

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// layout is how a column keeps its values.
type layout uint8

const (
	asText layout = iota // bytes in data, their ends in small
	asJSON               // the same, of a dynamic column
	as32                 // in small
	as64                 // in wide
	asBits               // in data
)

func layoutOf(kind Type) layout {
	switch kind {
	case String:
		return asText
	case Dynamic:
		return asJSON
	case Int:
		return as32
	case Bool:
		return asBits
	default:
		return as64
	}
}

// column holds the buffers of one column. They have an entry, value or null,
// for each of its rows: the committed ones, or fewer, when the later ones are
// null, or one more, when the current row has a value.
type column struct {
	mem    memory.Allocator
	kind   arrow.DataType
	layout layout
	rows   int
	small  []int32 // numbers, or the ends of texts with a 0 before them
	wide   []int64 // numbers of 64 bits, whatever they mean
	data   []byte  // texts, or the bits of truth values
	// valid tells values from nulls in the first known rows; all behind them
	// are values. So a value costs no bit of its own, and a column without
	// nulls has no bitmap.
	valid []byte
	known int
	nulls int
}

// newColumn returns an empty column with buffers as large as those that like
// has filled.
func newColumn(like *column) column {
	c := column{
		mem:    like.mem,
		kind:   like.kind,
		layout: like.layout,
		small:  arrow.Int32Traits.CastFromBytes(block(like.mem, 4*len(like.small)))[:0],
		wide:   arrow.Int64Traits.CastFromBytes(block(like.mem, 8*len(like.wide)))[:0],
		data:   block(like.mem, len(like.data))[:0],
		valid:  block(like.mem, len(like.valid))[:0],
	}
	if c.isText() {
		c.small = append(c.small, 0)
	}
	return c
}

// minBlock is the size from which memory is asked of the allocator: small
// buffers, of which there are many in a batch of few rows, would waste it.
const minBlock = 2048

// block returns room for so many bytes and for half as many more: the next
// batch is seldom just like the last.
func block(mem memory.Allocator, size int) []byte {
	size += size / 2
	if size < minBlock {
		return make([]byte, size&^7)
	}
	b := mem.Allocate(size)
	return b[:cap(b)]
}

func (c *column) isText() bool { return c.layout == asText || c.layout == asJSON }

// pad enters nulls until the column has that many rows.
func (c *column) pad(rows int) {
	n := rows - c.rows
	if n == 0 {
		return
	}
	c.know(c.rows)
	c.valid = appendZeros(c.valid, bitmapBytes(rows)-len(c.valid))
	c.known = rows
	c.nulls += n
	switch c.layout {
	case asText, asJSON:
		for range n {
			c.small = append(c.small, int32(len(c.data)))
		}
	case as32:
		c.small = appendZeros(c.small, n)
	case as64:
		c.wide = appendZeros(c.wide, n)
	case asBits:
		c.data = appendZeros(c.data, bitmapBytes(rows)-len(c.data))
	}
	c.rows = rows
}

// know enters in the bitmap that the rows behind the known ones have values,
// up to that row.
func (c *column) know(rows int) {
	c.valid = appendZeros(c.valid, bitmapBytes(rows)-len(c.valid))
	bitutil.SetBitsTo(c.valid, int64(c.known), int64(rows-c.known), true)
	c.known = rows
}

// drop takes the last value back. It returns the value's size in bytes.
func (c *column) drop() (size int) {
	c.rows--
	switch c.layout {
	case asText, asJSON:
		end := c.small[c.rows]
		size = len(c.data) - int(end)
		c.small, c.data = c.small[:c.rows+1], c.data[:end]
	case as32:
		size = 4
		c.small = c.small[:c.rows]
	case as64:
		size = 8
		c.wide = c.wide[:c.rows]
	case asBits:
		c.data = c.data[:bitmapBytes(c.rows)]
		if c.rows%8 != 0 {
			bitutil.ClearBit(c.data, c.rows)
		}
	}
	return size
}

// take hands the column to Arrow, with nulls up to that many rows, and leaves
// it empty.
func (c *column) take(rows int) arrow.Array {
	c.pad(rows)
	if c.nulls > 0 {
		c.know(rows)
	}
	taken := c.array(rows, c.nulls, c.buffers())
	*c = newColumn(c)
	return taken
}

// null returns that many rows without a value. The zeros are what stands in all
// their buffers; there are enough for the largest.
func (c *column) null(rows int, zeros []byte) arrow.Array {
	return c.array(rows, rows, nullBuffers(c.layout, rows, zeros))
}

func (c *column) array(rows, nulls int, buffers []*memory.Buffer) arrow.Array {
	data := array.NewData(c.kind, rows, buffers, nil, nulls, 0)
	defer memory.ReleaseBuffers(buffers)
	defer data.Release()
	return array.MakeFromData(data)
}

// buffers returns the column's buffers as Arrow has them.
func (c *column) buffers() []*memory.Buffer {
	buffers := make([]*memory.Buffer, 1, 3)
	if c.nulls > 0 {
		buffers[0] = c.buffer(c.valid)
	}
	switch c.layout {
	case asText, asJSON:
		return append(buffers, c.buffer(arrow.Int32Traits.CastToBytes(c.small)), c.buffer(c.data))
	case as32:
		return append(buffers, c.buffer(arrow.Int32Traits.CastToBytes(c.small)))
	case as64:
		return append(buffers, c.buffer(arrow.Int64Traits.CastToBytes(c.wide)))
	default:
		return append(buffers, c.buffer(c.data))
	}
}

func (c *column) buffer(b []byte) *memory.Buffer { return memory.NewBufferWithAllocator(b, c.mem) }

// nullBuffers returns the buffers of a column that has no value.
func nullBuffers(l layout, rows int, zeros []byte) []*memory.Buffer {
	valid := memory.NewBufferBytes(zeros[:bitmapBytes(rows)])
	switch l {
	case asText, asJSON:
		return []*memory.Buffer{valid, memory.NewBufferBytes(zeros[:4*(rows+1)]), memory.NewBufferBytes(nil)}
	case as32:
		return []*memory.Buffer{valid, memory.NewBufferBytes(zeros[:4*rows])}
	case as64:
		return []*memory.Buffer{valid, memory.NewBufferBytes(zeros[:8*rows])}
	default:
		return []*memory.Buffer{valid, valid}
	}
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

func appendZeros[T any](dst []T, n int) []T { return append(dst, make([]T, n)...) }

func bitmapBytes(rows int) int { return (rows + 7) / 8 }
