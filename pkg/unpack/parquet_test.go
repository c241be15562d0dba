package unpack_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/unpack"
)

// parquetFile writes rows, given as JSON, as a Parquet file.
func parquetFile(t testing.TB, fields []arrow.Field, rows string, options ...parquet.WriterProperty) string {
	t.Helper()
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(rows))
	if err != nil {
		t.Fatalf("rows: %v", err)
	}
	defer record.Release()
	var b bytes.Buffer
	options = append([]parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Gzip)}, options...)
	w, err := pqarrow.NewFileWriter(record.Schema(), &b, parquet.NewWriterProperties(options...), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatalf("parquet writer: %v", err)
	}
	if err := w.Write(record); err != nil {
		t.Fatalf("write: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return b.String()
}

var flowFields = []arrow.Field{
	{Name: "version", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "account_id", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "srcaddr", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "bytes", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "log_status", Type: arrow.BinaryTypes.String},
}

const (
	flowRows = `[
		{"version": 2, "account_id": "123456789012", "srcaddr": "10.0.0.1", "bytes": 9007199254740992, "log_status": "OK"},
		{"version": 2, "account_id": "", "srcaddr": null, "bytes": null, "log_status": "NODATA"},
		{"version": null, "account_id": "unknown", "srcaddr": "2001:db8::1", "bytes": 0, "log_status": "OK"}]`
	flowText = "version account-id srcaddr bytes log-status\n" +
		"2 123456789012 10.0.0.1 9007199254740992 OK\n" +
		"2 - - - NODATA\n" +
		"- unknown 2001:db8::1 0 OK\n"
)

func flowParquet(t testing.TB, options ...parquet.WriterProperty) string {
	return parquetFile(t, flowFields, flowRows, options...)
}

func TestParquet(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f := func(object, want string, reason fault.Reason) {
		t.Helper()
		got, err := unpacked(strings.NewReader(object), unpack.Limits{})
		if got != want {
			t.Errorf("got %q; want %q", got, want)
		}
		checkReason(t, err, reason)
	}

	// however it was written
	f(flowParquet(t), flowText, "")
	f(flowParquet(t, parquet.WithCompression(compress.Codecs.Uncompressed)), flowText, "")
	f(flowParquet(t, parquet.WithDictionaryDefault(false)), flowText, "")
	f(flowParquet(t, parquet.WithDataPageVersion(parquet.DataPageV2)), flowText, "")
	f(flowParquet(t, parquet.WithMaxRowGroupLength(1)), flowText, "")
	f(gz(flowParquet(t)), flowText, "")
	f(parquetFile(t, flowFields, `[]`), flowText[:strings.IndexByte(flowText, '\n')+1], "")

	// other types
	f(parquetFile(t, []arrow.Field{
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "f", Type: arrow.PrimitiveTypes.Float32},
		{Name: "d", Type: arrow.PrimitiveTypes.Float64},
	}, `[{"b": true, "f": 1.5, "d": 25238}]`), "b f d\ntrue 1.5 25238\n", "")

	// what has no text of one line
	f(flowParquet(t, parquet.WithCompression(compress.Codecs.Snappy)), flowText[:44], fault.Unsupported)
	f(manyLong(t), "account-id\n", fault.Unsupported)
	f(parquetFile(t, flowFields[1:2], `[{"account_id": "two words"}]`), "account-id\n", fault.Unsupported)
	f(parquetFile(t, []arrow.Field{{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32)}}, `[{"list": [1]}]`), "", fault.Unsupported)
	f(parquetFile(t, []arrow.Field{{Name: "s", Type: arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int32})}}, `[{"s": {"x": 1}}]`), "", fault.Unsupported)

	// damage
	whole := flowParquet(t)
	f(whole[:len(whole)-1], "", fault.Truncated)
	f(whole[:len(whole)/2], "", fault.Truncated)
	f("PAR1"+whole[len(whole)-8:], "", fault.Corrupt)
	f(whole[:8]+strings.Repeat("\xff", 40)+whole[48:], flowText[:44], fault.Corrupt)

	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) != 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

// manyLong is a small file whose rows are long: a dictionary has one value for
// all of them.
func manyLong(t testing.TB) string {
	row := `{"account_id": "` + strings.Repeat("x", 100_000) + `"}`
	return parquetFile(t, flowFields[1:2], "["+strings.Repeat(row+",", 199)+row+"]", parquet.WithDictionaryPageSizeLimit(1<<20))
}

// A file of many batches, row groups and pages comes out in order.
func TestParquetOfManyRows(t *testing.T) {
	const rows = 5000
	var json, want strings.Builder
	want.WriteString("version bytes\n")
	for i := range rows {
		sep := ","
		if i == 0 {
			sep = "["
		}
		if i%3 == 0 {
			fmt.Fprintf(&json, `%s{"version": null, "bytes": %d}`, sep, i)
			fmt.Fprintf(&want, "- %d\n", i)
			continue
		}
		fmt.Fprintf(&json, `%s{"version": %d, "bytes": %d}`, sep, i%7, i)
		fmt.Fprintf(&want, "%d %d\n", i%7, i)
	}
	json.WriteString("]")
	object := parquetFile(t, []arrow.Field{flowFields[0], flowFields[3]}, json.String(),
		parquet.WithMaxRowGroupLength(1700), parquet.WithDataPageSize(512))
	got, err := unpacked(strings.NewReader(object), unpack.Limits{})
	if err != nil || got != want.String() {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, want.Len())
	}
}

func TestParquetLimits(t *testing.T) {
	f := func(limits unpack.Limits, reason fault.Reason) {
		t.Helper()
		_, err := unpacked(strings.NewReader(flowParquet(t)), limits)
		checkReason(t, err, reason)
	}
	f(unpack.Limits{MaxSpool: 1 << 20}, "")
	f(unpack.Limits{MaxSpool: 100}, fault.TooLarge)
	f(unpack.Limits{MaxBytes: 50}, fault.TooLarge)
}

// A reader that breaks while a file is spooled is not a broken file.
func TestParquetOfBrokenReader(t *testing.T) {
	object := flowParquet(t)
	r := io.MultiReader(strings.NewReader(object[:200]), errReader{io.ErrUnexpectedEOF})
	if _, err := unpacked(r, unpack.Limits{}); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v; want the reader's error", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
