package rowjson

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/logferry/logferry/pkg/table"
)

var everyType = []table.Column{
	{Name: "Text", Type: table.String},
	{Name: "Int", Type: table.Int},
	{Name: "Long", Type: table.Long},
	{Name: "Real", Type: table.Real},
	{Name: "Bool", Type: table.Bool},
	{Name: "Time", Type: table.DateTime},
	{Name: "Dynamic", Type: table.Dynamic},
}

// one returns the single row that set fills.
func one(t testing.TB, set func(*table.Rows)) string {
	t.Helper()
	rows := table.NewRows(table.Schema("Test_CL", everyType))
	set(rows)
	rows.Commit()
	record, _ := rows.Take()
	defer record.Release()
	r, err := New(record)
	if err != nil {
		t.Fatal(err)
	}
	return string(r.AppendRow([]byte("before"), 0))[len("before"):]
}

func TestAppendRow(t *testing.T) {
	f := func(set func(*table.Rows), want string) {
		t.Helper()
		if got := one(t, set); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	text := func(s string) func(*table.Rows) { return func(r *table.Rows) { r.Text(0, []byte(s)) } }
	moment := func(micros int64) func(*table.Rows) { return func(r *table.Rows) { r.Time(5, micros) } }
	dynamic := func(s string) func(*table.Rows) { return func(r *table.Rows) { r.Text(6, []byte(s)) } }
	// nulls are left out, whichever they are
	f(func(*table.Rows) {}, `{}`)
	f(func(r *table.Rows) { r.Int(1, 7) }, `{"Int":7}`)
	f(func(r *table.Rows) { r.Text(0, []byte("a")); r.Bool(4, false) }, `{"Text":"a","Bool":false}`)
	// numbers
	f(func(r *table.Rows) { r.Int(1, math.MinInt32); r.Int(2, math.MaxInt64) }, `{"Int":-2147483648,"Long":9223372036854775807}`)
	f(func(r *table.Rows) { r.Real(3, 0.25) }, `{"Real":0.25}`)
	f(func(r *table.Rows) { r.Real(3, 1e300) }, `{"Real":1e+300}`)
	f(func(r *table.Rows) { r.Real(3, math.NaN()); r.Bool(4, true) }, `{"Bool":true}`)
	f(func(r *table.Rows) { r.Real(3, math.Inf(-1)) }, `{}`)
	// datetime: as many decimals as it takes, none for none
	f(moment(1745228754000000), `{"Time":"2025-04-21T09:45:54Z"}`)
	f(moment(1745228754000001), `{"Time":"2025-04-21T09:45:54.000001Z"}`)
	f(moment(1745228754120000), `{"Time":"2025-04-21T09:45:54.12Z"}`)
	f(moment(0), `{"Time":"1970-01-01T00:00:00Z"}`)
	f(moment(-1), `{"Time":"1969-12-31T23:59:59.999999Z"}`)
	f(moment(253402300799999999), `{"Time":"9999-12-31T23:59:59.999999Z"}`)
	f(moment(253402300800000000), `{}`)
	f(moment(math.MinInt64), `{}`)
	// text: escaped only where JSON asks for it
	f(text(""), `{"Text":""}`)
	f(text("arn:aws:iam::072643944673:role/é 日本 😀 <&>"), `{"Text":"arn:aws:iam::072643944673:role/é 日本 😀 <&>"}`)
	f(text(`{"LoginTo":"https://x/?a=b&c","n":1}`), `{"Text":"{\"LoginTo\":\"https://x/?a=b&c\",\"n\":1}"}`)
	f(text("tab\tnl\ncr\rnul\x00esc\x1bdel\x7f\\"), `{"Text":"tab\tnl\ncr\rnul\u0000esc\u001bdel`+"\x7f"+`\\"}`)
	f(text(`seven..eight...."`), `{"Text":"seven..eight....\""}`)
	// dynamic: the JSON value itself, on one line
	f(dynamic(`{"a":[1,null,"x"],"b":{}}`), `{"Dynamic":{"a":[1,null,"x"],"b":{}}}`)
	f(dynamic("[\n  1,\r\n  2\n]"), `{"Dynamic":[   1,    2 ]}`)
	f(dynamic(`"text"`), `{"Dynamic":"text"}`)
	f(dynamic(""), `{}`)
}

// Text that did not come from table.Rows may be no UTF-8 at all.
func TestAppendString(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := string(appendString(nil, in)); got != want {
			t.Errorf("%q: got %s; want %s", in, got, want)
		}
	}
	f("\xff", "\"\uFFFD\"")
	f("ab\xc3", "\"ab\uFFFD\"")
	f("12345678\xe2\x82z", "\"12345678\uFFFD\uFFFDz\"")
}

