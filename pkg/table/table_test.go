package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow/array"
)

func TestTables(t *testing.T) {
	if len(All()) < 15 {
		t.Errorf("%d tables; want at least 15", len(All()))
	}
	for _, table := range All() {
		seen := map[string]bool{}
		for _, c := range table.Columns {
			if seen[c.Name] || c.Name == "" || c.Doc == "" {
				t.Errorf("%s: column %q is named twice, or without name or description", table.Name, c.Name)
			}
			seen[c.Name] = true
			arrowType(c.Type) // panics on a type nobody knows
		}
		if got, ok := Get(table.Name); !ok || got != table {
			t.Errorf("Get(%s) = %v, %v", table.Name, got, ok)
		}
	}
	if _, ok := Get("AWSNothing"); ok {
		t.Error("found a table that does not exist")
	}
	flow, _ := Get("AWSVPCFlow")
	if c, ok := flow.Column("Packets"); !ok || c.Type != Int || c.System {
		t.Errorf("AWSVPCFlow.Packets = %+v, %v", c, ok)
	}
}

var everyType = []Column{
	{Name: "S", Type: String}, {Name: "D", Type: Dynamic}, {Name: "I", Type: Int}, {Name: "L", Type: Long},
	{Name: "R", Type: Real}, {Name: "B", Type: Bool}, {Name: "T", Type: DateTime},
}

// want gives the batch of r as JSON, one row a line, and compares.
func check(t *testing.T, r *Rows, want string, flaws Flaws) {
	t.Helper()
	record, got := r.Take()
	defer record.Release()
	if got != flaws {
		t.Errorf("flaws = %+v; want %+v", got, flaws)
	}
	var b bytes.Buffer
	if err := array.RecordToJSON(record, &b); err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(b.String()) != strings.TrimSpace(want) {
		t.Errorf("rows:\n%s\nwant:\n%s", b.String(), want)
	}
	if r.Len() != 0 {
		t.Errorf("%d rows left after Take", r.Len())
	}
}

func TestRows(t *testing.T) {
	r := NewRows(Schema("AWSTest", everyType))
	for range 2 { // a builder serves again after Take
		r.Text(0, []byte("a"))
		r.Text(1, []byte(`{"k":1}`))
		r.Int(2, -5)
		r.Int(3, math.MaxInt64)
		r.Real(4, 1.5)
		r.Bool(5, true)
		r.Time(6, 1_700_000_000_000_001)
		r.Commit()
		r.Commit() // all null
		// a later value wins, also over one that was unfit
		r.Text(0, []byte("first"))
		r.Text(0, []byte("second"))
		r.Bool(5, true)
		r.Bool(5, false)
		r.OutOfRange(2)
		r.Int(2, 7)
		r.Commit()
		check(t, r, `{"B":true,"D":"{\"k\":1}","I":-5,"L":9223372036854775807,"R":1.5,"S":"a","T":"2023-11-14 22:13:20.000001Z"}
{"B":null,"D":null,"I":null,"L":null,"R":null,"S":null,"T":null}
{"B":false,"D":null,"I":7,"L":null,"R":null,"S":"second","T":null}`, Flaws{OutOfRange: 1})
	}
}

func TestRollbackLeavesNoTrace(t *testing.T) {
	r := NewRows(Schema("AWSTest", everyType))
	spoil := func() {
		for i := range 2 {
			r.Text(i, []byte("\xff bad"))
		}
		r.Int(2, math.MaxInt64)
		r.Int(3, 1)
		r.Real(4, 1)
		r.Bool(5, true)
		r.Time(6, 1)
		r.Rollback()
	}
	spoil()
	r.Text(0, []byte("x"))
	r.Commit()
	spoil()
	r.Text(0, []byte("y"))
	r.Commit()
	spoil()
	r.Text(0, []byte("never committed"))
	check(t, r, `{"B":null,"D":null,"I":null,"L":null,"R":null,"S":"x","T":null}
{"B":null,"D":null,"I":null,"L":null,"R":null,"S":"y","T":null}`, Flaws{})
}

// Not even behind the last bit, where no reader looks, but what is stored is
// compared.
func TestRollbackLeavesNoBit(t *testing.T) {
	r := NewRows(Schema("AWSTest", []Column{{Name: "B", Type: Bool}}))
	r.Bool(0, true)
	r.Commit()
	r.Bool(0, true)
	r.Rollback()
	record, _ := r.Take()
	defer record.Release()
	if got := record.Column(0).Data().Buffers()[1].Bytes(); !bytes.Equal(got, []byte{1}) {
		t.Errorf("got bits %08b; want 00000001", got)
	}
}

