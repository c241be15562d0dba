package batch_test

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/batch/batchtest"
)

func BenchmarkEncode(b *testing.B) {
	batchtest.Benchmark(b, func(b *testing.B, record arrow.Record) {
		for b.Loop() {
			if _, err := batch.Encode(record); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	batchtest.Benchmark(b, func(b *testing.B, record arrow.Record) {
		body, err := batch.Encode(record)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(body))/batchtest.Records, "B/record")
		for b.Loop() {
			got, err := batch.Decode(body, memory.DefaultAllocator)
			if err != nil {
				b.Fatal(err)
			}
			got.Release()
		}
	})
}
