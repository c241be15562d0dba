package ledger

import (
	"context"
	"time"

	"github.com/logferry/logferry/pkg/fault"
)

// watchInterval is how often the tracker looks how far the stages are.
const watchInterval = 2 * time.Second

// course is how far the work on an object must be, judged by what the stages
// have settled. What was published at one time lies before the end that the
// stream had at a later time. So when the fetchers have settled everything up
// to an end of the stream of objects, the object's records lie before the end
// that their stream has then; when the parsers are there, its rows lie before
// the end of theirs; and when the writers are there too, the object is done, or
// something of it was lost on the way. No clock is needed: a destination may
// be out of order for days.
type course struct {
	epoch  string // empty before the first reading
	stream int    // that the object's work is awaited on
	end    uint64 // of that stream, when it was begun with
}

// advance takes a reading and reports whether the course is at its end. It
// takes one step a reading: a consumer may need a moment to tell that there is
// something new to do.
func (c *course) advance(p Progress) (over bool) {
	switch {
	case c.epoch == "":
		*c = course{epoch: p.Epoch, end: p.Streams[0].Last}
		return false
	case c.epoch != p.Epoch: // the bus has lost what was on it
		return true
	case c.stream == len(p.Streams): // it was before, and nobody could see to it
		return true
	case p.Streams[c.stream].Last < c.end: // the stream has lost its end, perhaps with the object's work
		*c = course{}
		return false
	case p.Streams[c.stream].Settled < c.end:
		return false
	}
	if c.stream++; c.stream == len(p.Streams) {
		return true
	}
	c.end = p.Streams[c.stream].Last
	return false
}

// watch finds objects whose work the bus has lost, and publishes them again.
func (t *Tracker) watch(ctx context.Context) {
	for fault.Sleep(ctx, watchInterval) == nil {
		waiting := t.all(true) // before the reading: all of it was published by then
		if len(waiting) == 0 && t.knowsEpoch() {
			continue
		}
		progress, err := t.store.Progress(ctx, t.destination)
		if err != nil {
			if ctx.Err() == nil {
				t.log.Warn("cannot read how far the stages are; trying again", "err", err)
			}
			continue
		}
		t.enterEpoch(progress.Epoch)
		for _, p := range waiting {
			if ctx.Err() == nil && t.isOver(p, progress) {
				t.restore(ctx, p)
			}
		}
	}
}

// knowsEpoch reports whether a loss of the ledger would be noticed.
func (t *Tracker) knowsEpoch() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch != ""
}

// enterEpoch begins the following anew when the ledger was lost.
func (t *Tracker) enterEpoch(epoch string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch != "" && t.epoch != epoch && t.restart != nil {
		t.restart()
	}
	t.epoch = epoch
}

func (t *Tracker) isOver(p *passage, progress Progress) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	tracked := t.objects[p.object.GetId()] == p // else all have left
	return tracked && !p.complete && p.course.advance(progress)
}

// restore looks an object up whose work must be over, and has it published
// again if the ledger says that it is not.
func (t *Tracker) restore(ctx context.Context, p *passage) {
	if err := t.look(ctx, p); err != nil {
		return // at the next watch
	}
	t.mu.Lock()
	lost := !p.complete
	p.course = course{}
	if p.seen = p.account.SeenAt; p.seen.IsZero() {
		p.seen = p.object.GetNotified().AsTime()
	}
	if lost {
		p.begun = false // until it is published
	}
	settled := p.account.Settled()
	t.mu.Unlock()
	if !lost {
		return
	}
	t.metrics.lost.WithLabelValues(t.connection).Inc()
	t.log.Warn("an object is not done and nowhere on the bus; reading it again",
		"object", p.object.GetId(), "bucket", p.object.GetBucket(), "key", p.object.GetKey(), "settled_parts", settled)
	t.again.Go(func() { t.publishAgain(ctx, p) })
}

// publishAgain has p published as a new attempt. When that fails, the object
// is found to be lost once more.
func (t *Tracker) publishAgain(ctx context.Context, p *passage) {
	if p.take(ctx) != nil {
		return
	}
	defer p.yield()
	_, err := t.store.Record(ctx, Seen(p.object)) // the ledger may have been lost with it
	if err == nil {
		err = p.publish(ctx, p.attempt(time.Now()))
	}
	if err != nil && ctx.Err() == nil {
		t.log.Warn("cannot publish an object again; trying again later", "object", p.object.GetId(), "err", err)
	}
	t.mu.Lock()
	p.begun = true
	t.mu.Unlock()
}
