package format

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/google/go-cmp/cmp"

	"github.com/logferry/logferry/pkg/jsontext"
	"github.com/logferry/logferry/pkg/table"
)

// encoding/json is the oracle: the filler takes the same records and fills in
// the same values, whatever record it had before.
func FuzzMapping(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"time":"2026-03-01T10:02:33Z","title":"x","severity":7}`, `{"title":"a\nb","time":"2026-03-01T10:02:33Z","severity":7.9,"watched":[1]}`},
		{`{"nested":{"title":"y","deep":{"resource":1}}}`, `{"nested":{"deep":{"resource":{ "a" : "\u00e9" }},"title":[1, 2]},"title":null}`},
		{`{"title":"x","title":"y"}`, ` { "title" : "x" , "t\u0069tle" : "y" } `},
		{`{"severity":1,"watched":2,"title":"`, `{"severity":99999999999,"severity":"1","watched":2}`},
		{`[{"title":`, `{"title":1,}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	mapping := NewMapping("AWSGuardDuty", mappingColumns, "watched", "nested")
	schema := (&Format{Table: "AWSGuardDuty", Columns: mappingColumns}).Schema()
	f.Fuzz(func(t *testing.T, before, record []byte) {
		if !utf8.Valid(record) {
			return // encoding/json mends, the filler leaves it to the table
		}
		filler, rows := mapping.Filler(), table.NewRows(schema)
		_ = filler.Fill(before, rows)
		rows.Rollback()
		err := filler.Fill(record, rows)
		if e, ok := err.(*jsontext.SyntaxError); ok && e.What == "nested too deep" {
			return
		}
		if want := json.Valid(record) && bytes.HasPrefix(bytes.TrimLeft(record, " \t\r\n"), []byte("{")); want != (err == nil) {
			t.Fatalf("got error %v; encoding/json says %t", err, want)
		}
		if err != nil {
			return
		}
		want := recordOracle{rows: table.NewRows(schema)}
		want.object(t, record, "")
		if diff := cmp.Diff(want.watched[:], filler.Watched); diff != "" {
			t.Errorf("watched (-want +got):\n%s", diff)
		}
		got, wanted := take(rows), take(want.rows)
		defer got.Release()
		defer wanted.Release()
		if !array.RecordEqual(got, wanted) {
			t.Errorf("got %v; want %v", got, wanted)
		}
	})
}

func take(rows *table.Rows) arrow.Record {
	rows.Commit()
	record, _ := rows.Take()
	return record
}

// recordOracle fills a row by the rule of Filler.Fill with what encoding/json reads.
type recordOracle struct {
	rows    *table.Rows
	watched [2][]byte
}

// object takes the members of an object that is at the path.
func (o *recordOracle) object(t *testing.T, text []byte, path string) {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if string(value) != "null" {
			o.member(t, path+name.(string), value)
		}
	}
}

func (o *recordOracle) member(t *testing.T, path string, value []byte) {
	switch path {
	case "watched":
		o.watched[0] = value
	case "nested":
		o.watched[1] = value
	}
	var text string
	quoted := json.Unmarshal(value, &text) == nil
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		t.Fatal(err)
	}
	switch path {
	case "time":
		if micros, ok := Time([]byte(text)); quoted && ok {
			o.rows.Time(0, micros)
		}
	case "title", "nested.title":
		if !quoted {
			text = compact.String()
		}
		o.rows.Text(1, []byte(text))
	case "severity":
		o.number(value)
	case "nested", "nested.deep":
		if value[0] == '{' {
			o.object(t, value, path+".")
		}
	case "nested.deep.resource":
		o.rows.Text(3, compact.Bytes())
	}
}

func (o *recordOracle) number(value []byte) {
	var n float64
	if err := json.Unmarshal(value, &n); err != nil && (value[0] == '"' || value[0] > '9') {
		return
	} else if err != nil || math.Abs(n) >= 1<<63 {
		o.rows.OutOfRange(2)
		return
	}
	o.rows.Int(2, int64(n))
}
