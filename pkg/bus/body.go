package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"

	"github.com/logferry/logferry/pkg/batch"
)

// maxPlainBody bounds a body once its compression is undone.
const maxPlainBody = 64 << 20

// bodies is where bodies lie while they are compressed, and those that are read
// until their batches are released.
var bodies batch.Pool

// batchMsg is the message of a batch, which it takes over.
func batchMsg(ctx context.Context, b *batch.Batch, compress bool, prefix string, names ...string) (*nats.Msg, error) {
	defer b.Release()
	if err := checkTokens(names...); err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	encode := batch.Encode
	if compress {
		encode = encodeSnappy
	}
	body, err := encode(b.Record)
	if err != nil {
		return nil, err
	}
	msg := newMsg(ctx, subject(append([]string{prefix}, names...)...), b.Meta.ID(), contentArrow, body)
	if compress {
		msg.Header.Set(headerContentEncoding, encodingSnappy)
	}
	writeMeta(msg.Header, b.Meta)
	msg.Header.Set(headerRows, strconv.FormatInt(b.Record.NumRows(), 10))
	return msg, nil
}

// encodeSnappy encodes the record and compresses the whole, in memory of bodies:
// it goes back there when the bus has stored it (see publisher).
func encodeSnappy(record arrow.Record) ([]byte, error) {
	plain, err := batch.EncodeIn(&bodies, record)
	if err != nil {
		return nil, err
	}
	defer bodies.Free(plain)
	return s2.EncodeSnappy(bodies.Allocate(s2.MaxEncodedLen(len(plain))), plain), nil
}

func decodeBatch(msg message) (*batch.Batch, error) {
	if err := checkMsg(msg, contentArrow); err != nil {
		return nil, err
	}
	meta, err := readMeta(msg.Headers())
	if err != nil {
		return nil, err
	}
	record, err := decodeBody(msg)
	if err != nil {
		return nil, err
	}
	return &batch.Batch{Meta: meta, Record: record}, nil
}

func decodeBody(msg message) (arrow.Record, error) {
	switch encoding := msg.Headers().Get(headerContentEncoding); encoding {
	case "":
		return batch.Decode(msg.Data(), &bodies)
	case encodingSnappy:
		return decodeSnappy(msg.Data())
	default:
		return nil, fmt.Errorf("content encoding is %q; this service reads none and %q", encoding, encodingSnappy)
	}
}

func decodeSnappy(body []byte) (arrow.Record, error) {
	size, err := s2.DecodedLen(body)
	if err != nil || size > maxPlainBody {
		return nil, fmt.Errorf("body of %d bytes, more than %d, or unreadable: %w", size, maxPlainBody, err)
	}
	plain := memory.NewBufferWithAllocator(bodies.Allocate(size), &bodies)
	if _, err := s2.Decode(plain.Bytes(), body); err != nil {
		plain.Release()
		return nil, fmt.Errorf("body: %w", err)
	}
	return batch.DecodeBuffer(plain)
}
