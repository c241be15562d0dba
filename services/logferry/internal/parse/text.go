package parse

import (
	"bufio"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// maxWidth is how many characters of a value are shown.
const maxWidth = 48

// text writes aligned columns for people: those that have a value in the first
// rows of a table. Widths are those of these rows, so that nothing has to be
// held until the end.
type text struct {
	w       *bufio.Writer
	table   string
	columns []int
	widths  []int
}

// Write implements [Output].
func (t *text) Write(table string, record arrow.Record) error {
	if t.table != table {
		if t.table != "" {
			fmt.Fprintln(t.w)
		}
		t.layOut(table, record)
		t.line(func(column int) string { return record.ColumnName(column) })
	}
	for row := range int(record.NumRows()) {
		t.line(func(column int) string { return value(record.Column(column), row) })
	}
	return t.w.Flush()
}

// layOut chooses the columns by the first rows.
func (t *text) layOut(table string, record arrow.Record) {
	t.table, t.columns, t.widths = table, nil, nil
	for i, c := range record.Columns() {
		if c.NullN() == c.Len() {
			continue
		}
		width := utf8.RuneCountInString(record.ColumnName(i))
		for row := range c.Len() {
			width = max(width, utf8.RuneCountInString(value(c, row)))
		}
		t.columns, t.widths = append(t.columns, i), append(t.widths, min(width, maxWidth))
	}
}

func (t *text) line(cell func(column int) string) {
	for i, column := range t.columns {
		shown := clip(cell(column), t.widths[i])
		t.w.WriteString(shown)
		if i < len(t.columns)-1 {
			t.w.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(shown)+2))
		}
	}
	t.w.WriteByte('\n')
}

// value returns a value as text on one line; null is a dash.
func value(c arrow.Array, row int) string {
	if c.IsNull(row) {
		return "-"
	}
	if s, ok := c.(*array.String); ok {
		return strings.Map(oneLine, s.Value(row))
	}
	return c.ValueStr(row)
}

// oneLine replaces what would move the cursor of a terminal.
func oneLine(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return ' '
	}
	return r
}

// clip cuts text to a width in characters, with an ellipsis for what is gone.
func clip(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	for i := range s {
		if width--; width == 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// Close implements [Output].
func (t *text) Close() error { return t.w.Flush() }
