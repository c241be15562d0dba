package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// maxBuffer bounds one buffer of a batch: many times what fits a message, and
// little enough that a forged length does no harm.
const maxBuffer = 64 << 20

var errShort = errors.New("the stream ends too early")

// Decode reads what [Encode] wrote. The caller releases the record, whose
// memory comes from mem. body must not be changed while the record lives.
func Decode(body []byte, mem memory.Allocator) (record arrow.Record, err error) {
	defer func() { // Arrow panics on some malformed input
		if p := recover(); p != nil {
			record, err = nil, fmt.Errorf("decode batch: %v", p)
		}
	}()
	r, err := ipc.NewReaderFromMessageReader(&messages{rest: body}, ipc.WithAllocator(bounded{mem}))
	if err != nil {
		return nil, fmt.Errorf("decode batch: %w", err)
	}
	defer r.Release()
	if !r.Next() {
		if r.Err() != nil {
			return nil, fmt.Errorf("decode batch: %w", r.Err())
		}
		return nil, errors.New("decode batch: the stream holds no record batch")
	}
	record = r.Record()
	record.Retain()
	if r.Next() {
		record.Release()
		return nil, errors.New("decode batch: the stream holds more than one record batch")
	}
	return record, nil
}

// messages reads the messages of an Arrow IPC stream where they lie. It
// checks every length against what is there before it is believed.
type messages struct {
	rest    []byte
	message *ipc.Message
}

// Message returns the next message, valid until the next call.
func (m *messages) Message() (*ipc.Message, error) {
	m.Release()
	length, err := m.number()
	if errors.Is(err, errShort) && len(m.rest) == 0 || err == nil && length == 0 {
		return nil, io.EOF
	}
	if err == nil && length == 0xFFFFFFFF { // the continuation mark
		length, err = m.number()
	}
	if err != nil {
		return nil, err
	}
	if length == 0 {
		return nil, io.EOF // the end mark
	}
	meta, err := m.take(int64(length))
	if err != nil {
		return nil, err
	}
	head := memory.NewBufferBytes(meta)
	probe := ipc.NewMessage(head, memory.NewBufferBytes(nil))
	body, err := m.take(probe.BodyLen())
	probe.Release()
	if err != nil {
		return nil, err
	}
	m.message = ipc.NewMessage(head, memory.NewBufferBytes(body))
	return m.message, nil
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

// Retain is there for the interface: the reader has one owner.
func (m *messages) Retain() {}

// Release gives up the message that was read last.
func (m *messages) Release() {
	if m.message != nil {
		m.message.Release()
		m.message = nil
	}
}

// bounded is an allocator that refuses a buffer larger than maxBuffer, by the
// panic that Decode turns into an error.
type bounded struct{ memory.Allocator }

// Allocate returns a buffer of size bytes.
func (b bounded) Allocate(size int) []byte { return b.Allocator.Allocate(bound(size)) }

// Reallocate resizes a buffer to size bytes.
func (b bounded) Reallocate(size int, old []byte) []byte {
	return b.Allocator.Reallocate(bound(size), old)
}

func bound(size int) int {
	if size < 0 || size > maxBuffer {
		panic(fmt.Sprintf("a buffer of %d bytes", size))
	}
	return size
}
