package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// textWidth is what lines are kept to: a terminal beside an editor.
const textWidth = 100

// cellWidth is what a column takes at most that is not the last.
const cellWidth = 48

// WriteText writes the report for a terminal: the verdict in the first line,
// then aligned tables.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, r.headline())
	for _, line := range []string{r.subject(), r.occasion()} {
		if line != "" {
			fmt.Fprintln(&b, clipped(plain(line), textWidth))
		}
	}
	for _, warning := range r.warnings() {
		fmt.Fprintln(&b, "! "+plain(warning))
	}
	tables := r.tables()
	if targets := r.targetTable(); len(targets.Rows) > 0 {
		tables = slices.Insert(tables, 0, targets)
	}
	for _, t := range tables {
		t.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// headline is the whole run in a line.
func (r Report) headline() string {
	state := "FAILED"
	switch {
	case r.Counts.Unknown:
		state = "NOT COUNTED"
	case r.Exact():
		state = "EXACT"
	}
	parts := []string{fmt.Sprintf("lost %s, doubled %s", r.Counts.lost(), r.Counts.doubled()),
		number(r.Rates.Events) + " events/s",
		fmt.Sprintf("lag p50 %s, p99 %s", millis(r.Lag.P50), millis(r.Lag.P99))}
	if met := r.targetsMet(); met != "" {
		parts = append(parts, met)
	}
	return state + "  " + strings.Join(parts, " · ")
}

func (t table) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s\n", t.Title)
	lines := make([][]string, 0, len(t.Rows)+1)
	if t.Head != nil {
		lines = append(lines, t.Head)
	}
	for _, r := range t.Rows {
		lines = append(lines, r.Cells)
	}
	widths := make([]int, len(t.Align))
	for _, cells := range lines {
		for i := range cells {
			cells[i] = plain(cells[i])
			if i < len(cells)-1 {
				cells[i] = clipped(cells[i], cellWidth)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[i]))
		}
	}
	for _, cells := range lines {
		b.WriteString(t.line(cells, widths) + "\n")
	}
}

// line pads the cells to their columns; the last one has what is left of the
// line, and ends in … when that is too little.
func (t table) line(cells []string, widths []int) string {
	var b strings.Builder
	used := 0
	for i, c := range cells {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
		b.WriteString("  ")
		used += 2
		switch last := i == len(cells)-1; {
		case t.Right(i):
			b.WriteString(pad + c)
		case last:
			b.WriteString(clipped(c, max(20, textWidth-used)))
		default:
			b.WriteString(c + pad)
		}
		used += widths[i]
	}
	return strings.TrimRight(b.String(), " ")
}
