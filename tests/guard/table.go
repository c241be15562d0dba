package guard

import (
	"fmt"
	"strconv"
	"strings"
)

// Entry is a line of the table: the ratio of a step, and where it was recorded.
type Entry struct {
	Step, Against string
	Ratio         float64
	Date, Commit  string
}

const header = "step\tagainst\tratio\tdate\tcommit\n"

// Format writes the table.
func Format(entries []Entry) string {
	var b strings.Builder
	b.WriteString(header)
	for _, e := range entries {
		fmt.Fprintf(&b, "%s\t%s\t%.3g\t%s\t%s\n", e.Step, e.Against, e.Ratio, e.Date, e.Commit)
	}
	return b.String()
}

// Parse reads the table.
func Parse(text string) ([]Entry, error) {
	text, ok := strings.CutPrefix(text, header)
	if !ok {
		return nil, fmt.Errorf("table of ratios: its first line is not %q", header)
	}
	var entries []Entry
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != strings.Count(header, "\t")+1 {
			return nil, fmt.Errorf("table of ratios: %d fields in %q", len(fields), line)
		}
		ratio, err := strconv.ParseFloat(fields[2], 64)
		if err != nil || ratio <= 0 {
			return nil, fmt.Errorf("table of ratios: no ratio in %q", line)
		}
		entries = append(entries, Entry{fields[0], fields[1], ratio, fields[3], fields[4]})
	}
	return entries, nil
}
