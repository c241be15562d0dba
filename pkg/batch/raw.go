package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// RawSchema is the schema of a batch on the raw subject: the undecoded records
// and the byte offset of each in the decompressed object.
var RawSchema = arrow.NewSchema([]arrow.Field{
	{Name: "record", Type: arrow.BinaryTypes.Binary},
	{Name: "offset", Type: arrow.PrimitiveTypes.Int64},
}, nil)

// Raw builds the raw batches of one object, record by record, without a copy
// at the end. The zero Raw is ready for use. It is not safe for concurrent use.
type Raw struct {
	// Memory, if set, is where the batches get their memory from, and where it
	// goes back to when they are released.
	Memory *Pool

	data    []byte
	ends    []byte // int32 little-endian offsets into data, one more than records
	offsets []byte // int64 little-endian
	rows    int
}

// Append adds a record that begins at offset in the decompressed object. The
// record is copied.
func (r *Raw) Append(record []byte, offset int64) {
	if r.rows == 0 {
		r.ends = binary.LittleEndian.AppendUint32(r.ends, 0)
	}
	r.data = append(r.data, record...)
	r.ends = binary.LittleEndian.AppendUint32(r.ends, uint32(len(r.data)))
	r.offsets = binary.LittleEndian.AppendUint64(r.offsets, uint64(offset))
	r.rows++
}

// Grow makes room for so many records of so many bytes in all.
func (r *Raw) Grow(records, bytes int) {
	r.data = r.grow(r.data, bytes)
	r.ends = r.grow(r.ends, 4*(records+1))
	r.offsets = r.grow(r.offsets, 8*records)
}

func (r *Raw) grow(b []byte, n int) []byte {
	if r.Memory == nil {
		return slices.Grow(b, n)
	}
	return r.Memory.Reallocate(len(b)+n, b)[:len(b)]
}

// Len returns the number of records.
func (r *Raw) Len() int { return r.rows }

// Bytes returns the size of the records in bytes.
func (r *Raw) Bytes() int { return len(r.data) }

// Take returns the records as a batch of [RawSchema] and leaves the builder
// empty. The caller releases the record.
func (r *Raw) Take() arrow.Record {
	if r.rows == 0 {
		r.ends = binary.LittleEndian.AppendUint32(r.ends, 0)
	}
	buffers := []*memory.Buffer{r.buffer(r.ends), r.buffer(r.data), r.buffer(r.offsets)}
	defer memory.ReleaseBuffers(buffers)
	records := array.NewData(arrow.BinaryTypes.Binary, r.rows,
		[]*memory.Buffer{nil, buffers[0], buffers[1]}, nil, 0, 0)
	offsets := array.NewData(arrow.PrimitiveTypes.Int64, r.rows, []*memory.Buffer{nil, buffers[2]}, nil, 0, 0)
	columns := []arrow.Array{array.MakeFromData(records), array.MakeFromData(offsets)}
	record := array.NewRecord(RawSchema, columns, int64(r.rows))
	for i, d := range []arrow.ArrayData{records, offsets} {
		d.Release()
		columns[i].Release()
	}
	*r = Raw{Memory: r.Memory}
	return record
}

func (r *Raw) buffer(b []byte) *memory.Buffer {
	if r.Memory == nil {
		return memory.NewBufferBytes(b)
	}
	return memory.NewBufferWithAllocator(b, r.Memory)
}

// Records gives access to the columns of a raw batch, or says how the batch
// departs from [RawSchema]. The arrays live as long as the record.
func Records(record arrow.Record) (records *array.Binary, offsets *array.Int64, err error) {
	if !record.Schema().Equal(RawSchema) {
		return nil, nil, fmt.Errorf("raw batch: schema is %v; want columns record (binary) and offset (int64)", record.Schema())
	}
	records, offsets = record.Column(0).(*array.Binary), record.Column(1).(*array.Int64)
	if records.NullN() > 0 || offsets.NullN() > 0 {
		return nil, nil, errors.New("raw batch: a record or its offset is null")
	}
	if n := record.NumRows(); int64(records.Len()) != n || int64(offsets.Len()) != n {
		return nil, nil, fmt.Errorf("raw batch: %d records and %d offsets in %d rows", records.Len(), offsets.Len(), n)
	}
	end := int32(0)
	for i, at := range records.ValueOffsets() {
		if at < end {
			return nil, nil, fmt.Errorf("raw batch: record %d begins before its predecessor ends", i)
		}
		end = at
	}
	if data := records.Data().Buffers()[2]; data == nil && end > 0 || data != nil && int(end) > data.Len() {
		return nil, nil, fmt.Errorf("raw batch: the records end at %d, beyond their data", end)
	}
	return records, offsets, nil
}
