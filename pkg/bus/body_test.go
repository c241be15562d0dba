package bus

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/klauspost/compress/s2"

	"github.com/logferry/logferry/pkg/batch/batchtest"
)

// plainBody returns the body of a message without its compression.
func plainBody(msg message) ([]byte, error) {
	switch encoding := msg.Headers().Get(headerContentEncoding); encoding {
	case "":
		return msg.Data(), nil
	case encodingSnappy:
		return s2.Decode(nil, msg.Data())
	default:
		return nil, fmt.Errorf("content encoding is %q", encoding)
	}
}

// TestBodiesAreTheirOwn has bodies come and go in shared memory, many at once.
func TestBodiesAreTheirOwn(t *testing.T) {
	raw, rows := batchtest.Part(t, batchtest.Records)
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			var kept []arrow.Record
			for i := range 16 {
				sent := []arrow.Record{raw, rows}[i%2].NewSlice(int64(i), int64(i+30*i+1))
				body, err := encodeSnappy(sent)
				if err != nil {
					t.Fatal(err)
				}
				got, err := decodeSnappy(body)
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, sent, got)
			}
			for i := 0; i < len(kept); i += 2 {
				if !array.RecordEqual(kept[i], kept[i+1]) {
					t.Errorf("batch %d is not the same", i/2)
				}
				kept[i].Release()
				kept[i+1].Release()
			}
		})
	}
}

func TestDecodeSnappyRefuses(t *testing.T) {
	raw, _ := batchtest.Part(t, batchtest.Records)
	body, err := encodeSnappy(raw.NewSlice(0, 2))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(body) {
		if _, err := decodeSnappy(body[:n]); err == nil {
			t.Errorf("the first %d bytes gave a batch", n)
		}
	}
	if _, err := decodeSnappy(binary.AppendUvarint(nil, maxPlainBody+1)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a body of more than %d bytes: %v", maxPlainBody, err)
	}
}

func BenchmarkEncodeSnappy(b *testing.B) {
	batchtest.Benchmark(b, func(b *testing.B, record arrow.Record) {
		size := 0
		for b.Loop() {
			body, err := encodeSnappy(record)
			if err != nil {
				b.Fatal(err)
			}
			size = len(body)
		}
		b.ReportMetric(float64(size)/batchtest.Records, "B/record")
	})
}

func BenchmarkDecodeSnappy(b *testing.B) {
	batchtest.Benchmark(b, func(b *testing.B, record arrow.Record) {
		body, err := encodeSnappy(record)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			got, err := decodeSnappy(body)
			if err != nil {
				b.Fatal(err)
			}
			got.Release()
		}
	})
}
