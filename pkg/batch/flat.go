package batch

import "encoding/binary"

// Arrow's metadata are flatbuffers: tables whose fields lie where a table of
// offsets says. What is read here is little and fixed, so that it is read where
// it lies, at the price of a panic when an offset leads outside.

// table is a table of a flatbuffer.
type table struct {
	buf []byte
	at  int
}

func rootTable(buf []byte) table { return table{buf, int(binary.LittleEndian.Uint32(buf))} }

// field returns the place of the field with that number; 0 when it is absent.
func (t table) field(number int) int {
	offsets := t.at - int(int32(binary.LittleEndian.Uint32(t.buf[t.at:])))
	slot := 4 + 2*number
	if slot >= int(binary.LittleEndian.Uint16(t.buf[offsets:])) {
		return 0
	}
	if offset := int(binary.LittleEndian.Uint16(t.buf[offsets+slot:])); offset > 0 {
		return t.at + offset
	}
	return 0
}

func (t table) byte(number int) byte {
	if at := t.field(number); at > 0 {
		return t.buf[at]
	}
	return 0
}

func (t table) int64(number int) int64 {
	if at := t.field(number); at > 0 {
		return int64(binary.LittleEndian.Uint64(t.buf[at:]))
	}
	return 0
}

// follow returns where the field points to; 0 when it is absent.
func (t table) follow(number int) int {
	if at := t.field(number); at > 0 {
		return at + int(binary.LittleEndian.Uint32(t.buf[at:]))
	}
	return 0
}

// vector returns the place of the first element of a vector; 0 when the field is
// absent.
func (t table) vector(number int) int {
	if at := t.follow(number); at > 0 {
		return at + 4
	}
	return 0
}

// pairs returns a vector of structures of two numbers each; empty when the
// field is absent.
func (t table) pairs(number int) pairs {
	at := t.follow(number)
	if at == 0 {
		return nil
	}
	count := int(binary.LittleEndian.Uint32(t.buf[at:]))
	return pairs(t.buf[at+4:][:16*count])
}

type pairs []byte

func (p pairs) len() int { return len(p) / 16 }

func (p pairs) at(i int) (first, second int64) {
	b := p[16*i:][:16]
	return int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
}

// The kinds of messages that a stream may have.
const (
	kindSchema      = 1
	kindRecordBatch = 3
)

// message is what the metadata of a message say: its kind, the size of its body,
// and the table of that kind.
type message struct {
	kind       byte
	bodyLength int64
	header     table
}

func parseMessage(meta []byte) message {
	root := rootTable(meta)
	return message{kind: root.byte(1), bodyLength: root.int64(3), header: table{meta, root.follow(2)}}
}

// recordBatch is what a message says of its record batch: the length and nulls
// of each column, the place and length of each buffer in the body.
type recordBatch struct {
	rows       int64
	columns    pairs
	buffers    pairs
	compressed bool
}

func parseRecordBatch(t table) recordBatch {
	return recordBatch{rows: t.int64(0), columns: t.pairs(1), buffers: t.pairs(2), compressed: t.field(3) > 0}
}
