package lookup

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func TestCoverage(t *testing.T) {
	f := func(got, want coverage) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %v; want %v", got, want)
		}
	}
	c := coverage{{10, 20, 0}}
	f(c.extend(15), c)
	f(c.extend(30), coverage{{10, 30, 0}})
	f(coverage{{10, 20, 2}}.extend(30), coverage{{10, 20, 2}, {20, 30, 0}})
	// marked in the middle, at the ends, all, beyond
	f(c.mark(window{12, 15}, 1), coverage{{10, 12, 0}, {12, 15, 1}, {15, 20, 0}})
	f(c.mark(window{10, 15}, 1), coverage{{10, 15, 1}, {15, 20, 0}})
	f(c.mark(window{5, 50}, 1), coverage{{10, 20, 1}})
	f(c.mark(window{30, 50}, 1), c)
	// neighbours join; what was read more often stays so
	f(coverage{{0, 10, 1}, {10, 20, 0}, {20, 30, 1}}.mark(window{10, 20}, 1), coverage{{0, 30, 1}})
	f(coverage{{0, 10, 3}, {10, 20, 1}}.mark(window{0, 20}, 2), coverage{{0, 10, 3}, {10, 20, 2}})
	// it begins earlier, or later, but never after what was read
	f(coverage{{10, 20, 1}}.begin(5), coverage{{5, 10, 0}, {10, 20, 1}})
	f(coverage{{10, 20, 0}}.begin(5), coverage{{5, 20, 0}})
	f(coverage{{5, 10, 0}, {10, 20, 1}}.begin(8), coverage{{8, 10, 0}, {10, 20, 1}})
	f(coverage{{5, 10, 0}, {10, 20, 1}}.begin(15), coverage{{10, 20, 1}})
	f(coverage{{10, 20, 1}}.begin(15), coverage{{10, 20, 1}})
}

// Whatever is marked in whatever order: a second is as often read as the best of
// what was marked says, and nothing overlaps.
func TestCoverageMarksEachSecond(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		c, model := coverage{{From: 0, To: 50}}, make([]int, 50)
		for range 20 {
			from, reads := random.Int64N(50), random.IntN(4)
			to := from + random.Int64N(51-from)
			c = c.mark(window{from, to}, reads)
			for s := from; s < to; s++ {
				model[s] = max(model[s], reads)
			}
		}
		at := int64(0)
		for i, s := range c {
			if s.From != at || s.From >= s.To || i > 0 && s.Reads == c[i-1].Reads {
				t.Fatalf("%v is no coverage", c)
			}
			for ; at < s.To; at++ {
				if model[at] != s.Reads {
					t.Fatalf("%v: second %d was read %d times; want %d", c, at, s.Reads, model[at])
				}
			}
		}
		if at != 50 {
			t.Fatalf("%v ends at %d", c, at)
		}
	}
}

const hour = int64(3600)

func TestNext(t *testing.T) {
	s := schedule{settle: 2 * time.Minute, step: 30 * time.Second, again: []time.Duration{30 * time.Minute, 24 * time.Hour}}
	const now = 1000 * hour
	f := func(c coverage, w wish, want window) {
		t.Helper()
		w.now = now
		if w.width == 0 {
			w.width = 300
		}
		got, ok := s.next(c, w)
		if ok != (want != window{}) || ok && got != want {
			t.Errorf("got %v, %v; want %v", got, ok, want)
		}
	}
	head := now - 120
	// the newest first, of a width, when it is worth it
	f(coverage{{0, head, 0}}, wish{}, window{head - 300, head})
	f(coverage{{head - 100, head, 0}}, wish{}, window{head - 100, head})
	f(coverage{{head - 129, head - 29, 1}, {head - 29, head, 0}}, wish{}, window{})
	f(coverage{{head - 130, head - 30, 1}, {head - 30, head, 0}}, wish{}, window{head - 30, head})
	// before what is due to be read again, unless too much waits for that
	due := coverage{{now - 2*hour, now - hour, 1}, {now - hour, head, 0}}
	f(due, wish{}, window{head - 300, head})
	f(due, wish{crowded: true}, window{now - 2*hour, now - 2*hour + 300})
	// read again when enough is due, or all of a span
	f(coverage{{now - hour, head, 1}}, wish{}, window{now - hour, now - hour + 300})
	f(coverage{{now - 1800 - 100, head, 1}}, wish{}, window{})
	f(coverage{{now - 1800 - 224, head, 1}}, wish{}, window{})
	f(coverage{{now - 1800 - 225, head, 1}}, wish{}, window{now - 1800 - 225, now - 1800})
	f(coverage{{now - hour, now - hour + 10, 1}, {now - hour + 10, head, 2}}, wish{}, window{now - hour, now - hour + 10})
	f(coverage{{now - 24*hour - 3599, head, 2}}, wish{width: 2 * hour}, window{})
	f(coverage{{now - 25*hour, head, 2}}, wish{width: 2 * hour}, window{now - 25*hour, now - 24*hour})
	f(coverage{{now - 90*hour, head, 3}}, wish{}, window{})
	// what was missed, the newest first, in turn with that
	missed := coverage{{now - 9*hour, now - 8*hour, 0}, {now - 8*hour, now - 7*hour, 1}, {now - 7*hour, now - 6*hour, 0}, {now - 6*hour, head, 3}}
	f(missed, wish{}, window{now - 6*hour - 300, now - 6*hour})
	f(missed, wish{rereadFirst: true}, window{now - 8*hour, now - 8*hour + 300})
	f(missed[:1], wish{rereadFirst: true}, window{now - 8*hour - 300, now - 8*hour})
}

// What lies in the past is done with one read; a read stands for those that
// should have come before it.
func TestReads(t *testing.T) {
	s := standard()
	f := func(age time.Duration, want int) {
		t.Helper()
		if got := s.reads(1000*hour, 1000*hour-seconds(age)); got != want {
			t.Errorf("%s: got %d; want %d", age, got, want)
		}
	}
	f(2*time.Minute, 1)
	f(30*time.Minute, 2)
	f(2*time.Hour, 3)
	f(25*time.Hour, 4)
}

func TestExpired(t *testing.T) {
	s := standard()
	now := 100 * 24 * hour
	f := func(c coverage, want window) {
		t.Helper()
		if got, ok := s.expired(c, now); ok != (want != window{}) || got != want {
			t.Errorf("%v: got %v, %v; want %v", c, got, ok, want)
		}
	}
	f(coverage{{now - retention, now, 0}}, window{})
	f(coverage{{now - retention - 60, now, 0}}, window{now - retention - 60, now - retention})
	f(coverage{{0, hour, 4}, {hour, 2 * hour, 3}, {2 * hour, now, 0}}, window{hour, 2 * hour})
	f(coverage{{0, now, 4}}, window{})
}

func TestWiden(t *testing.T) {
	f := func(width int64, read window, pages int, want int64) {
		t.Helper()
		if got := widen(width, read, pages); got != want {
			t.Errorf("%d, %v, %d pages: got %d; want %d", width, read, pages, got, want)
		}
	}
	f(300, window{0, 300}, 1, 600)
	f(300, window{0, 30}, 1, 300) // it tells little
	f(300, window{0, 300}, 10, 300)
	f(300, window{0, 300}, 20, 300)
	f(300, window{0, 300}, 30, 100)
	f(300, window{0, 1}, 30, 1)
	f(maxWidth, window{0, maxWidth}, 1, maxWidth)
}
