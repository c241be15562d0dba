package vpcflow_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/format/formattest"
	"github.com/logferry/logferry/pkg/format/vpcflow"
	"github.com/logferry/logferry/pkg/table"
)

func TestFormat(t *testing.T) { formattest.Run(t, vpcflow.Format(), all.Formats()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, vpcflow.Format()) }

func BenchmarkFormat(b *testing.B) { formattest.Benchmark(b, vpcflow.Format(), object(10_000)) }

// BenchmarkLines measures all that becomes of a log: its lines, their rows, and
// a batch for each part.
func BenchmarkLines(b *testing.B) {
	const lines = 10_000
	f, log := vpcflow.Format(), object(lines)
	rows := table.NewRows(f.Schema())
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		if err := carry(f, log, rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*lines)/b.Elapsed().Seconds(), "lines/s")
}

// carry takes a log through the format as the services do.
func carry(f *format.Format, log []byte, rows *table.Rows) error {
	lines := f.Split(bytes.NewReader(log))
	line, err := lines.Next()
	if err != nil {
		return err
	}
	parse, err := f.Parser(lines.Layout())
	if err != nil {
		return err
	}
	for size := 0; err == nil; line, err = lines.Next() {
		if err := parse.Row(line.Bytes, rows); err != nil {
			return err
		}
		if size += f.Weight(line.Bytes); size >= f.PartBytes {
			size = 0
			batch, _ := rows.Take()
			batch.Release()
		}
	}
	batch, _ := rows.Take()
	batch.Release()
	if err != io.EOF {
		return err
	}
	return nil
}

// object returns a log of the default format.
func object(lines int) []byte {
	var text strings.Builder
	text.WriteString("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n")
	random := rand.New(rand.NewPCG(1, 2))
	for range lines {
		fmt.Fprintf(&text, "2 123456789012 eni-%017x 10.26.%d.%d 198.51.100.%d %d 443 6 %d %d 1763596800 1763596860 ACCEPT OK\n",
			random.Uint64N(40), random.IntN(8), random.IntN(256), random.IntN(256), 1024+random.IntN(60_000), random.IntN(100), random.IntN(100_000))
	}
	return []byte(text.String())
}
