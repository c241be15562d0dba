package batch

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v17/arrow"
)

// layout is what Arrow's writer has said of the first batch of a schema. Of the
// next ones only the numbers differ: rows, nulls, and where each buffer lies. So
// they are written into a copy of it.
type layout struct {
	meta    []byte // of a record batch, up to its body
	rows    int    // places in meta
	length  int
	columns int
	buffers int
}

// newLayout takes the metadata of a batch with rows: of one without, numbers are
// left out.
func newLayout(meta []byte) *layout {
	l := &layout{meta: appendMeta(nil, meta)}
	root := rootTable(l.meta[prefix:])
	header := table{root.buf, root.follow(2)}
	for place, at := range map[*int]int{
		&l.rows: header.field(0), &l.length: root.field(3), &l.columns: header.vector(1), &l.buffers: header.vector(2),
	} {
		if at == 0 {
			return nil
		}
		*place = prefix + at
	}
	return l
}

// piece is a buffer as it is written: its bytes, and zeros up to its size.
type piece struct {
	bytes []byte
	size  int
}

// alignment is what Arrow's writer fills bitmaps up to that it makes itself.
const alignment = 64

// pieces appends the buffers of a record's columns. It is not ok for a record
// whose buffers cannot be written as they are, such as a slice of another.
func pieces(dst []piece, record arrow.Record) (_ []piece, ok bool) {
	rows := int(record.NumRows())
	if rows == 0 {
		return dst, false
	}
	for _, column := range record.Columns() {
		data := column.Data()
		buffers := data.Buffers()
		if data.Offset() != 0 {
			return dst, false
		}
		bitmap := (rows + 7) / 8
		switch data.NullN() {
		case 0:
			dst = append(dst, piece{})
		case rows:
			dst = append(dst, piece{size: (bitmap + alignment - 1) &^ (alignment - 1)})
		default:
			dst = append(dst, piece{buffers[0].Bytes(), buffers[0].Len()})
			ok = buffers[0].Len() == bitmap
			if !ok {
				return dst, false
			}
		}
		if dst, ok = values(dst, data, rows, bitmap); !ok {
			return dst, false
		}
	}
	return dst, true
}

// values appends the buffers of a column behind its bitmap.
func values(dst []piece, data arrow.ArrayData, rows, bitmap int) (_ []piece, ok bool) {
	buffers := data.Buffers()
	if buffers[1] == nil {
		return dst, false
	}
	first := piece{buffers[1].Bytes(), buffers[1].Len()}
	if kind, fixed := data.DataType().(arrow.FixedWidthDataType); fixed {
		size := rows * kind.BitWidth() / 8
		if kind.BitWidth() == 1 {
			size = bitmap
		}
		return append(dst, first), first.size == size
	}
	if len(buffers) < 3 || first.size != 4*(rows+1) {
		return dst, false
	}
	end := int(binary.LittleEndian.Uint32(first.bytes[4*rows:]))
	var text piece
	if buffers[2] != nil {
		text = piece{buffers[2].Bytes(), buffers[2].Len()}
	}
	return append(dst, first, text), text.size == end && binary.LittleEndian.Uint32(first.bytes) == 0
}

// size is that of the body with those buffers.
func bodySize(buffers []piece) (size int) {
	for _, p := range buffers {
		size += padded(p.size)
	}
	return size
}

// append appends the message of a record with those buffers.
func (l *layout) append(b []byte, record arrow.Record, buffers []piece) []byte {
	start, rows := len(b), record.NumRows()
	b = append(b, l.meta...)
	put := func(at int, n int64) { binary.LittleEndian.PutUint64(b[start+at:], uint64(n)) }
	put(l.rows, rows)
	put(l.length, int64(bodySize(buffers)))
	for i, column := range record.Columns() {
		put(l.columns+16*i, rows)
		put(l.columns+16*i+8, int64(column.NullN()))
	}
	at := 0
	for i, p := range buffers {
		put(l.buffers+16*i, int64(at))
		put(l.buffers+16*i+8, int64(p.size))
		at += padded(p.size)
	}
	for _, p := range buffers {
		b = append(b, p.bytes...)
		b = append(b, make([]byte, padded(p.size)-len(p.bytes))...)
	}
	return b
}
