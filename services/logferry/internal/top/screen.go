package top

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/logferry/logferry/pkg/health"
	"github.com/logferry/logferry/services/logferry/internal/status"
)

// View is what a person has chosen to look at.
type View struct {
	// Panel is the list that has the focus, Row the line chosen in each.
	Panel int
	Row   [2]int
	// Paused says that the screen stands still, Help that it explains itself.
	Paused, Help bool
	// Problem is why there is no newer snapshot; empty: there is.
	Problem string
}

// panels are the lists, from top to bottom.
var panels = [2]struct {
	kind  health.Kind
	title string
}{{health.Connection, "connections"}, {health.Destination, "destinations"}}

// Render draws the screen: height lines, none wider than width. The last
// snapshot of the history is shown; those before it, oldest first, give the
// curves. Their rates must be filled.
func Render(history []status.Snapshot, v View, width, height int) string {
	if len(history) == 0 {
		return fit([]string{banner(status.Snapshot{}, v, width), "", waiting(v)}, width, height)
	}
	now := history[len(history)-1]
	lines := []string{banner(now, v, width), sums(now, width)}
	lines = append(lines, drawFlow(history, width)...)
	foot := append(detail(now, v, width), keys(v))
	room := height - len(lines) - len(foot)
	if v.Help {
		return fit(join(lines, pad(explain(width), room), foot), width, height)
	}
	middle := lists(history, v, width, room)
	if spare := room - len(middle); spare >= 6 {
		middle = append(middle, drawChart(history, width, min(spare, 22))...)
	}
	return fit(join(lines, pad(middle, room), foot), width, height)
}

func waiting(v View) string {
	if v.Problem != "" {
		return bad(" " + status.Visible(v.Problem))
	}
	return dim(" asking for the first numbers …")
}

// banner is the first line: the clock, and how all is.
func banner(s status.Snapshot, v View, width int) string {
	left, right := bold(" logferry top"), ""
	if !s.Time.IsZero() {
		left += "   " + s.Time.UTC().Format("15:04:05 UTC") + dim("   "+count(s.Processes, "process", "processes"))
		sum := s.Sum()
		right = good("● all well ")
		if sum.Failing > 0 {
			right = bad(fmt.Sprintf("● %d of %d failing ", sum.Failing, sum.Subjects))
		}
	}
	if v.Paused {
		right = warn("paused ") + " " + right
	}
	return spread(left, right, width)
}

// sums is the second line.
func sums(s status.Snapshot, width int) string {
	sum := s.Sum()
	part := func(name, value string) string { return dim(name+" ") + bold(value) }
	parts := []string{
		part("rows/s", status.Number(sum.Rate.Rows)), part("lag", status.Span(sum.Lag)), part("oldest", old(s.Time, sum.Oldest)),
	}
	dead := part("dead letters", status.Number(float64(s.DeadLetters)))
	if s.DeadLetters > 0 {
		dead = dim("dead letters ") + warn(status.Number(float64(s.DeadLetters)))
	}
	parts = append(parts, dead)
	if s.Fullest != "" {
		style := bold
		if s.Fill > 0.8 {
			style = bad
		}
		parts = append(parts, dim("stream "+strings.ToLower(s.Fullest)+" ")+style(fmt.Sprintf("%.0f%%", 100*s.Fill)))
	}
	return ansi.Truncate(" "+strings.Join(parts, "   "), width, "…")
}

func old(now, then time.Time) string { return status.Age(now, then) }

// detail tells of the line that is chosen, in three lines or more.
func detail(s status.Snapshot, v View, width int) []string {
	lines := linesOf(s, v.Panel)
	head := dim(" ───")
	if v.Problem != "" {
		head = bad(" no answer since " + s.Time.UTC().Format("15:04:05") + ": " + status.Visible(v.Problem))
	}
	if len(lines) == 0 {
		return []string{head, dim(" no " + panels[v.Panel].title), ""}
	}
	l := lines[clamp(v.Row[v.Panel], len(lines))]
	if v.Problem == "" {
		head = dim(" ─ ") + bold(l.Subject.String()) + dim(": ") + wordStyle(l)(l.Word()) + dim(" for "+status.Age(s.Time, l.Since)+", "+errorCount(l))
	}
	if l.Status == health.Failing {
		text := wrap(status.Visible(l.Message), width, 2)
		return join([]string{head}, text, wrap("fix: "+l.Reason.Info().Fix, width, 3))
	}
	last := "no rows accepted yet"
	if !l.LastSuccess.IsZero() {
		last = "rows accepted " + status.Age(s.Time, l.LastSuccess) + " ago, " + status.Number(float64(l.Rows)) + " in all"
	}
	return []string{head, "   " + last, dim("   " + lastObject(l))}
}

// wrap breaks a text into at most that many lines, indented.
func wrap(text string, width, most int) []string {
	lines := strings.Split(ansi.Wordwrap(text, max(width-5, 1), " "), "\n")
	if len(lines) > most {
		lines = append(lines[:most-1], strings.Join(lines[most-1:], " "))
	}
	for i := range lines {
		lines[i] = "   " + lines[i]
	}
	return lines
}

func lastObject(l status.Line) string {
	if l.LastObject == "" {
		return ""
	}
	return "last object: " + status.Visible(l.LastObject)
}

func errorCount(l status.Line) string {
	return count(int(l.Errors), "error", "errors")
}

// keys is the last line.
func keys(v View) string {
	key := func(name, does string) string { return bold(name) + dim(" "+does) }
	pause, help := "pause", "help"
	if v.Paused {
		pause = "go on"
	}
	if v.Help {
		help = "back"
	}
	return " " + strings.Join([]string{
		key("q", "quit"), key("p", pause), key("tab", "other list"), key("↑↓", "choose"), key("?", help),
	}, "   ")
}

// explain says what the screen shows.
func explain(width int) []string {
	text := []string{
		"", bold(" What is what"), "",
		" work      what a stage has in its hands; a connection: objects on their way",
		" wait      what lies on the bus, or in the queue, for it",
		" lag       from the notification of an object to the acceptance of its rows",
		" oldest    how long the oldest that is not delivered has been waiting",
		" dead      dead letters that are open: logferry dead list",
		" state     ok when rows are accepted, else the reason code of what fails",
		" curves    the rate of the last minutes, each line to its own scale",
	}
	for i := range text {
		text[i] = ansi.Truncate(text[i], width, "…")
	}
	return text
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return status.Number(float64(n)) + " " + many
}

// fit makes a screen of lines: as many as fit, none too wide.
func fit(lines []string, width, height int) string {
	lines = pad(lines, height)
	if len(lines) > height {
		lines = lines[:max(height, 0)]
	}
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, width, "…")
	}
	return strings.Join(lines, "\n")
}

// pad makes it so many lines, if they are fewer.
func pad(lines []string, n int) []string {
	for len(lines) < n {
		lines = append(lines, "")
	}
	return lines
}

func join(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// spread puts one text at the left and the other at the right.
func spread(left, right string, width int) string {
	return left + strings.Repeat(" ", max(1, width-ansi.StringWidth(left)-ansi.StringWidth(right))) + right
}

func clamp(i, n int) int { return max(0, min(i, n-1)) }
