package cloud

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/sink/rowjson"
	"github.com/logferry/logferry/pkg/table"
)

// BenchmarkCall takes a call as the writer makes them: gunzip, check, count;
// without HTTP and TLS.
func BenchmarkCall(b *testing.B) {
	b.Run("cloudtrail", func(b *testing.B) { benchmarkCall(b, Trail, 690) })
	b.Run("vpcflow", func(b *testing.B) { benchmarkCall(b, VPCFlow, 2900) })
}

func benchmarkCall(b *testing.B, f Format, rows int) {
	body, tableName := call(b, f, rows)
	c := newCounter(time.Now(), func(arrivedObject) {})
	rule := ingestion.Rule{ID: "dcr-1", Streams: map[string]*table.Table{}}
	rule.Streams["s"], _ = table.Get(tableName)
	server := ingestion.New(ingestion.Options{
		Rules: []ingestion.Rule{rule}, Verify: func(string, string) error { return nil }, KeepBytes: -1, OnRows: c.rows,
		Key: func(string, ingestion.Row) string { return "" }, Faults: new(inject.Table),
	})
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/dataCollectionRules/dcr-1/streams/s?api-version=2023-01-01", bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer x")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", "gzip")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows)/1000, "us/row")
}

// call makes the body of a call with Logferry's own parser and encoder.
func call(b *testing.B, f Format, n int) (body []byte, tableName string) {
	g := samplelog.New(1, time.Now())
	g.Mark(0)
	o := write(g, f, n)
	format, _ := all.Formats().ByKey(o.Key)
	r, err := gzip.NewReader(bytes.NewReader(o.Body))
	if err != nil {
		b.Fatal(err)
	}
	split, rows := format.Split(r), table.NewRows(format.Schema())
	for {
		record, err := split.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		parse, err := format.Parser(split.Layout())
		if err == nil {
			err = parse(record.Bytes, rows)
		}
		if err != nil {
			b.Fatal(err)
		}
		rows.Commit()
	}
	record, _ := rows.Take()
	defer record.Release()
	encoded, err := rowjson.New(record)
	if err != nil {
		b.Fatal(err)
	}
	text := []byte("[")
	for i := range encoded.Len() {
		text = append(encoded.AppendRow(text, i), ',')
	}
	text[len(text)-1] = ']'
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	_, _ = w.Write(text)
	_ = w.Close()
	b.SetBytes(int64(len(text)))
	return packed.Bytes(), o.Table
}
