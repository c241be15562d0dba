package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/health"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

const (
	// fullSoon is how full a stream may be that stops everything when it is.
	fullSoon = 0.8
	// secondLook is how long after the first look it is looked again whether
	// somebody works: between two requests for work nobody seems to.
	secondLook = 300 * time.Millisecond
	// longSync is how much of what was written a machine that crashes may lose
	// at most, in time.
	longSync = 10 * time.Second
	// maxLetters bounds the dead letters that are counted by their reasons.
	maxLetters = 10_000
	// maxReasons is how many reasons are told.
	maxReasons = 5
)

const busSubject = "bus"

// bus looks whether the bus keeps what it is given, and whether somebody works
// on it.
func (e *examination) bus(ctx context.Context) {
	look := func(code, title string, f func() check.Outcome) check.Verdict {
		return e.report.Look(code, busSubject, title, f)
	}
	var h bus.Health
	if look("bus.reach", "reachable", func() (o check.Outcome) { h, o = e.reach(ctx); return o }) == check.Failed {
		return
	}
	look("bus.durable", "durable", func() check.Outcome { return e.durable(h) })
	look("bus.room", "room", func() check.Outcome { return room(h) })
	look("bus.services", "services", func() check.Outcome { return e.services(ctx, h) })
}

func (e *examination) reach(ctx context.Context) (bus.Health, check.Outcome) {
	where, fix := e.Config.Bus.URL, "see that the NATS server of bus.url runs and that this machine reaches it, with bus.credentials and bus.ca_file"
	if where == "" {
		where, fix = "bus.store "+e.Config.Bus.Store, "see the error; let the user who runs this read and write the directory"
	}
	if e.Bus == nil {
		return bus.Health{}, check.Fail(fix, "%v", e.Unreachable)
	}
	h, err := e.Bus.Health(ctx)
	if err != nil {
		return h, check.Fail("see the log of the NATS server; a cluster needs more than half of its servers", "%v", err)
	}
	if e.Config.Bus.URL != "" {
		where = "bus.url"
	}
	return h, check.Pass("%s, NATS server %s", where, h.Server)
}

// durable judges how well the bus keeps what it has.
func (e *examination) durable(h bus.Health) check.Outcome {
	var behind []string
	least := 0
	for _, s := range h.Streams {
		least = max(least, s.Replicas)
		if s.Replicas < s.Wanted || s.Current < s.Replicas {
			behind = append(behind, fmt.Sprintf("%s %d of %d", s.Name, s.Current, max(s.Wanted, s.Replicas)))
		}
		if s.Current == 0 {
			return check.Fail("bring the servers of the cluster back: more than half of a stream's replicas must run", "stream %s has no leader", s.Name)
		}
	}
	switch {
	case len(behind) > 0:
		return check.Doubt("see that all servers of the cluster run, or lower bus.replicas", "replicas that hold everything: %s", strings.Join(behind, ", "))
	case e.Config.Bus.URL != "":
		return check.Pass("%d streams on disk, replicas: %d", len(h.Streams), least)
	case e.Config.Bus.Sync > longSync:
		return check.Doubt("lower bus.sync, to 1s or 0", "a machine that crashes may lose what the bus was given in the last %s (bus.sync)", e.Config.Bus.Sync)
	case e.Config.Bus.Sync == 0:
		return check.Pass("%d streams on disk, kept with every message", len(h.Streams))
	}
	return check.Pass("%d streams on disk, kept every %s (bus.sync)", len(h.Streams), e.Config.Bus.Sync)
}

// room judges how full the streams are.
func room(h bus.Health) check.Outcome {
	var fullest bus.StreamHealth
	share := -1.0
	for _, s := range h.Streams {
		// one that drops what is oldest is full when all is well: what it drops
		// was delivered
		if full := float64(s.Bytes) / float64(max(s.Limit, 1)); s.Refuses && s.Limit > 0 && full > share {
			fullest, share = s, full
		}
	}
	seen := fmt.Sprintf("%s is %.0f%% full: %s of %s", strings.ToLower(fullest.Name), 100*share, size(fullest.Bytes), size(fullest.Limit))
	fix := "raise bus.max_bytes, dismiss dead letters (logferry dead dismiss), or shorten bus.ledger"
	switch {
	case share >= 1:
		return check.Fail(fix, "%s; nothing goes on", seen)
	case share >= fullSoon:
		return check.Doubt(fix, "%s; nothing goes on when it is", seen)
	}
	return check.Pass("%s", seen)
}

