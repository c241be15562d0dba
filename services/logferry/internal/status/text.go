package status

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/health"
)

// WriteText writes the snapshot for people: one table, and below it what fails,
// since when, and what to do.
func (s Snapshot) WriteText(w io.Writer) error {
	rows := [][]string{{"", "state", "objects/s", "rows/s", "bytes/s", "lag", "oldest", "in work", "waiting", "errors", "dead", "last rows"}}
	for _, g := range groups {
		lines := s.Of(g.kind)
		if len(lines) == 0 {
			continue
		}
		rows = append(rows, []string{g.title})
		for _, l := range lines {
			rows = append(rows, []string{
				indent(l) + l.Name(), l.Word(), Number(l.Rate.Objects), Number(l.Rate.Rows), Bytes(l.Rate.Bytes), Span(l.Lag), Age(s.Time, l.Oldest),
				Number(float64(l.InWork)), Number(float64(l.Waiting)), Number(float64(l.Errors)), Number(float64(l.DeadLetters)), Age(s.Time, l.LastSuccess),
			})
		}
	}
	if _, err := io.WriteString(w, align(rows)+"\n"+s.foot()); err != nil {
		return err
	}
	return s.writeFailures(w)
}

// align lays cells out in columns: the first two are words, the others numbers.
func align(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell))
		}
	}
	var text strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i < 2 {
				fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
			} else {
				fmt.Fprintf(&line, "%*s  ", widths[i], cell)
			}
		}
		text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return text.String()
}

// foot says what the table does not.
func (s Snapshot) foot() string {
	text := fmt.Sprintf("processes: %d, dead letters: %d", s.Processes, s.DeadLetters)
	if s.Fullest != "" {
		text += fmt.Sprintf(", %s %.0f%% full", strings.ToLower(s.Fullest), 100*s.Fill)
	}
	return text + "\n"
}

// groups are the groups of lines, as the table has them.
var groups = []struct {
	kind  health.Kind
	title string
}{{health.Stage, "stages"}, {health.Connection, "connections"}, {health.Destination, "destinations"}}

func indent(l Line) string {
	if l.Subject.Table != "" {
		return "    "
	}
	return "  "
}

func (s Snapshot) writeFailures(w io.Writer) error {
	for _, g := range groups {
		for _, l := range s.Of(g.kind) {
			if l.Status != health.Failing {
				continue
			}
			code := string(l.Reason)
			if l.StatusCode != "" {
				code += ", " + Visible(l.StatusCode)
			}
			_, err := fmt.Fprintf(w, "\n%s: %s\n  %s, since %s\n  fix: %s\n", l.Subject, Visible(l.Message), code, l.Since.UTC().Format(time.RFC3339), l.Reason.Info().Fix)
			if err != nil {
				return err
			}
		}
	}
	return nil
}