func TestMendedValues(t *testing.T) {
	f := func(col int, value string, wantText string, flaws Flaws) {
		t.Helper()
		r := NewRows(Schema("AWSTest", everyType))
		r.Text(col, []byte(value))
		r.Commit()
		record, got := r.Take()
		defer record.Release()
		text := record.Column(col).(*array.String).Value(0)
		if text != wantText || got != flaws {
			t.Errorf("%.20q of %d bytes = %.20q of %d bytes, %+v; want %.20q of %d bytes, %+v",
				value, len(value), text, len(text), got, wantText, len(wantText), flaws)
		}
	}
	long := strings.Repeat("x", MaxValueBytes)
	f(0, long, long, Flaws{})
	f(0, long+"y", long, Flaws{Cut: 1})
	// cut between runes
	f(0, long[:MaxValueBytes-1]+"ü", long[:MaxValueBytes-1], Flaws{Cut: 1})
	f(0, strings.Repeat("ü", MaxValueBytes), strings.Repeat("ü", MaxValueBytes/2), Flaws{Cut: 1})
	// bytes that are no UTF-8
	f(0, "a\xffb\xc3", "a\uFFFDb\uFFFD", Flaws{BadText: 1})
	f(0, strings.Repeat("\xff", MaxValueBytes), strings.Repeat("\uFFFD", MaxValueBytes/3), Flaws{BadText: 1, Cut: 1})
	// a dynamic value that is too long stays JSON
	f(1, `"`+long[:MaxValueBytes-2]+`"`, `"`+long[:MaxValueBytes-2]+`"`, Flaws{})
	f(1, `["`+long+`"]`, `"[\"`+long[:MaxValueBytes-5]+`"`, Flaws{Cut: 1})
	// also one that is too long only when it is mended
	f(1, `["`+strings.Repeat("\xff", MaxValueBytes/2)+`"]`, `"[\"`+strings.Repeat("\uFFFD", (MaxValueBytes-5)/3)+`"`, Flaws{BadText: 1, Cut: 1})
	// halves of surrogate pairs in it, and what only looks like one
	f(1, `{"\ud800":"\uDC00\ud83d\ude00\ud83d"}`, `{"\ufffd":"\ufffd\ud83d\ude00\ufffd"}`, Flaws{BadText: 1})
	f(1, `["\ud800\ud800\udc00","\udbff\n"]`, `["\ufffd\ud800\udc00","\ufffd\n"]`, Flaws{BadText: 1})
	f(1, `["\\ud800","\ud7ff\ue000\u00d8","\""]`, `["\\ud800","\ud7ff\ue000\u00d8","\""]`, Flaws{})
	f(0, `["\ud800"]`, `["\ud800"]`, Flaws{})
}

// Columns that are set in some rows only, and rows without any, come out where
// they were set, whatever the rest of a byte of the bitmaps holds.
func TestSparseColumns(t *testing.T) {
	r := NewRows(Schema("AWSTest", everyType))
	const rows = 40
	has := func(col, row int) bool { return row%(col+5) == col+1 }
	for row := range rows {
		for col := range everyType {
			if !has(col, row) {
				continue
			}
			switch col {
			case 0, 1:
				r.Text(col, []byte(strconv.Itoa(row)))
			case 2, 3:
				r.Int(col, int64(row))
			case 4:
				r.Real(col, float64(row))
			case 5:
				r.Bool(col, row%2 == 0)
			case 6:
				r.Time(col, int64(row)*1e6)
			}
		}
		r.Commit()
	}
	record, _ := r.Take()
	defer record.Release()
	for col := range everyType {
		for row := range rows {
			want := "(null)"
			switch {
			case !has(col, row):
			case col == 5:
				want = strconv.FormatBool(row%2 == 0)
			case col == 6:
				want = fmt.Sprintf("1970-01-01 00:00:%02dZ", row)
			default:
				want = strconv.Itoa(row)
			}
			if got := record.Column(col).ValueStr(row); got != want {
				t.Errorf("column %s, row %d: got %s; want %s", everyType[col].Name, row, got, want)
			}
		}
	}
}

func TestRowBytes(t *testing.T) {
	r := NewRows(Schema("AWSTest", everyType))
	r.Text(0, []byte("of an earlier row"))
	r.Commit()
	r.Text(0, []byte("gone"))
	r.Text(0, []byte("12345"))
	r.Int(2, 1)
	if got, want := r.RowBytes(), 9; got != want {
		t.Errorf("got %d bytes; want %d", got, want)
	}
	r.OutOfRange(2)
	if got, want := r.RowBytes(), 5; got != want {
		t.Errorf("got %d bytes without the number; want %d", got, want)
	}
	r.Rollback()
	if got := r.RowBytes(); got != 0 {
		t.Errorf("got %d bytes after Rollback; want 0", got)
	}
}

