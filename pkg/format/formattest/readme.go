package formattest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/table"
)

// The table of columns stands between these lines.
const (
	columnsBegin = "<!-- columns: written by go test -update -->\n"
	columnsEnd   = "<!-- end of columns -->\n"
)

func testReadme(t *testing.T, f *format.Format) {
	body, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(body), columnsBegin)
	old, after, ok2 := strings.Cut(rest, columnsEnd)
	if !ok1 || !ok2 {
		t.Fatalf("README.md: want the lines %q and %q", columnsBegin, columnsEnd)
	}
	want := "\n" + Columns(f) + "\n"
	switch {
	case old == want:
	case *update:
		if err := os.WriteFile("README.md", []byte(before+columnsBegin+want+columnsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md: the table of columns is out of date; -update rewrites it")
	}
}

// Columns renders the format's columns as a table in Markdown.
func Columns(f *format.Format) string {
	var b strings.Builder
	b.WriteString("| Column | Type | From | Notes |\n|---|---|---|---|\n")
	known, _ := table.Get(f.Table)
	for _, c := range f.Columns {
		column, _ := known.Column(c.Name)
		from := c.From
		if !strings.Contains(from, " ") {
			from = "`" + from + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.Name, column.Type, escape(from), escape(c.Doc))
	}
	return b.String()
}

func escape(cell string) string { return strings.ReplaceAll(cell, "|", `\|`) }
