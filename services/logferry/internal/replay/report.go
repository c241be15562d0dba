package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/logferry/logferry/pkg/bus"
)

// keepsTime is how old an event may be before Log Analytics replaces its time.
const keepsTime = 48 * time.Hour

// tally counts batches of one kind.
type tally struct {
	Connection  string `json:"connection"`
	Destination string `json:"destination"`
	Table       string `json:"table"`
	Batches     int64  `json:"batches"`
	// Rows are rows, or the records that rows will be made of.
	Rows int64 `json:"rows"`
	// Old are those of objects that were announced more than two days ago.
	Old    int64     `json:"old_rows"`
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
}

// kind is what a tally is of.
type kind struct{ connection, destination, table string }

type tallies map[kind]*tally

// count counts what headers calls its argument with.
func count(headers func(each func(bus.Header)) error) (tallies, error) {
	counted, now := tallies{}, time.Now()
	err := headers(func(h bus.Header) {
		k := kind{h.Meta.Connection, h.Meta.Destination, h.Meta.Table}
		t := counted[k]
		if t == nil {
			t = &tally{Connection: k.connection, Destination: k.destination, Table: k.table, Oldest: h.Stored}
			counted[k] = t
		}
		t.Batches++
		t.Rows += h.Rows
		if n := h.Meta.Notified; !n.IsZero() && now.Sub(n) > keepsTime {
			t.Old += h.Rows
		}
		t.Newest = h.Stored
	})
	return counted, err
}

// list returns the tallies in the order of their names.
func (t tallies) list() []*tally {
	var list []*tally
	for _, one := range t {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Destination, b.Destination))
	})
	return list
}

func (t tallies) total() (sum tally) {
	for _, one := range t {
		sum.Batches += one.Batches
		sum.Rows += one.Rows
		sum.Old += one.Old
	}
	return sum
}

func (o Options) printCount(counted tallies) error {
	list := counted.list()
	if o.JSON {
		return json.NewEncoder(o.Out).Encode(struct {
			From   string   `json:"from"`
			Counts []*tally `json:"counts"`
		}{from(o.Selection), append([]*tally{}, list...)})
	}
	w := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CONNECTION\tTABLE\tDESTINATION\tBATCHES\tROWS\tOLDER THAN 2 DAYS\tSTORED FROM\tTO")
	for _, t := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", t.Connection, t.Table, t.Destination, t.Batches, t.Rows, t.Old,
			t.Oldest.UTC().Format(time.RFC3339), t.Newest.UTC().Format(time.RFC3339))
	}
	total := counted.total()
	fmt.Fprintf(w, "all\t\t\t%d\t%d\t%d\t\t\n", total.Batches, total.Rows, total.Old)
	return w.Flush()
}

func from(s bus.Selection) string {
	if s.Rows {
		return "rows"
	}
	return "raw"
}

// line tells how far the replay is.
func (r *run) line() string {
	p := r.replay.Progress()
	return fmt.Sprintf("replay: batches %d of %d, rows %d, rejected %d", r.seen.batches.Load(), r.left.total().Batches, p.Rows, p.Dead)
}

// result is what came of a replay, of all its runs together.
type result struct {
	ID       string    `json:"id"`
	From     string    `json:"from"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Batches  int64     `json:"batches"`
	Rows     int64     `json:"rows"`
	Rejected int64     `json:"rejected"`
	Skipped  int64     `json:"skipped_batches"`
	Old      int64     `json:"old_rows"`
	Seconds  float64   `json:"seconds"`
}

// finish prints the result.
func (r *run) finish() error {
	p, s := r.replay.Progress(), r.replay.Selection
	if s.Until.IsZero() {
		s.Until = r.replay.Begun
	}
	done := r.seen.batches.Load()
	if gone := r.left.total().Batches - done; gone > 0 && !r.replay.Resumed {
		r.notes.Say("replay: %d batches left the bus before they were replayed: it keeps them for %v (bus.replay)", gone, r.env.Config.Bus.Replay)
	}
	got := result{
		ID: r.id, From: from(s), Since: s.Since.UTC(), Until: s.Until.UTC(),
		Batches: p.Parts, Rows: p.Rows, Rejected: p.Dead, Skipped: p.Skipped, Old: r.old,
		Seconds: time.Since(r.began).Seconds(),
	}
	if err := r.print(got); err != nil {
		return err
	}
	if got.Rejected+r.seen.refused.Load() > 0 {
		return ErrRejected
	}
	return nil
}

func (r *run) print(got result) error {
	if r.JSON {
		return json.NewEncoder(r.Out).Encode(got)
	}
	w := tabwriter.NewWriter(r.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "replayed from %s\t%s to %s\n", got.From, got.Since.Format(time.RFC3339), got.Until.Format(time.RFC3339))
	fmt.Fprintf(w, "batches\t%d\n", got.Batches)
	fmt.Fprintf(w, "already written\t%d\n", got.Skipped)
	fmt.Fprintf(w, "rows written\t%d\n", got.Rows)
	fmt.Fprintf(w, "rejected\t%d\n", got.Rejected)
	if got.Old > 0 {
		fmt.Fprintf(w, "older than 2 days\t%d: Log Analytics has replaced their TimeGenerated; see event_time\n", got.Old)
	}
	fmt.Fprintf(w, "took\t%s\n", time.Since(r.began).Round(100*time.Millisecond))
	return w.Flush()
}
