package backfill

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// saveEvery is how often it is saved how far the backfill is.
const saveEvery = time.Second

// save saves how far the backfill is, until ctx ends.
func (r *run) save(ctx context.Context, saves *saver) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := saves.save(ctx, &r.progress); err != nil && ctx.Err() == nil {
			r.env.Log.Warn("cannot save how far the backfill is; trying again", "err", err)
		}
	}
}

// line tells how far the backfill is.
func (r *run) line() string {
	t := r.progress.sum()
	line := fmt.Sprintf("backfill: listed %d, done before %d, carried %d, in flight %d", t.Listed, t.Known, t.Carried, r.progress.inFlight())
	if t.Dead > 0 {
		line += fmt.Sprintf(", dead %d", t.Dead)
	}
	if mark, _ := r.progress.finished(); mark != "" {
		line += fmt.Sprintf(", all done up to %q", mark)
	}
	return line
}

// print writes what became of the objects.
func (t Tally) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "listed\t%d objects\n", t.Listed)
	fmt.Fprintf(out, "ignored\t%d that hold no logs\n", t.Ignored)
	fmt.Fprintf(out, "done before\t%d\n", t.Known)
	fmt.Fprintf(out, "carried\t%d: %d bytes, %d rows delivered\n", t.Carried, t.Bytes, t.Rows)
	fmt.Fprintf(out, "dead\t%d of these, as a whole or in part: %d records\n", t.Dead, t.Records)
	return out.Flush()
}

// days counts objects and bytes by day.
type days struct {
	mu    sync.Mutex
	count map[string]Tally
}

func newDays() *days { return &days{count: map[string]Tally{}} }

// add counts an object for the day that its path tells, else for the one on
// which it was written.
func (d *days) add(i item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	day := i.day
	if day.IsZero() {
		day = i.LastModified
	}
	name := day.UTC().Format(time.DateOnly)
	t := d.count[name]
	t.add(Tally{Carried: 1, Bytes: i.Size})
	d.count[name] = t
}

// print writes what would be carried.
func (d *days) print(w io.Writer, total Tally) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "day\tobjects\tbytes\t")
	for _, day := range slices.Sorted(maps.Keys(d.count)) {
		fmt.Fprintf(out, "%s\t%d\t%d\t\n", day, d.count[day].Carried, d.count[day].Bytes)
	}
	fmt.Fprintf(out, "all\t%d\t%d\t\n", total.Carried, total.Bytes)
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "would be carried: %d of %d objects; ignored %d, done before %d\n", total.Carried, total.Listed, total.Ignored, total.Known)
	return err
}
