package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// tableObjects is how many objects a table lists unless all are wanted.
const tableObjects = 100

// Count counts objects by what became of them.
type Count struct {
	Objects   int64 `json:"objects"`
	Delivered int64 `json:"delivered"`
	Dead      int64 `json:"dead"`
	InFlight  int64 `json:"in_flight"`
	Missing   int64 `json:"missing"`
	// Rows are those delivered, of all objects that are done.
	Rows uint64 `json:"rows"`
	// Ignored objects hold no logs; they are not among the others.
	Ignored int64 `json:"ignored,omitempty"`
}

func (c *Count) add(f finding) {
	c.Objects++
	c.Rows += f.entry.Delivered
	switch f.state {
	case Delivered:
		c.Delivered++
	case Dead:
		c.Dead++
	case InFlight:
		c.InFlight++
	case Missing:
		c.Missing++
	}
}

func (c *Count) sum(d Count) {
	c.Objects += d.Objects
	c.Delivered += d.Delivered
	c.Dead += d.Dead
	c.InFlight += d.InFlight
	c.Missing += d.Missing
	c.Rows += d.Rows
}

// table is the output for people.
type table struct {
	Options
	objects []finding // missing and dead, as many as are listed
	more    int
}

func newTable(o Options) *table { return &table{Options: o} }

func (t *table) object(f finding) error {
	switch {
	case f.state == InFlight:
	case t.All || len(t.objects) < tableObjects:
		t.objects = append(t.objects, f)
	default:
		t.more++
	}
	return nil
}

func (t *table) end(days map[string]*Count, sum Count, begin time.Time) error {
	out := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "day\tobjects\tdelivered\tdead\tin flight\tmissing\trows\t")
	line := func(name string, c Count) {
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, c.Objects, c.Delivered, c.Dead, c.InFlight, c.Missing, c.Rows)
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		line(day, *days[day])
	}
	line("all", sum)
	if err := out.Flush(); err != nil {
		return err
	}
	if sum.Ignored > 0 {
		fmt.Fprintf(t.Out, "ignored: %d objects that hold no logs\n", sum.Ignored)
	}
	if err := t.list(); err != nil {
		return err
	}
	return t.hint(t.Out, sum, begin)
}

// list writes the objects that are missing or dead.
func (t *table) list() error {
	if len(t.objects) == 0 {
		return nil
	}
	slices.SortStableFunc(t.objects, func(a, b finding) int { return cmp.Compare(a.Key, b.Key) })
	fmt.Fprintln(t.Out)
	for _, f := range t.objects {
		version := ""
		if f.VersionID != "" {
			version = "  version " + f.VersionID
		}
		fmt.Fprintf(t.Out, "%-7s  %s  %s%s\n", f.state, f.day, shown("s3://"+f.Bucket+"/"+f.Key), version)
	}
	if t.more > 0 {
		fmt.Fprintf(t.Out, "and %d more: --all lists them, and so does --output json\n", t.more)
	}
	return nil
}

// shown quotes a name that would do something to a terminal.
func shown(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// hint says what may be done about what was found.
func (o Options) hint(w io.Writer, sum Count, begin time.Time) error {
	if sum.Objects == 0 {
		fmt.Fprintf(w, "\nno object was found: check --bucket, --prefix, --from and --to\n")
	}
	if sum.Dead > 0 {
		fmt.Fprintf(w, "\nsee what is dead: %s\n", o.List)
	}
	if sum.Missing == 0 {
		return nil
	}
	fmt.Fprintf(w, "\ncarry what is missing: %s\n", o.Carry)
	if !o.Span.From.Before(begin) {
		return nil
	}
	_, err := fmt.Fprintf(w, "the history begins at %s: an object that is missing may have been delivered before\n", begin.Format(time.RFC3339))
	return err
}

// lines is the output for programs: a line for each object that is not
// delivered, then one for each day, then one for all.
type lines struct {
	Options
	out *json.Encoder
}

func newLines(o Options) *lines {
	out := json.NewEncoder(o.Out)
	out.SetEscapeHTML(false)
	return &lines{Options: o, out: out}
}

// objectLine, dayLine and totalLine are the kinds of lines.
type objectLine struct {
	Type         string     `json:"type"` // object
	State        State      `json:"state"`
	Day          string     `json:"day"`
	Bucket       string     `json:"bucket"`
	Key          string     `json:"key"`
	VersionID    string     `json:"version_id,omitempty"`
	ETag         string     `json:"etag"`
	Size         int64      `json:"size"`
	LastModified time.Time  `json:"last_modified"`
	Object       string     `json:"object"`
	Seen         *time.Time `json:"seen,omitempty"`
}

type dayLine struct {
	Type string `json:"type"` // day
	Day  string `json:"day"`
	Count
}

type totalLine struct {
	Type string `json:"type"` // total
	Count
	// HistoryBegin is since when the history knows everything. When the span
	// begins before, what is missing may have been delivered.
	HistoryBegin time.Time `json:"history_begin"`
	Uncertain    bool      `json:"uncertain"`
}

func (l *lines) object(f finding) error {
	line := objectLine{
		Type: "object", State: f.state, Day: f.day, Bucket: f.Bucket, Key: f.Key, VersionID: f.VersionID,
		ETag: f.ETag, Size: f.Size, LastModified: f.LastModified, Object: f.id,
	}
	if !f.seen.IsZero() {
		line.Seen = &f.seen
	}
	return l.out.Encode(line)
}

func (l *lines) end(days map[string]*Count, sum Count, begin time.Time) error {
	for _, day := range slices.Sorted(maps.Keys(days)) {
		if err := l.out.Encode(dayLine{"day", day, *days[day]}); err != nil {
			return err
		}
	}
	if err := l.out.Encode(totalLine{"total", sum, begin, l.Span.From.Before(begin)}); err != nil {
		return err
	}
	return l.hint(l.Notes, sum, begin)
}