// services looks whether somebody takes the work.
func (e *examination) services(ctx context.Context, h bus.Health) check.Outcome {
	if e.Bus.IsAlone() {
		return check.Doubt("start it: logferry run --config "+e.File, "nobody runs Logferry on this bus; the doctor has opened it itself")
	}
	idle := unattended(h)
	if len(idle) > 0 && fault.Sleep(ctx, secondLook) == nil {
		if again, err := e.Bus.Health(ctx); err == nil {
			idle = slices.DeleteFunc(idle, func(name string) bool { return !slices.Contains(unattended(again), name) })
		}
	}
	if len(idle) > 0 {
		return check.Doubt("see that these services run, with this configuration, and what their logs say", "nobody takes work for %s", strings.Join(idle, ", "))
	}
	return check.Pass("somebody takes work for all %d workers", len(h.Workers))
}

func unattended(h bus.Health) []string {
	var names []string
	for _, w := range h.Workers {
		if !w.Attended {
			names = append(names, w.Name)
		}
	}
	return names
}

// flow looks how far behind the services are, and what they have set aside.
func (e *examination) flow(ctx context.Context) {
	if e.Bus == nil {
		return
	}
	e.report.Look("bus.lag", "flow", "backlog", func() check.Outcome { return e.lag(ctx) })
	e.report.Look("bus.dead", "flow", "dead letters", func() check.Outcome { return e.dead(ctx) })
}

// lag judges what waits on the bus.
func (e *examination) lag(ctx context.Context) check.Outcome {
	h, err := e.Bus.Health(ctx)
	if err != nil {
		return check.Skip("%v", err)
	}
	var worst bus.WorkerHealth
	var waiting, again int64
	for _, w := range h.Workers {
		waiting += w.Waiting + w.InWork
		again += w.Redelivered
		if !w.Oldest.IsZero() && (worst.Oldest.IsZero() || w.Oldest.Before(worst.Oldest)) {
			worst = w
		}
	}
	if worst.Oldest.IsZero() {
		return check.Pass("%d messages wait on the bus", waiting)
	}
	age := e.now.Sub(worst.Oldest).Round(time.Second)
	seen := fmt.Sprintf("%d messages wait on the bus, %d of them handed out more than once; the oldest, of connection %s, waits for %s since %s (%s)",
		waiting, again, worst.Connection, worst.Name, worst.Oldest.Format(time.RFC3339), max(age, 0))
	if age >= health.BacklogPatience {
		return check.Doubt("mend what fails above; when nothing does, see the log of the service and give it more room", "%s", seen)
	}
	return check.Pass("%s", seen)
}

// errEnough ends a listing of dead letters.
var errEnough = errors.New("enough dead letters are counted")

// dead counts the open dead letters by their reasons.
func (e *examination) dead(ctx context.Context) check.Outcome {
	counts, total := map[string]int{}, 0
	err := e.Bus.Letters(ctx, bus.LetterFilter{}, func(l bus.Letter) error {
		if !e.looksAt(l.GetConnection()) {
			return nil
		}
		counts[fmt.Sprintf("%s in the %s of %s", l.GetReason(), l.GetStage(), l.GetConnection())]++
		if total++; total >= maxLetters {
			return errEnough
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return check.Skip("%v", err)
	case total == 0:
		return check.Pass("none are open")
	}
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	var told []string
	for _, r := range reasons[:min(len(reasons), maxReasons)] {
		told = append(told, fmt.Sprintf("%d %s", counts[r], r))
	}
	more := ""
	if total >= maxLetters {
		more = " or more"
	}
	return check.Doubt("logferry dead list --config "+e.File+"; mend the cause, then logferry dead redrive --config "+e.File, "%d%s are open: %s", total, more, strings.Join(told, ", "))
}

// size tells bytes in a unit that people read.
func size(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, name := float64(bytes), ""
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < unit {
			break
		}
		value, name = value/unit, next
	}
	return fmt.Sprintf("%.1f %s", value, name)
}
