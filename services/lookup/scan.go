package lookup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

const (
	// maxEvents is how many new events a scan takes, aimPages how many pages it
	// should have, maxPages when a window is taken to be too wide.
	maxEvents = 2000
	aimPages  = 10
	maxPages  = 20
	// firstWidth and maxWidth are how wide a window is, in seconds.
	firstWidth = int64(5 * 60)
	maxWidth   = int64(24 * 60 * 60)
	// maxStale is how many pages in a row may have nothing that the scan has not
	// seen. Now and then one comes twice.
	maxStale = 5
)

// errStale says that the API goes round in circles.
var errStale = errors.New("LookupEvents returns the same page again and again")

// event is an event that has not been sent before.
type event struct {
	id     id
	time   int64
	record []byte
}

// scan is one reading of a window.
type scan struct {
	window window // that is read to its end
	whole  bool   // false: it has more new events than were taken
	fresh  []event
	bytes  int64
	pages  int

	seen    map[id]struct{}
	known   map[id]struct{}
	doubles int
	again   int   // events that were sent before
	oldest  int64 // that was seen
	sorted  bool
	hold    func(bytes int64) bool // asks for memory
}

func newScan(w window, known map[id]struct{}, hold func(int64) bool) *scan {
	return &scan{window: w, known: known, hold: hold, seen: map[id]struct{}{}, oldest: w.to + 1, sorted: true}
}

// run reads pages until the window ends or enough is found. The window is asked
// for with a second more on either side, whatever the service makes of parts of
// a second; an event belongs to the window that holds its time.
func (s *scan) run(ctx context.Context, ask func(ctx context.Context, from, to int64, token *string) (page, error)) error {
	var token *string
	for stale := 0; ; {
		p, err := ask(ctx, s.window.from-1, s.window.to, token)
		if kindOf(err) == expired && len(s.fresh) > 0 {
			s.cut() // what has been read is good
			return nil
		}
		if err != nil {
			return err
		}
		s.pages++
		before, had := len(s.seen), s.bytes
		for _, e := range p.events {
			s.take(e)
		}
		if stale++; len(s.seen) > before {
			stale = 0
		}
		room := s.hold(s.bytes - had)
		switch {
		case p.token == nil:
			s.whole = true
			return nil
		case len(s.fresh) >= maxEvents || !room:
			s.cut()
			return nil
		case stale == maxStale:
			return errStale
		}
		token = p.token
	}
}

// take looks at one event.
func (s *scan) take(e types.Event) {
	record := recordOf(e)
	id := idOf(e, record)
	if _, double := s.seen[id]; double {
		s.doubles++
		return
	}
	s.seen[id] = struct{}{}
	t := s.window.from // of an event without a time
	if e.EventTime != nil {
		t = e.EventTime.Unix()
		s.sorted = s.sorted && t <= s.oldest
		s.oldest = min(s.oldest, t)
	}
	if !s.window.holds(t) {
		return
	}
	if _, sent := s.known[id]; sent {
		s.again++
		return
	}
	s.fresh = append(s.fresh, event{id, t, record})
	s.bytes += int64(len(record))
}

// cut ends a scan before its window does. Events come newest first, so what is
// newer than the oldest has been read; what is not sorted tells nothing.
func (s *scan) cut() {
	if !s.sorted || s.oldest+1 >= s.window.to {
		return
	}
	s.window.from, s.whole = max(s.window.from, s.oldest+1), true
	s.fresh = slices.DeleteFunc(s.fresh, func(e event) bool { return !s.window.holds(e.time) })
}

// recordOf returns the text of the event's record, as a trail writes it. An
// event without is kept as it is: then its parser says what is wrong with it.
func recordOf(e types.Event) []byte {
	if e.CloudTrailEvent != nil {
		return []byte(*e.CloudTrailEvent)
	}
	text, _ := json.Marshal(e) // a struct of plain values
	return text
}

// idOf names an event in short.
func idOf(e types.Event, record []byte) id {
	name := aws.ToString(e.EventId)
	if name == "" {
		name = string(record)
	}
	sum := sha256.Sum256([]byte(name))
	return id(binary.LittleEndian.Uint64(sum[:8]))
}

// sortEvents puts events into the order in which they are sent.
func sortEvents(events []event) {
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.id, b.id) })
}

// widen returns how wide the next window should be, after one of so many pages:
// wide enough that a call brings something, and so narrow that a page's token
// need not last long.
func widen(width int64, read window, pages int) int64 {
	switch {
	case pages > maxPages:
		return max(read.length()*aimPages/int64(pages), 1)
	case pages < aimPages/2 && read.length() >= width:
		return min(2*width, maxWidth)
	}
	return width
}
