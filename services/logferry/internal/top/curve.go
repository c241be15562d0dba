package top

import (
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/logferry/logferry/services/logferry/internal/status"
)

// The styles of the screen: the terminal's own colours, so that they fit its
// background.
func bold(text string) string { return lipgloss.NewStyle().Bold(true).Render(text) }
func dim(text string) string  { return lipgloss.NewStyle().Faint(true).Render(text) }
func good(text string) string { return lipgloss.NewStyle().Foreground(lipgloss.Green).Render(text) }
func warn(text string) string {
	return lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Yellow).Render(text)
}
func bad(text string) string {
	return lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red).Render(text)
}
func curveColour(text string) string {
	return lipgloss.NewStyle().Foreground(lipgloss.Cyan).Render(text)
}

// series is a number of each snapshot, oldest first. The first snapshot has no
// rates and is left out.
func series(history []status.Snapshot, f func(status.Snapshot) float64) []float64 {
	values := make([]float64, 0, len(history))
	for _, s := range history[1:] {
		values = append(values, f(s))
	}
	return values
}

// eighths are the bars of one cell, from empty to full.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// sparkline draws the last values in so many cells, the latest at the right,
// scaled to the largest. Nothing at all is a line at the bottom.
func sparkline(values []float64, width int) string {
	values = last(values, width)
	top := largest(values)
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", max(0, width-len(values))))
	for _, v := range values {
		b.WriteRune(eighths[max(1, level(v, top, 8))])
	}
	return b.String()
}

// drawChart draws the rows a second of all destinations, with so many lines.
func drawChart(history []status.Snapshot, width, height int) []string {
	const axis = 9
	values := last(series(history, func(s status.Snapshot) float64 { return s.Sum().Rate.Rows }), width-axis-1)
	top := largest(values)
	rows := height - 2 // a blank line and the title
	lines := []string{"", bold(" rows/s") + dim("  of all destinations, now at the right")}
	for row := rows - 1; row >= 0; row-- {
		label := ""
		switch row {
		case rows - 1:
			label = status.Number(top)
		case 0:
			label = "0"
		}
		var b strings.Builder
		b.WriteString(strings.Repeat(" ", max(0, width-axis-1-len(values))))
		for _, v := range values {
			b.WriteRune(eighths[max(0, min(8, level(v, top, 8*rows)-8*row))])
		}
		lines = append(lines, dim(number(label, axis-2)+" ┤")+curveColour(b.String()))
	}
	return lines
}

// level is how high a value is among so many steps. What is more than nothing
// is at least one.
func level(v, top float64, steps int) int {
	if v <= 0 || top <= 0 {
		return 0
	}
	return max(1, int(v/top*float64(steps)+0.5))
}

func largest(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Max(values)
}

func last(values []float64, n int) []float64 { return values[max(0, len(values)-max(n, 0)):] }
