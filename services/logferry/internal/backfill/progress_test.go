package backfill

import (
	"testing"

	"github.com/logferry/logferry/services/logferry/internal/bucket"
)

// The mark moves only over what is finished from the beginning on, in whatever
// order it is finished.
func TestProgress(t *testing.T) {
	var p progress
	list := func(mark string, keys ...string) *sheet {
		items := make([]item, len(keys))
		for i, key := range keys {
			items[i] = item{Object: bucket.Object{Key: key}}
		}
		s := newSheet(items, mark)
		p.add(s)
		return s
	}
	f := func(mark string, listed, all int64) {
		t.Helper()
		got, total := p.finished()
		if sum := p.sum(); got != mark || total.Listed != listed || sum.Known != all {
			t.Errorf("at %q with %d listed, %d finished in all; want %q, %d, %d", got, total.Listed, sum.Known, mark, listed, all)
		}
	}
	settle := func(s *sheet) { p.settle(s, Tally{Known: 1}) }
	f("", 0, 0)
	a, b := list("b", "a", "b"), list("d", "c", "folder/", "d")
	settle(a)
	settle(b)
	settle(b)
	f("", 0, 3)
	settle(a)
	f("d", 5, 4)
	// a sheet without objects, and one without a mark
	list("e")
	f("e", 5, 4)
	end := list("", "f")
	settle(end)
	f("e", 5, 5)
}
