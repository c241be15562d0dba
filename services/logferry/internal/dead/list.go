package dead

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/logferry/logferry/pkg/bus"
)

// Forms of a list.
const (
	Table     = "table"
	JSONLines = "json"
)

// List writes the letters of the filter to w, oldest first: as a table, or as
// a JSON object a line. At the end it says on notes how many there are, by
// reason.
func List(ctx context.Context, b *bus.Bus, f bus.LetterFilter, form string, w, notes io.Writer) error {
	reasons := map[string]int{}
	write, end := lines(w)
	if form == Table {
		write, end = columns(w)
	}
	err := b.Letters(ctx, f, func(l bus.Letter) error {
		reasons[l.GetReason()]++
		return write(l)
	})
	if err != nil {
		return err
	}
	if err := end(); err != nil {
		return err
	}
	fmt.Fprintln(notes, tally(reasons))
	return nil
}

// lines writes letters as JSON lines.
func lines(w io.Writer) (write func(bus.Letter) error, end func() error) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(l bus.Letter) error { return e.Encode(FactsOf(l)) }, func() error { return nil }
}

// columns writes letters as a table.
func columns(w io.Writer) (write func(bus.Letter) error, end func() error) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	begun := false
	return func(l bus.Letter) error {
		if !begun {
			begun = true
			fmt.Fprintln(t, "LETTER\tSTORED\tSTAGE\tREASON\tCONNECTION\tTABLE\tRECORDS\tWHERE")
		}
		records := "-"
		if n := l.GetRecords(); n > 0 {
			records = fmt.Sprint(n)
		}
		_, err := fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", brief(l.Token), l.Stored.Format("2006-01-02T15:04:05Z"),
			visible(l.GetStage()), visible(l.GetReason()), visible(cmp.Or(l.GetConnection(), "-")), visible(cmp.Or(l.GetTable(), "-")),
			records, visible(bus.OriginOf(l.DeadLetter)))
		return err
	}, t.Flush
}

// tally says how many letters there are, and how many by reason.
func tally(reasons map[string]int) string {
	all := 0
	var parts []string
	for _, reason := range slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), cmp.Compare(a, b))
	}) {
		all += reasons[reason]
		parts = append(parts, fmt.Sprintf("%s %d", visible(reason), reasons[reason]))
	}
	if all == 0 {
		return "no dead letters"
	}
	return count(all, "dead letter", "dead letters") + ": " + strings.Join(parts, ", ")
}

// visible returns text on one line, without what would move the cursor of a
// terminal: letters hold what others wrote.
func visible(text string) string { return strings.Map(oneLine, text) }

func oneLine(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return ' '
	}
	return r
}
