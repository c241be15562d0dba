package top

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/logferry/logferry/pkg/health"
	"github.com/logferry/logferry/services/logferry/internal/status"
)

// box is one station of the flow.
type box struct {
	name  string
	line  status.Line
	rate  string
	facts [2]string
	curve []float64
}

// minBox is the width of the narrowest box that can be read.
const minBox = 12

// drawFlow draws the stages as the logs flow, and behind them the destinations.
func drawFlow(history []status.Snapshot, width int) []string {
	boxes := stations(history)
	if len(boxes) == 0 {
		return nil
	}
	each := min((width-2-2*(len(boxes)-1))/len(boxes), 30)
	if each < minBox {
		return []string{narrowFlow(boxes)}
	}
	drawn := make([][]string, len(boxes))
	for i, b := range boxes {
		drawn[i] = b.draw(each)
	}
	lines := make([]string, len(drawn[0]))
	for row := range lines {
		gap := "  "
		if row == 1 {
			gap = dim("─▶")
		}
		cells := make([]string, len(drawn))
		for i := range drawn {
			cells[i] = drawn[i][row]
		}
		lines[row] = " " + strings.Join(cells, gap)
	}
	return lines
}

func stations(history []status.Snapshot) []box {
	now := history[len(history)-1]
	var boxes []box
	for _, l := range now.Of(health.Stage) {
		b := box{name: l.Subject.Name, line: l, rate: rateOf(l)}
		b.facts = [2]string{"work " + status.Number(float64(l.InWork)), "wait " + status.Number(float64(l.Waiting))}
		b.curve = series(history, func(s status.Snapshot) float64 {
			was, _ := s.Line(l.Subject)
			return measure(was)
		})
		boxes = append(boxes, b)
	}
	return append(boxes, target(history))
}

// target is the box of the destinations. With several, the worst gives the
// state.
func target(history []status.Snapshot) box {
	now := history[len(history)-1]
	var all []status.Line
	for _, l := range now.Of(health.Destination) {
		if l.Subject.Table == "" {
			all = append(all, l)
		}
	}
	sum := now.Sum()
	b := box{rate: status.Bytes(sum.Rate.Bytes) + "/s", facts: [2]string{"lag " + status.Span(sum.Lag), "waits " + old(now.Time, sum.Oldest)}}
	b.curve = series(history, func(s status.Snapshot) float64 { return s.Sum().Rate.Bytes })
	for i, l := range all {
		if i == 0 || l.Status == health.Failing && b.line.Status != health.Failing {
			b.line = l
		}
	}
	switch len(all) {
	case 0:
		b.name = "no destination"
	case 1:
		b.name = all[0].Name()
	default:
		b.name = fmt.Sprintf("%d destinations", len(all))
	}
	return b
}

// measure is the number that a line's rate is told by: objects of the stages
// that have no rows yet.
func measure(l status.Line) float64 {
	if byObjects(l) {
		return l.Rate.Objects
	}
	return l.Rate.Rows
}

func byObjects(l status.Line) bool {
	return l.Subject.Kind == health.Stage && (l.Subject.Name == "poller" || l.Subject.Name == "fetcher")
}

func rateOf(l status.Line) string {
	unit := " row/s"
	if byObjects(l) {
		unit = " obj/s"
	}
	return status.Number(measure(l)) + unit
}

// draw draws the box: its name in the frame above, what fails in the one below.
func (b box) draw(width int) []string {
	inner := width - 3
	failing := b.line.Status == health.Failing
	frame, mark := dim, good("●")
	switch {
	case failing:
		frame, mark = bad, bad("●")
	case b.line.Status != health.Success:
		mark = dim("○")
	}
	name := ansi.Truncate(b.name, width-6, "…")
	top := frame("╭ ") + mark + " " + bold(name) + frame(" "+strings.Repeat("─", max(0, width-6-ansi.StringWidth(name)))+"╮")
	bottom := frame("╰" + strings.Repeat("─", width-2) + "╯")
	if failing {
		reason := ansi.Truncate(string(b.line.Reason), width-2, "…")
		bottom = frame("╰" + reason + strings.Repeat("─", width-2-ansi.StringWidth(reason)) + "╯")
	}
	row := func(text string) string {
		text = ansi.Truncate(text, inner, "…")
		return frame("│ ") + text + strings.Repeat(" ", inner-ansi.StringWidth(text)) + frame("│")
	}
	return []string{top, row(bold(b.rate)), row(b.facts[0]), row(b.facts[1]), row(curveColour(sparkline(b.curve, inner-1))), bottom}
}

// narrowFlow is the flow in one line, for a narrow terminal.
func narrowFlow(boxes []box) string {
	parts := make([]string, len(boxes))
	for i, b := range boxes {
		parts[i] = b.name + " " + wordStyle(b.line)(b.rate)
	}
	return " " + strings.Join(parts, dim(" ▶ "))
}
