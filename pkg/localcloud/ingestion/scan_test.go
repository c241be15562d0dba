package ingestion

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/table"
)

// testStream is the stream of a table with columns of every type.
func testStream() stream {
	return newStream(&table.Table{Name: "T", Columns: []table.Column{
		{Name: "TimeGenerated", Type: table.DateTime}, {Name: "S", Type: table.String}, {Name: "I", Type: table.Int},
		{Name: "L", Type: table.Long}, {Name: "R", Type: table.Real}, {Name: "B", Type: table.Bool},
		{Name: "D", Type: table.Dynamic}, {Name: "TenantId", Type: table.String, System: true},
	}})
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func parse(body string) (*buffer, Stats, error) {
	b := new(buffer)
	b.body.WriteString(body)
	var stats Stats
	err := b.parse(testStream(), now, &stats)
	return b, stats, err
}

func TestParse(t *testing.T) {
	const at = `"TimeGenerated":"2026-11-23T11:59:59.123456Z"`
	f := func(body string, want Stats) {
		t.Helper()
		if _, got, err := parse(body); err != nil || got != want {
			t.Errorf("parse(%.200s): got %+v, %v; want %+v", body, got, err, want)
		}
	}
	// What fits.
	f(`[]`, Stats{})
	f(` [ ] `, Stats{})
	f(`[{`+at+`}]`, Stats{Rows: 1})
	f(`[{`+at+`,"S":"x","I":-2147483648,"L":9223372036854775807,"R":-1.5e3,"B":true,"D":{"a":[1,{"b":null}]}}]`, Stats{Rows: 1})
	f(`[{`+at+`,"S":null,"I":null,"L":null,"R":null,"B":null,"D":null},{`+at+`,"D":"text"},{`+at+`,"D":7}]`, Stats{Rows: 3})
	// Columns the stream does not have, among them those of the service.
	f(`[{`+at+`,"s":"x","TenantId":"t"}]`, Stats{Rows: 1, ColumnsDropped: 2})
	// Times.
	f(`[{}]`, Stats{Rows: 1, TimeMissing: 1})
	f(`[{"TimeGenerated":null}]`, Stats{Rows: 1, TimeMissing: 1})
	f(`[{"TimeGenerated":"2026-11-21T12:00:00Z"},{"TimeGenerated":"2026-11-24T12:00:00Z"}]`, Stats{Rows: 2})
	f(`[{"TimeGenerated":"2026-11-21T11:59:59Z"},{"TimeGenerated":"2026-11-24T12:00:01Z"}]`, Stats{Rows: 2, TimeReplaced: 2})
	// Long values, counted as they are stored, not as they are escaped.
	long := strings.Repeat("x", maxField)
	f(`[{`+at+`,"S":"`+long+`"}]`, Stats{Rows: 1})
	f(`[{`+at+`,"S":"`+long+`x"}]`, Stats{Rows: 1, FieldsCut: 1})
	f(`[{`+at+`,"S":"`+strings.Repeat(`\u0041`, maxField)+`"}]`, Stats{Rows: 1})
	f(`[{`+at+`,"S":"`+strings.Repeat(`\ud83d\ude00`, maxField/4)+`\n"}]`, Stats{Rows: 1, FieldsCut: 1})
	f(`[{`+at+`,"D":["`+long+`"]}]`, Stats{Rows: 1, FieldsCut: 1})
}

func TestParseRefuses(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		if _, _, err := parse(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%s): got %v; want an error with %q", body, err, want)
		}
	}
	// Not an array of objects.
	f(``, "not an array")
	f(`{}`, "not an array")
	f(`[1]`, "row 0")
	f(`[{},]`, "row 1")
	f(`[{}{}]`, "want ','")
	f(`[{}]x`, "after the array")
	f(`[{}`, "want ','")
	f(`[{"S":"`+"\xff"+`"}]`, "not UTF-8")
	// Values of the wrong type.
	f(`[{"S":1}]`, "S: a number in a column of type string")
	f(`[{"S":{}}]`, "S: an object or array")
	f(`[{"I":"1"}]`, "I: a string")
	f(`[{"I":2147483648}]`, "I: ")
	f(`[{"I":1.0}]`, "I: ")
	f(`[{"L":1e3}]`, "L: ")
	f(`[{"B":"true"}]`, "B: a string")
	f(`[{"TimeGenerated":1700000000}]`, "TimeGenerated: a number")
	f(`[{"TimeGenerated":"2026-11-23 12:00:00"}]`, "TimeGenerated: ")
	f(`[{"S":"a","S":"b"}]`, "S is there twice")
	f(`[{"D":`+strings.Repeat("[", 600)+strings.Repeat("]", 600)+`}]`, "nested deeper")
}

func TestRowValue(t *testing.T) {
	b, _, err := parse(`[{"S":"x","L":5},{"L":6}]`)
	if err != nil {
		t.Fatal(err)
	}
	f := func(row int, name, want string) {
		t.Helper()
		if got := string(b.rows[row].Value(name)); got != want {
			t.Errorf("row %d, column %s: got %s; want %s", row, name, got, want)
		}
	}
	f(0, "S", `"x"`)
	f(0, "L", `5`)
	f(1, "S", ``)
	f(1, "L", `6`)
	f(1, "Unknown", ``)
	if got, want := string(b.rows[1].JSON), `{"L":6}`; got != want {
		t.Errorf("got row %s; want %s", got, want)
	}
}

// FuzzScan holds the scanner against encoding/json: both accept the same
// values, up to the depth.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{`{}`, `[]`, `[{"a":-0.5e+7,"b":"\u00e9\\"},null,true]`, `"\ud800"`, `01`, `[1,]`, `{"a"}`, " 1 ", "\"\x01\"", `1.`, `-`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := &scanner{in: in}
		_, _, _, err := s.value(0)
		if err == nil && (s.peek() != 0 || s.at < len(in)) {
			err = s.errorf("more follows")
		}
		if valid := json.Valid(in); valid != (err == nil) && !strings.Contains(string(in), strings.Repeat("[", 50)) {
			t.Errorf("%q: got %v; json.Valid says %t", in, err, valid)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	row := `{"TimeGenerated":"2026-11-23T11:59:59Z","S":"` + strings.Repeat("some text ", 100) + `","I":6,"L":1234567,"B":true,"D":{"a":[1,2,{"b":"c"}]}}`
	body := "[" + strings.Repeat(row+",", 799) + row + "]"
	buf := new(buffer)
	buf.body.WriteString(body)
	s := testStream()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		var stats Stats
		if err := buf.parse(s, now, &stats); err != nil {
			b.Fatal(err)
		}
	}
}
