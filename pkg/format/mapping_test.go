package format

import (
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/logferry/logferry/pkg/table"
)

// mappingColumns has a column of each type that can come from JSON.
var mappingColumns = []Column{
	{Name: "TimeGenerated", From: "time"},
	{Name: "Title", From: "title or nested.title"},
	{Name: "Severity", From: "severity"},
	{Name: "ResourceDetails", From: "nested.deep.resource"},
	{Name: "Description", From: "what the format makes of it"},
}

func TestMapping(t *testing.T) {
	filler := NewMapping("AWSGuardDuty", mappingColumns, "watched", "nested").Filler()
	schema := (&Format{Table: "AWSGuardDuty", Columns: mappingColumns}).Schema()

	f := func(record, want string, watched ...string) {
		t.Helper()
		rows := table.NewRows(schema)
		if err := filler.Fill([]byte(record), rows); err != nil {
			t.Errorf("%s: %v", record, err)
			return
		}
		rows.Commit()
		batch, _ := rows.Take()
		defer batch.Release()
		var got []string
		for _, column := range batch.Columns() {
			if column.IsValid(0) {
				got = append(got, column.ValueStr(0))
			} else {
				got = append(got, "-")
			}
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: got %s; want %s", record, got, want)
		}
		for i, want := range watched {
			if got := string(filler.Watched[i]); got != want {
				t.Errorf("%s: watched %d: got %s; want %s", record, i, got, want)
			}
		}
	}

	// Values that fit, wherever their members are.
	f(`{}`, "- - - - -", "", "")
	f(`{"time":"2026-03-01T10:02:33Z","title":"x","severity":7.9,"nested":{"deep":{"resource":{ "a" : 1 }}}}`,
		`2026-03-01 10:02:33Z x 7 {"a":1} -`, "", `{"deep":{"resource":{ "a" : 1 }}}`)
	f(`{"nested":{"title":"y","deep":null}}`, "- y - - -")
	f(`{"other":{"title":"z"},"titles":"z","Title":"z"}`, "- - - - -")

	// The last that fits counts; null does not.
	f(`{"title":"x","nested":{"title":"y"}}`, "- y - - -")
	f(`{"title":"x","title":null,"time":"2026-03-01T10:02:33Z","time":"soon"}`, "2026-03-01 10:02:33Z x - - -")
	f(`{"watched":1,"watched":"2","watched":null}`, "- - - - -", `"2"`)

	// Values of other types.
	f(`{"title":{"a": [1, "b c"]},"time":5,"severity":"7","nested":{"deep":{"resource":"r"}}}`, `- {"a":[1,"b c"]} - "r" -`)
	f(`{"title":true,"nested":[1],"severity":null}`, "- true - - -", "", "[1]")
	f(`{"severity":99999999999}`, "- - - - -")
}

func TestMappingBadRecord(t *testing.T) {
	filler := NewMapping("AWSGuardDuty", mappingColumns).Filler()
	rows := table.NewRows((&Format{Table: "AWSGuardDuty", Columns: mappingColumns}).Schema())
	for _, record := range []string{``, `[]`, `"x"`, `{`, `{"title":}`, `{"nested":{"deep":{"resource":[1,]}}}`, `{} {}`, `{"time":"2026`} {
		if err := filler.Fill([]byte(record), rows); err == nil {
			t.Errorf("%s: got no error", record)
		}
		rows.Rollback()
	}
}

func TestSetText(t *testing.T) {
	filler := NewMapping("AWSGuardDuty", mappingColumns).Filler()
	rows := table.NewRows((&Format{Table: "AWSGuardDuty", Columns: mappingColumns}).Schema())
	const description = 4
	for _, value := range []string{`"a\nb"`, `22`, `{"a" : 1}`, `null`, ``} {
		filler.SetText(description, []byte(value), rows)
		rows.Commit()
	}
	batch, _ := rows.Take()
	defer batch.Release()
	texts := batch.Column(description).(*array.String)
	for i, want := range []string{"a\nb", "22", `{"a":1}`} {
		if got := texts.Value(i); got != want {
			t.Errorf("row %d: got %q; want %q", i, got, want)
		}
	}
	for _, i := range []int{3, 4} {
		if texts.IsValid(i) {
			t.Errorf("row %d: got %q; want null", i, texts.Value(i))
		}
	}
}

func TestSniffJSON(t *testing.T) {
	f := func(head string, want bool) {
		t.Helper()
		is := func(name, text []byte) bool {
			return string(name) == "kind" && string(text) == "log" || string(name) == "mark"
		}
		if got := SniffJSON([]byte(head), is, "Records", "detail"); got != want {
			t.Errorf("%s: got %t; want %t", head, got, want)
		}
	}
	// The object itself, in an array, in a member.
	f(`{"kind":"log"}`, true)
	f("\ufeff\r\n [ {\"a\":{}, \"kind\":\"log\"", true)
	f(`{"x":[1],"Records":[{"y":"z","kind":"log"},`, true)
	f(`{"detail":{"kind":"log"}}`, true)
	f(`{"detail":{"x":1},"kind":"log"}`, true)
	f(`{"mark":[]}`, true)
	// Elsewhere, other values, what is no JSON, what ends too early.
	f(`{"other":{"kind":"log"}}`, false)
	f(`[{"a":1},{"kind":"log"}]`, false)
	f(`{"kind":"logs"}`, false)
	f(`{"kind":{"log":1}}`, false)
	f(`{"kind":"lo`, false)
	f(`{"Records":[],"x":1}`, false)
	f(`kind log`, false)
	f(`"kind"`, false)
	f(``, false)
}
