package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/logferry/logferry/pkg/health"
	"github.com/logferry/logferry/services/logferry/internal/status"
)

// column is a column of the lists.
type column struct {
	title string
	width int
	// wide columns are there only on a wide terminal.
	wide  bool
	value func(status.Snapshot, status.Line) string
}

// columns are those behind name and state, in order. What matters most is at
// the left: what does not fit is left out at the right.
var columns = []column{
	{"obj/s", 7, true, func(_ status.Snapshot, l status.Line) string { return status.Number(l.Rate.Objects) }},
	{"rows/s", 6, false, func(_ status.Snapshot, l status.Line) string { return status.Number(l.Rate.Rows) }},
	{"bytes/s", 7, true, func(_ status.Snapshot, l status.Line) string { return status.Bytes(l.Rate.Bytes) }},
	{"lag", 5, false, func(_ status.Snapshot, l status.Line) string { return status.Span(l.Lag) }},
	{"oldest", 6, false, func(s status.Snapshot, l status.Line) string { return old(s.Time, l.Oldest) }},
	{"work", 7, true, func(_ status.Snapshot, l status.Line) string { return status.Number(float64(l.InWork)) }},
	{"wait", 7, true, func(_ status.Snapshot, l status.Line) string { return status.Number(float64(l.Waiting)) }},
	{"err/s", 6, true, func(_ status.Snapshot, l status.Line) string { return status.Number(l.Rate.Errors) }},
	{"dead", 5, false, func(_ status.Snapshot, l status.Line) string { return status.Number(float64(l.DeadLetters)) }},
	{"last rows", 9, true, func(s status.Snapshot, l status.Line) string { return old(s.Time, l.LastSuccess) }},
}

// wideFrom is the width from which all columns are shown.
const wideFrom = 120

// shape is how the columns share the width.
type shape struct {
	name, state, curve int
	columns            []column
}

func shapeOf(width int) shape {
	s := shape{name: 17, state: 22}
	if width >= wideFrom {
		s.name, s.state = 30, 24
	}
	left := width - 2 - s.name - 1 - s.state
	for _, c := range columns {
		if (!c.wide || width >= wideFrom) && left > c.width {
			s.columns = append(s.columns, c)
			left -= c.width + 1
		}
	}
	s.curve = min(max(0, left-2), 40)
	return s
}

// linesOf returns the lines of a list. Connections that fail come first, so that
// they are seen however many there are.
func linesOf(s status.Snapshot, panel int) []status.Line {
	lines := s.Of(panels[panel].kind)
	if panel == 0 {
		slices.SortStableFunc(lines, func(a, b status.Line) int {
			return cmp.Compare(fails(b), fails(a))
		})
	}
	return lines
}

func fails(l status.Line) int {
	if l.Status == health.Failing {
		return 1
	}
	return 0
}

// lists draws the lists one below the other, in at most that many lines: each
// has a heading, and a window around the line that is chosen.
func lists(history []status.Snapshot, v View, width, room int) []string {
	now := history[len(history)-1]
	first, second := len(linesOf(now, 0)), len(linesOf(now, 1))
	rows := max(room-len(panels), 0)
	first = min(first, max(rows-second, (rows+1)/2))
	second = min(second, rows-first)
	return append(list(history, v, 0, width, first), list(history, v, 1, width, second)...)
}

func list(history []status.Snapshot, v View, panel, width, rows int) []string {
	now := history[len(history)-1]
	lines := linesOf(now, panel)
	chosen := clamp(v.Row[panel], len(lines))
	from := max(0, min(chosen-rows/2, len(lines)-rows))
	to := min(from+rows, len(lines))
	s := shapeOf(width)
	out := []string{s.heading(panels[panel].title, len(lines), to-from, v.Panel == panel)}
	for i := from; i < to; i++ {
		out = append(out, s.row(history, lines[i], v.Panel == panel && i == chosen))
	}
	return out
}

func (s shape) heading(title string, all, shown int, focus bool) string {
	if shown < all {
		title += fmt.Sprintf(" %d/%d", shown, all)
	}
	style := dim
	if focus {
		style = bold
	}
	text := style(cell(title, s.name+2)) + " " + dim(cell("state", s.state))
	for _, c := range s.columns {
		text += " " + dim(number(c.title, c.width))
	}
	return " " + strings.TrimPrefix(text, " ")
}

func (s shape) row(history []status.Snapshot, l status.Line, chosen bool) string {
	now := history[len(history)-1]
	mark, name := "  ", cell(middle(l.Name(), s.name), s.name)
	if l.Subject.Table != "" {
		name = cell("  "+middle(l.Name(), s.name-2), s.name)
	}
	if chosen {
		mark, name = "▸ ", bold(name)
	}
	text := " " + mark + name + " " + wordStyle(l)(cell(l.Word(), s.state))
	for _, c := range s.columns {
		value := number(c.value(now, l), c.width)
		switch {
		case c.title == "dead" && l.DeadLetters > 0, c.title == "err/s" && l.Rate.Errors > 0:
			value = warn(value)
		case strings.TrimSpace(value) == "0" || strings.TrimSpace(value) == "0 B" || strings.TrimSpace(value) == "-":
			value = dim(value)
		}
		text += " " + value
	}
	if s.curve >= 5 {
		curve := series(history, func(at status.Snapshot) float64 {
			was, _ := at.Line(l.Subject)
			return was.Rate.Rows
		})
		text += "  " + curveColour(sparkline(curve, s.curve-1))
	}
	return text
}

// middle shortens a name in its middle: names of a kind differ at their ends.
func middle(name string, width int) string {
	long := len(name)
	if long <= width || width < 5 {
		return name
	}
	return name[:width/2] + "…" + name[long-(width-width/2-1):]
}

// cell is a text of exactly that width, at the left.
func cell(text string, width int) string {
	text = ansi.Truncate(status.Visible(text), width, "…")
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

// number is the same, at the right.
func number(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return strings.Repeat(" ", max(0, width-ansi.StringWidth(text))) + text
}

// wordStyle is how the word of the line's state is shown.
func wordStyle(l status.Line) func(string) string {
	switch {
	case l.Status == health.Failing:
		return bad
	case l.Paused:
		return warn
	case l.Status == health.Success:
		return good
	}
	return dim
}
