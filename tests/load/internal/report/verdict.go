package report

import (
	"cmp"
	"fmt"
	"strings"
)

// Exact reports whether there were events, and every one arrived once.
func (r Report) Exact() bool {
	return r.Counts.Events > 0 && r.Counts.Lost == 0 && r.Counts.Doubled == 0
}

// verdict is the report's first words.
func (r Report) verdict() string {
	switch c := r.Counts; {
	case c.Unknown:
		return "what was lost or doubled was not counted"
	case c.Events == 0:
		return "no events were fed"
	case c.Lost != 0 && c.Doubled != 0:
		return "events were lost and doubled"
	case c.Lost != 0:
		return "events were lost"
	case c.Doubled != 0:
		return "events were doubled"
	}
	return "every event arrived exactly once"
}

// lost and doubled are the counts that must be 0, in words.
func (c Counts) lost() string    { return c.known(c.Lost) }
func (c Counts) doubled() string { return c.known(c.Doubled) }

func (c Counts) known(n int64) string {
	if c.Unknown {
		return "unknown"
	}
	return count(n)
}

// subject says what was run.
func (r Report) subject() string {
	s := cmp.Or(r.Scenario, "unnamed run")
	if r.Layout != "" {
		s += ", " + r.Layout
	}
	return s
}

// occasion says when it was run, and with what.
func (r Report) occasion() string {
	var parts []string
	if !r.Began.IsZero() {
		parts = append(parts, r.Began.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if r.Machine.Commit != "" {
		parts = append(parts, "commit "+r.Machine.Commit)
	}
	if r.Machine.CPU != "" {
		parts = append(parts, r.Machine.CPU)
	}
	if r.Machine.Cores > 0 {
		parts = append(parts, fmt.Sprintf("%d cores", r.Machine.Cores))
	}
	return strings.Join(parts, " · ")
}

// warnings are what a reader must know before the figures.
func (r Report) warnings() []string {
	var w []string
	if n := r.Counts.Dead; n != 0 {
		w = append(w, count(n)+" messages became dead letters")
	}
	if n := r.Counts.Queue; n != 0 {
		w = append(w, count(n)+" messages were left on the queue")
	}
	return append(w, r.Notes...)
}

// targetsMet says how many targets were met; it is empty when there are none.
func (r Report) targetsMet() string {
	if len(r.Targets) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d targets met", r.met(), len(r.Targets))
}

func (r Report) met() int {
	n := 0
	for _, t := range r.Targets {
		if t.Met {
			n++
		}
	}
	return n
}
