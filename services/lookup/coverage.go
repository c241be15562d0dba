package lookup

import (
	"slices"
	"time"

	"github.com/logferry/logferry/pkg/connection"
)

// retention is for how many seconds LookupEvents has events, with a little time
// to read the last of them: who asks for more is refused.
const retention = int64((connection.MaxSince - 10*time.Minute) / time.Second)

// window is a span of time, in seconds since 1970: from on, before to. Events
// have a time to the second.
type window struct{ from, to int64 }

func (w window) length() int64 { return w.to - w.from }

// holds reports whether an event of that time is the window's own.
func (w window) holds(t int64) bool { return w.from <= t && t < w.to }

// span is a stretch of time that has been read as often.
type span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Reads is how many of the reads of a schedule are done: a late one stands for
	// all that should have come before it.
	Reads int `json:"reads,omitempty"`
}

// coverage says what has been read of an event history: spans, oldest first,
// without gaps between them.
type coverage []span

// end returns the end of the last span.
func (c coverage) end() int64 { return c[len(c)-1].To }

// extend lets the coverage reach to that time, if it does not.
func (c coverage) extend(to int64) coverage {
	if to <= c.end() {
		return c
	}
	return merge(append(slices.Clone(c), span{From: c.end(), To: to}))
}

// begin lets the coverage begin at that time: what lies before it is to be read,
// or need not be any more.
func (c coverage) begin(from int64) coverage {
	switch first := c[0]; {
	case from < first.From:
		return merge(append(coverage{{From: from, To: first.From}}, c...))
	case from > first.From && first.Reads == 0:
		c = slices.Clone(c)
		if c[0].From = min(from, first.To); c[0].From == first.To && len(c) > 1 {
			c = c[1:]
		}
	}
	return c
}

// mark notes that a window has been read as often, at least.
func (c coverage) mark(w window, reads int) coverage {
	var marked coverage
	for _, s := range c {
		in := span{max(s.From, w.from), min(s.To, w.to), max(s.Reads, reads)}
		if in.From >= in.To {
			marked = append(marked, s)
			continue
		}
		for _, part := range []span{{s.From, in.From, s.Reads}, in, {in.To, s.To, s.Reads}} {
			if part.From < part.To {
				marked = append(marked, part)
			}
		}
	}
	return merge(marked)
}

// merge joins neighbours that were read as often.
func merge(c coverage) coverage {
	merged := c[:1:1]
	for _, s := range c[1:] {
		if last := &merged[len(merged)-1]; last.Reads == s.Reads {
			last.To = s.To
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}

// isRead reports whether the whole window has been read as often.
func (c coverage) isRead(w window, reads int) bool {
	for _, s := range c {
		if s.From < w.to && w.from < s.To && s.Reads < reads {
			return false
		}
	}
	return true
}

// unread returns how much of the time since then was never read.
func (c coverage) unread(since int64) time.Duration {
	var seconds int64
	for _, s := range c {
		if s.Reads == 0 {
			seconds += max(0, s.To-max(s.From, since))
		}
	}
	return time.Duration(seconds) * time.Second
}
