package lookup

import "time"

// schedule says when what is read. All of it follows from the time and from what
// was read before.
type schedule struct {
	// settle is how old events are let become before they are read first, step
	// how much time the newest window has at least.
	settle, step time.Duration
	// again is how old events are when they are read again, ascending.
	again []time.Duration
}

// standard returns the schedule of a running service. LookupEvents has most
// events within minutes; one that was absent after 25 minutes and there after 85
// has been seen, and AWS promises nothing. So windows are read once more when
// all but the rarest are there, and a last time a day later.
func standard() schedule {
	return schedule{settle: 2 * time.Minute, step: 30 * time.Second, again: []time.Duration{30 * time.Minute, 2 * time.Hour, 24 * time.Hour}}
}

// Windows that are read again are gathered for a while, so that a quiet region
// costs few calls: for a part of the age at which they are due.
const (
	gatherShare = 8
	maxGather   = int64(time.Hour / time.Second)
)

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// reads returns how many reads of the schedule one at that time stands for, of a
// window that ends at to.
func (s schedule) reads(now, to int64) int {
	n := 1
	for _, age := range s.again {
		if now-to >= seconds(age) {
			n++
		}
	}
	return n
}

// all is how many reads a window gets.
func (s schedule) all() int { return 1 + len(s.again) }

// wish is what the choice of the next window depends on besides the coverage.
type wish struct {
	now   int64
	width int64 // of a window
	// crowded says that too many windows wait for being read again to read
	// anything new.
	crowded bool
	// rereadFirst decides between reading again and catching up, when both are
	// due.
	rereadFirst bool
}

// next returns the window to read now, if there is one. The newest events come
// first, whatever waits behind them; then what is due to be read again and what
// was not read yet, in turn.
func (s schedule) next(c coverage, w wish) (window, bool) {
	if edge, ok := s.edge(c, w); ok && !w.crowded {
		return edge, true
	}
	again, due := s.due(c, w)
	old, missed := s.missed(c, w)
	switch {
	case due && (w.rereadFirst || w.crowded || !missed):
		return again, true
	case missed && !w.crowded:
		return old, true
	}
	return window{}, false
}

// edge returns the newest window, when it is worth a call.
func (s schedule) edge(c coverage, w wish) (window, bool) {
	last := c[len(c)-1]
	return newest(last, w.width), last.Reads == 0 && last.To-last.From >= seconds(s.step)
}

// missed returns the newest window but for the edge that was never read: what a
// standstill has left, or history.
func (s schedule) missed(c coverage, w wish) (window, bool) {
	for i := len(c) - 2; i >= 0; i-- {
		if c[i].Reads == 0 {
			return newest(c[i], w.width), true
		}
	}
	return window{}, false
}

func newest(s span, width int64) window { return window{max(s.From, s.To-width), s.To} }

// due returns the oldest window that is to be read again. A busy history is read
// again as soon as a window is full, a quiet one is gathered.
func (s schedule) due(c coverage, w wish) (window, bool) {
	for _, span := range c {
		if span.Reads == 0 || span.Reads == s.all() {
			continue
		}
		age := seconds(s.again[span.Reads-1])
		to := min(span.To, w.now-age)
		enough := min(w.width, maxGather, max(age/gatherShare, 1))
		if to-span.From >= enough || to == span.To && to > span.From {
			return window{span.From, min(to, span.From+w.width)}, true
		}
	}
	return window{}, false
}

// expired returns the beginning of the coverage that LookupEvents no longer has
// and that was not read to the end.
func (s schedule) expired(c coverage, now int64) (window, bool) {
	before := now - retention
	for _, span := range c {
		if span.Reads < s.all() && span.From < before {
			return window{span.From, min(span.To, before)}, true
		}
	}
	return window{}, false
}

// overdue returns for how long a window has been due to be read again.
func (s schedule) overdue(c coverage, now int64) time.Duration {
	var most int64
	for _, span := range c {
		if span.Reads > 0 && span.Reads < s.all() {
			age := seconds(s.again[span.Reads-1])
			most = max(most, now-span.From-age-min(maxGather, age/gatherShare))
		}
	}
	return time.Duration(most) * time.Second
}
