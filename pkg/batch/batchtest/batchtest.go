// Package batchtest makes batches of the size and content that travel.
package batchtest

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/format/cloudtrail"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/table"
)

// Records is how many CloudTrail records a part of an object has.
const Records = 550

// Part makes a part of a CloudTrail object with so many records: these, and
// their rows.
func Part(tb testing.TB, n int) (raw, rows arrow.Record) {
	tb.Helper()
	object := samplelog.New(1, time.Unix(1_800_000_000, 0)).CloudTrail(n)
	plain, err := gzip.NewReader(bytes.NewReader(object.Body))
	if err != nil {
		tb.Fatal(err)
	}
	format := cloudtrail.Format()
	split := format.Split(plain)
	parse, err := format.Parser("")
	if err != nil {
		tb.Fatal(err)
	}
	var records batch.Raw
	made := table.NewRows(format.Schema())
	for {
		record, err := split.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		records.Append(record.Bytes, record.Offset)
		if err := parse.Row(record.Bytes, made); err != nil {
			tb.Fatal(err)
		}
	}
	rows, _ = made.Take()
	return records.Take(), rows
}

// Benchmark runs a benchmark for the records of a part and for its rows, and
// reports what one of them takes.
func Benchmark(b *testing.B, f func(b *testing.B, record arrow.Record)) {
	raw, rows := Part(b, Records)
	run := func(name string, record arrow.Record) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f(b, record)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/Records, "ns/record")
		})
	}
	run("raw", raw)
	run("rows", rows)
}