func TestIntRange(t *testing.T) {
	r := NewRows(Schema("AWSTest", everyType))
	for _, v := range []int64{math.MaxInt32, math.MinInt32, math.MaxInt32 + 1, math.MinInt32 - 1} {
		r.Int(2, v)
		r.Int(3, v)
		r.Commit()
	}
	check(t, r, `{"B":null,"D":null,"I":2147483647,"L":2147483647,"R":null,"S":null,"T":null}
{"B":null,"D":null,"I":-2147483648,"L":-2147483648,"R":null,"S":null,"T":null}
{"B":null,"D":null,"I":null,"L":2147483648,"R":null,"S":null,"T":null}
{"B":null,"D":null,"I":null,"L":-2147483649,"R":null,"S":null,"T":null}`, Flaws{OutOfRange: 2})
}

func FuzzText(f *testing.F) {
	f.Add([]byte("plain"))
	f.Add([]byte("\xff\"\\\x00"))
	f.Add(bytes.Repeat([]byte("ü\""), MaxValueBytes/2))
	f.Fuzz(func(t *testing.T, v []byte) {
		r := NewRows(Schema("AWSTest", everyType))
		r.Text(0, v)
		if json.Valid(v) {
			r.Text(1, v)
		}
		r.Commit()
		record, _ := r.Take()
		defer record.Release()
		if s := record.Column(0).(*array.String).Value(0); !utf8.ValidString(s) || len(s) > MaxValueBytes {
			t.Errorf("text of %d bytes, valid %v", len(s), utf8.ValidString(s))
		}
		if d := record.Column(1).(*array.String); d.IsValid(0) && (!json.Valid([]byte(d.Value(0))) || len(d.Value(0)) > MaxValueBytes) {
			t.Errorf("dynamic value %.40q of %d bytes", d.Value(0), len(d.Value(0)))
		}
	})
}

// BenchmarkRows measures a row of the two kinds there are: one of CloudTrail,
// with texts and JSON, and one of VPC flow logs, with short texts and numbers.
// Neither sets all columns. A batch has the rows of a usual part.
func BenchmarkRows(b *testing.B) {
	texts := [][]byte{
		[]byte("AwsApiCall"), []byte("arn:aws:sts::123456789012:assumed-role/deploy/i-0a1b2c3d4e5f60718"), []byte("us-east-1"),
		[]byte("123456789012"), []byte("ec2.amazonaws.com"), []byte("6f1e7c1e-0f5d-4f0c-9a55-0c9d4be5d0a7"), []byte("198.51.100.7"),
	}
	json := []byte(`{"instancesSet":{"items":[{"instanceId":"i-0a1b2c3d4e5f60718"}]},"filterSet":{},"includeAllInstances":false}`)
	b.Run("cloudtrail", func(b *testing.B) {
		benchmarkRows(b, 49, 750, "sssssssssssssssssssddddbbt", func(r *Rows) {
			for col := range 19 {
				r.Text(col, texts[col%len(texts)])
			}
			for col := 19; col < 22; col++ {
				r.Text(col, json)
			}
			r.Bool(23, true)
			r.Bool(24, false)
			r.Time(25, 1_700_000_000_000_001)
		})
	})
	b.Run("vpcflow", func(b *testing.B) {
		benchmarkRows(b, 30, 800, "sssssstttiiiiil", func(r *Rows) {
			for col := range 6 {
				r.Text(col, texts[col])
			}
			for col := 6; col < 9; col++ {
				r.Time(col, 1_700_000_000_000_001)
			}
			for col := 9; col < 15; col++ {
				r.Int(col, int64(col))
			}
		})
	})
}

// benchmarkRows fills batches of a table whose columns have the kinds that
// their letters say; those behind the last letter are texts that no row sets.
func benchmarkRows(b *testing.B, width, rows int, letters string, fill func(*Rows)) {
	kinds := map[byte]Type{'s': String, 'd': Dynamic, 'b': Bool, 't': DateTime, 'i': Int, 'l': Long}
	columns := make([]Column, width)
	for i := range columns {
		columns[i] = Column{Name: "C" + strconv.Itoa(i), Type: String}
		if i < len(letters) {
			columns[i].Type = kinds[letters[i]]
		}
	}
	r := NewRows(Schema("AWSTest", columns))
	b.ReportAllocs()
	for b.Loop() {
		fill(r)
		r.Commit()
		if r.Len() == rows {
			record, _ := r.Take()
			record.Release()
		}
	}
}
