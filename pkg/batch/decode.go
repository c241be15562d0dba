package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

var errShort = errors.New("the stream ends too early")

// Decode reads what [Encode] wrote. The caller releases the record. Its columns
// lie in body, which must not be changed while the record lives; if body is not
// aligned to eight bytes, in a copy in memory from mem.
func Decode(body []byte, mem memory.Allocator) (arrow.Record, error) {
	if len(body) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(body)))%8 == 0 {
		return DecodeBuffer(memory.NewBufferBytes(body))
	}
	aligned := mem.Allocate(len(body))
	copy(aligned, body)
	return DecodeBuffer(memory.NewBufferWithAllocator(aligned, mem))
}

// DecodeBuffer is Decode of an aligned body that has an owner: it takes body
// over, and the record's release gives it back.
func DecodeBuffer(body *memory.Buffer) (record arrow.Record, err error) {
	defer func() {
		if p := recover(); p != nil { // metadata that lead outside of themselves
			err = fmt.Errorf("malformed metadata: %v", p)
		}
		if err != nil {
			record, err = nil, fmt.Errorf("decode batch: %w", err)
		}
		body.Release()
	}()
	stream := messages{rest: body.Bytes()}
	meta, _, err := stream.next()
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(meta)
	if err != nil {
		return nil, err
	}
	meta, content, err := stream.next()
	if err == io.EOF {
		return nil, errors.New("the stream holds no record batch")
	}
	if err != nil {
		return nil, err
	}
	m := parseMessage(meta)
	if m.kind != kindRecordBatch {
		return nil, fmt.Errorf("the second message is of kind %d; want a record batch", m.kind)
	}
	start := body.Len() - len(stream.rest) - len(content)
	if _, _, err := stream.next(); err == nil {
		return nil, errors.New("the stream holds more than one record batch")
	}
	c := columns{recordBatch: parseRecordBatch(m.header), body: body, start: start, size: len(content)}
	return c.record(schema)
}

// schemas are of map[string]*arrow.Schema, by the message: to parse a schema is
// most of the work of a small batch.
var schemas = sync.Pool{New: func() any { return make(map[string]*arrow.Schema) }}

// schemaOf returns the schema of a schema's message. Batches with the same
// message mostly share one.
func schemaOf(meta []byte) (*arrow.Schema, error) {
	known := schemas.Get().(map[string]*arrow.Schema)
	defer schemas.Put(known)
	if schema, ok := known[string(meta)]; ok {
		return schema, nil
	}
	schema, err := parseSchema(meta)
	if err != nil {
		return nil, err
	}
	if len(known) == maxSchemas {
		clear(known)
	}
	known[string(meta)] = schema
	return schema, nil
}

func parseSchema(meta []byte) (*arrow.Schema, error) {
	m := onlyMessage{ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(nil))}
	r, err := ipc.NewReaderFromMessageReader(m, ipc.WithEnsureNativeEndian(false))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	schema := r.Schema()
	if !schema.IsNativeEndian() {
		return nil, errors.New("its numbers are in the other byte order")
	}
	for _, f := range schema.Fields() {
		if id := f.Type.ID(); !arrow.IsPrimitive(id) && !arrow.IsBinaryLike(id) {
			return nil, fmt.Errorf("column %s is of type %v; a batch has numbers, times, booleans, text and bytes", f.Name, f.Type)
		}
	}
	return schema, nil
}

// onlyMessage is a reader of a stream of one message.
type onlyMessage struct{ message *ipc.Message }

// Message returns the message.
func (m onlyMessage) Message() (*ipc.Message, error) { return m.message, nil }

// Retain is there for the interface: the message is not counted.
func (m onlyMessage) Retain() {}

// Release is there for the interface: the message is not counted.
func (m onlyMessage) Release() {}

// messages reads the messages of an Arrow IPC stream where they lie. It checks
// every length against what is there before it is believed.
type messages struct{ rest []byte }

// next returns the metadata and the body of the next message, or io.EOF.
func (m *messages) next() (meta, body []byte, err error) {
	length, err := m.number()
	if err != nil && len(m.rest) == 0 || err == nil && length == 0 {
		return nil, nil, io.EOF
	}
	if err == nil && length == 0xFFFFFFFF { // the continuation mark
		length, err = m.number()
	}
	if err != nil {
		return nil, nil, err
	}
	if length == 0 {
		return nil, nil, io.EOF // the end mark
	}
	if meta, err = m.take(int64(length)); err != nil {
		return nil, nil, err
	}
	body, err = m.take(parseMessage(meta).bodyLength)
	return meta, body, err
}

func (m *messages) number() (uint32, error) {
	b, err := m.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (m *messages) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(m.rest)) {
		return nil, errShort
	}
	taken := m.rest[:n:n]
	m.rest = m.rest[n:]
	return taken, nil
}