func TestNewRefuses(t *testing.T) {
	f := func(kind table.Type, of arrow.DataType, want string) {
		t.Helper()
		field := arrow.Field{Name: "C", Type: of, Metadata: arrow.NewMetadata([]string{table.TypeKey}, []string{string(kind)})}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		b := array.NewRecordBuilder(mem, arrow.NewSchema([]arrow.Field{field}, nil))
		defer b.Release()
		record := b.NewRecord()
		defer record.Release()
		_, err := New(record)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s as %s: got error %v; want one with %q", kind, of, err, want)
		}
	}
	f("", arrow.BinaryTypes.String, `column C: Arrow type utf8 does not fit Log Analytics type ""`)
	f("guid", arrow.BinaryTypes.String, `type "guid"`)
	f(table.Int, arrow.PrimitiveTypes.Int64, `type int64 does not fit Log Analytics type "int"`)
	f(table.DateTime, arrow.FixedWidthTypes.Timestamp_ns, `does not fit Log Analytics type "datetime"`)
	f(table.Dynamic, arrow.BinaryTypes.Binary, `does not fit Log Analytics type "dynamic"`)
}

// What is read again has nothing of what was read before.
func TestReset(t *testing.T) {
	var r Rows
	f := func(set func(*table.Rows), want string) {
		t.Helper()
		rows := table.NewRows(table.Schema("Test_CL", everyType))
		set(rows)
		rows.Commit()
		record, _ := rows.Take()
		defer record.Release()
		if err := r.Reset(record); err != nil {
			t.Fatal(err)
		}
		if got := string(r.AppendRow(nil, 0)); got != want || r.Len() != 1 {
			t.Errorf("got %d rows, %s; want %s", r.Len(), got, want)
		}
	}
	f(func(r *table.Rows) { r.Text(0, []byte("a")); r.Int(1, 1) }, `{"Text":"a","Int":1}`)
	f(func(r *table.Rows) { r.Bool(4, true) }, `{"Bool":true}`)
	f(func(r *table.Rows) { r.Int(2, 2); r.Text(6, []byte("[]")) }, `{"Long":2,"Dynamic":[]}`)
	if r.Clear(); r.Len() != 0 {
		t.Errorf("%d rows are left", r.Len())
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain text", `"quoted"`, "\x00\x1f\x7f\x80", "é日😀", "12345678\\", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := appendString(nil, s)
		if !utf8.Valid(got) {
			t.Fatalf("%q became %q, which is no UTF-8", s, got)
		}
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q became %q: %v", s, got, err)
		}
		// encoding/json mends text in the same way.
		reference, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(reference, &want); err != nil {
			t.Fatal(err)
		}
		if back != want {
			t.Fatalf("%q came back as %q; want %q", s, back, want)
		}
	})
}

func FuzzAppendRow(f *testing.F) {
	f.Add("text", int64(1), 0.5, true, int64(1745228754120000), `{"a":1}`)
	f.Add("\xff\n", int64(math.MaxInt64), math.Inf(1), false, int64(-1), "[1,\n2]")
	f.Fuzz(func(t *testing.T, text string, n int64, real float64, truth bool, micros int64, dynamic string) {
		isJSON := json.Valid([]byte(dynamic))
		got := one(t, func(r *table.Rows) {
			r.Text(0, []byte(text))
			r.Int(1, n)
			r.Int(2, n)
			r.Real(3, real)
			r.Bool(4, truth)
			r.Time(5, micros)
			if isJSON {
				r.Text(6, []byte(dynamic))
			}
		})
		if strings.ContainsAny(got, "\n\r") {
			t.Fatalf("%q is more than one line", got)
		}
		var row struct {
			Long    int64
			Real    *float64
			Bool    bool
			Dynamic any
		}
		if err := json.Unmarshal([]byte(got), &row); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if row.Long != n || row.Bool != truth || row.Real != nil && *row.Real != real {
			t.Fatalf("%s came back as %+v", got, row)
		}
	})
}
