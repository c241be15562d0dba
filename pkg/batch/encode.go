package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Marks of an Arrow IPC stream: before each message, and after the last. After
// the first comes the length of the message's metadata.
const (
	continuation = "\xff\xff\xff\xff"
	endOfStream  = continuation + "\x00\x00\x00\x00"
	prefix       = len(continuation) + 4
)

// maxSchemas bounds how many schemas are remembered. A service knows a table or
// two for each format; whoever sends ever new ones does not fill the memory.
const maxSchemas = 64

// Encode writes the record as a plain Arrow IPC stream: schema, one record
// batch, end of stream. It does not release the record.
func Encode(record arrow.Record) ([]byte, error) {
	return EncodeIn(memory.DefaultAllocator, record)
}

// EncodeIn is Encode in memory from mem: who calls it frees what it returns.
func EncodeIn(mem memory.Allocator, record arrow.Record) ([]byte, error) {
	e := encoders.Get().(encoder)
	s := e.stream(record.Schema())
	if body := s.fill(mem, record); body != nil {
		encoders.Put(e)
		return body, nil
	}
	s.mem, s.body = mem, nil
	if err := s.writer.Write(record); err != nil { // then its writer is used no more
		if s.body != nil {
			mem.Free(s.body[:cap(s.body)])
		}
		return nil, fmt.Errorf("encode batch: %w", err)
	}
	body := append(s.body, endOfStream...)
	s.mem, s.body = nil, nil
	encoders.Put(e)
	return body, nil
}

// encoders are of encoder: to make one is most of the work of a small batch.
var encoders = sync.Pool{New: func() any { return make(encoder) }}

// encoder has a stream for each schema.
type encoder map[*arrow.Schema]*stream

func (e encoder) stream(schema *arrow.Schema) *stream {
	s, ok := e[schema]
	if !ok {
		if len(e) == maxSchemas {
			clear(e)
		}
		s = new(stream)
		s.writer = ipc.NewWriterWithPayloadWriter(s, ipc.WithSchema(schema))
		e[schema] = s
	}
	return s
}

// stream makes the streams of one schema. Its writer takes them for one, and
// writes the schema's message once: it is kept, and begins each of them.
type stream struct {
	writer *ipc.Writer
	schema []byte
	layout *layout // nil before the first batch
	pieces []piece // scratch of fill
	mem    memory.Allocator
	body   []byte
}

// fill makes the stream of a record by the layout of an earlier one. It returns
// nil for a record that the writer must see to.
func (s *stream) fill(mem memory.Allocator, record arrow.Record) []byte {
	if s.layout == nil {
		return nil
	}
	buffers, ok := pieces(s.pieces[:0], record)
	defer func() { clear(buffers); s.pieces = buffers }() // they are kept by nobody
	if !ok {
		return nil
	}
	size := len(s.schema) + len(s.layout.meta) + bodySize(buffers) + len(endOfStream)
	body := append(mem.Allocate(size)[:0], s.schema...)
	return append(s.layout.append(body, record, buffers), endOfStream...)
}

// WritePayload takes a message of the writer: the schema's, then one for each
// record batch.
func (s *stream) WritePayload(p ipc.Payload) error {
	meta := p.Meta()
	defer meta.Release()
	switch {
	case s.schema == nil:
		s.schema = appendMeta(nil, meta.Bytes())
		return nil
	case s.body != nil:
		return errors.New("a column has a dictionary")
	}
	if s.layout == nil && parseRecordBatch(parseMessage(meta.Bytes()).header).rows > 0 {
		s.layout = newLayout(meta.Bytes())
	}
	size := len(s.schema) + prefix + padded(meta.Len()) + int(parseMessage(meta.Bytes()).bodyLength) + len(endOfStream)
	s.body = append(s.mem.Allocate(size)[:0], s.schema...)
	s.body = appendMeta(s.body, meta.Bytes())
	return p.SerializeBody(s)
}

// appendMeta appends a message up to its body.
func appendMeta(b, meta []byte) []byte {
	b = append(b, continuation...)
	b = binary.LittleEndian.AppendUint32(b, uint32(padded(len(meta))))
	b = append(b, meta...)
	return append(b, make([]byte, padded(len(meta))-len(meta))...)
}

// padded is the next multiple of eight.
func padded(n int) int { return (n + 7) &^ 7 }

// Write takes a piece of a record batch's body.
func (s *stream) Write(p []byte) (int, error) {
	s.body = append(s.body, p...)
	return len(p), nil
}

// Start is there for the interface.
func (s *stream) Start() error { return nil }

// Close is there for the interface: the writer is never closed.
func (s *stream) Close() error { return nil }
