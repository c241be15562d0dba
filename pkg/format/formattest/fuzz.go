package formattest

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/table"
)

// Fuzz feeds the format with objects made from its golden cases: nothing may
// panic, the cuts must not depend on how the object is read, and the rows must
// be fit for the table.
func Fuzz(f *testing.F, fm *format.Format) {
	for _, c := range load(f) {
		if len(c.object) < 4<<10 {
			f.Add(c.object)
		}
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		fm.Sniff(object[:min(len(object), format.SniffBytes)])
		fm.Owns(string(object))
		testSplit(t, fm, &goldenCase{object: object})
		records, layout, _ := cuts(fm, bytes.NewReader(object))
		parse, err := fm.Parser(layout)
		if err != nil {
			return
		}
		rows := table.NewRows(fm.Schema())
		var committed int64
		for _, c := range records {
			if parseOne(parse, c, rows) == nil {
				committed++
			}
		}
		record, _ := rows.Take()
		defer record.Release()
		if record.NumRows() != committed {
			t.Errorf("got %d rows; want %d", record.NumRows(), committed)
		}
		testFit(t, record)
	})
}

// testFit tests what the service demands of values: texts are UTF-8 and of
// bounded length, dynamic values are JSON.
func testFit(t *testing.T, record arrow.Record) {
	for i, column := range record.Columns() {
		texts, ok := column.(*array.String)
		if !ok {
			continue
		}
		field := record.Schema().Field(i)
		kind, _ := field.Metadata.GetValue(table.TypeKey)
		for row := range texts.Len() {
			text := []byte(texts.Value(row))
			switch {
			case texts.IsNull(row):
			case len(text) > table.MaxValueBytes:
				t.Errorf("%s: %d bytes; want at most %d", field.Name, len(text), table.MaxValueBytes)
			case !bytes.Equal(text, bytes.ToValidUTF8(text, nil)):
				t.Errorf("%s: no UTF-8: %q", field.Name, text)
			case kind == string(table.Dynamic) && !json.Valid(text):
				t.Errorf("%s: no JSON: %q", field.Name, text)
			}
		}
	}
}

// Benchmark measures the splitter and the parser of the format on an object,
// in bytes of the object and in records.
func Benchmark(b *testing.B, f *format.Format, object []byte) {
	records, layout, err := cuts(f, bytes.NewReader(object))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("split", func(b *testing.B) {
		b.SetBytes(int64(len(object)))
		b.ReportAllocs()
		for b.Loop() {
			s := f.Split(bytes.NewReader(object))
			for err := error(nil); err == nil; {
				_, err = s.Next()
			}
		}
		b.ReportMetric(float64(b.N*len(records))/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("parse", func(b *testing.B) {
		parse, err := f.Parser(layout)
		if err != nil {
			b.Fatal(err)
		}
		texts := make([][]byte, len(records))
		for i, c := range records {
			texts[i] = []byte(c.Record)
		}
		rows := table.NewRows(f.Schema())
		b.SetBytes(int64(len(object)))
		b.ReportAllocs()
		for b.Loop() {
			for _, text := range texts {
				if err := parse(text, rows); err != nil {
					b.Fatal(err)
				}
				rows.Commit()
			}
			batch, _ := rows.Take()
			batch.Release()
		}
		b.ReportMetric(float64(b.N*len(records))/b.Elapsed().Seconds(), "records/s")
	})
}
