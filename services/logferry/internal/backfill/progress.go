package backfill

import (
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/services/logferry/internal/bucket"
)

// Tally counts what became of objects.
type Tally struct {
	// Listed objects are those that the bucket has. Ignored ones hold no logs;
	// Known ones were done before; the others were Carried, or would be.
	Listed  int64 `json:"listed"`
	Ignored int64 `json:"ignored"`
	Known   int64 `json:"known"`
	Carried int64 `json:"carried"`
	// Bytes and Rows are what was carried.
	Bytes int64  `json:"bytes"`
	Rows  uint64 `json:"rows"`
	// Dead counts the objects carried of which something is a dead letter, and
	// Records the records in these.
	Dead    int64  `json:"dead"`
	Records uint64 `json:"dead_records"`
}

func (t *Tally) add(u Tally) {
	t.Listed += u.Listed
	t.Ignored += u.Ignored
	t.Known += u.Known
	t.Carried += u.Carried
	t.Bytes += u.Bytes
	t.Rows += u.Rows
	t.Dead += u.Dead
	t.Records += u.Records
}

// item is a listed object, with the day that its path tells, if it tells one.
type item struct {
	bucket.Object
	day time.Time
}

// sheet is some objects that were listed one after the other, up to the mark of
// the walk. When all are finished, and all sheets before it, a walk may go on
// behind the mark.
type sheet struct {
	items []item
	mark  string // empty: it ends nowhere in particular
	left  int    // not finished
	tally Tally
}

// newSheet leaves out what holds no logs.
func newSheet(listed []item, mark string) *sheet {
	s := &sheet{mark: mark}
	for _, i := range listed {
		s.tally.Listed++
		if _, ok := format.Ignorable(i.Key); ok {
			s.tally.Ignored++
			continue
		}
		s.items = append(s.items, i)
	}
	s.left = len(s.items)
	return s
}

// progress is how far a backfill is.
type progress struct {
	mu     sync.Mutex
	sheets []*sheet // in the order of the listing; the first is not finished
	mark   string   // up to which everything is finished
	total  Tally    // of what lies up to the mark
	rest   Tally    // of what is finished and has no mark
	flying int
}

// add takes up the next sheet of the listing.
func (p *progress) add(s *sheet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sheets = append(p.sheets, s)
	p.advance()
}

// settle finishes one object of a sheet.
func (p *progress) settle(s *sheet, t Tally) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.tally.add(t)
	s.left--
	p.advance()
}

// advance drops the sheets that are finished from the front.
func (p *progress) advance() {
	for len(p.sheets) > 0 && p.sheets[0].left == 0 {
		s := p.sheets[0]
		p.sheets = p.sheets[1:]
		if s.mark == "" {
			p.rest.add(s.tally)
			continue
		}
		p.total.add(s.tally)
		p.mark = s.mark
	}
}

func (p *progress) fly(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying += n
}

// sum counts everything so far.
func (p *progress) sum() Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.total
	sum.add(p.rest)
	for _, s := range p.sheets {
		sum.add(s.tally)
	}
	return sum
}

// finished returns up to where everything is finished, and the sum up to there.
func (p *progress) finished() (mark string, total Tally) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mark, p.total
}

// inFlight returns how many objects are on their way.
func (p *progress) inFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flying
}
