package lookup

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
)

const (
	// minSince is how much of the time before its first run a reader reads at
	// least. A region that was enabled a while ago is so read from its beginning.
	minSince = time.Hour
	// minSkew is how far the clock must be off that of AWS to be corrected: less
	// is the time that calls take.
	minSkew = time.Minute
	// maxRetry bounds the wait after a failure.
	maxRetry = time.Minute
)

// reader reads one category of the events of an account and region.
type reader struct {
	*account
	region   string
	category types.EventCategory // empty: management events
	key      string              // of the checkpoint
	client   api
	pace     *pace
	log      *slog.Logger
	faults   faultLog
	losses   faultLog
	metrics  *readerMetrics
	memory   memory

	state   *state // nil until it is loaded
	width   int64
	skew    atomic.Int64 // of the clock, in nanoseconds
	turn    bool         // who comes first: see wish
	held    atomic.Int64 // bytes of the room
	release func()       // of the process's being busy; nil: there is nothing to do
	load    load
}

func (r *reader) categoryName() string {
	if r.category == types.EventCategoryInsight {
		return "insight"
	}
	return "management"
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	r.log.Info("reading the event history", "category", r.categoryName())
	defer r.metrics.forget()
	defer r.rest()
	defer r.leave()
	r.work() // until it is known what there is
	for failures := 0; ctx.Err() == nil; {
		idle, err := r.step(ctx)
		r.leave()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			failures++
			r.work()
			r.fail(err)
			_ = r.clock.Sleep(ctx, min(fault.Wait(err, failures), maxRetry)) // ctx is looked at next
		case idle > 0:
			failures = 0
			r.rest()
			r.load.idle += idle
			_ = r.clock.Sleep(ctx, idle) // ctx is looked at next
		default:
			failures = 0
		}
	}
}

// work and rest tell the process whether there is something to do, or may be.
func (r *reader) work() {
	if r.release == nil {
		r.release = r.stages.Hold()
	}
}

func (r *reader) rest() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
}

// now returns the time, by AWS's clock as far as that is known: windows are
// closed by it, and the events' times are of it.
func (r *reader) now() int64 {
	return r.clock.Now().Add(time.Duration(r.skew.Load())).Unix()
}

// learn compares the clock with that of an answer to a call that was made then.
func (r *reader) learn(asked, server time.Time) {
	if server.IsZero() {
		return
	}
	var skew time.Duration
	switch now := r.clock.Now(); {
	case server.Before(asked.Add(-minSkew)):
		skew = server.Sub(asked)
	case server.After(now.Add(minSkew)):
		skew = server.Sub(now)
	}
	if last := time.Duration(r.skew.Swap(int64(skew))); (last - skew).Abs() >= minSkew {
		r.log.Warn("the clock of this machine is off; going by that of AWS", "off_by", (-skew).Round(time.Second))
	}
}

// ask asks for a page when it is time to.
func (r *reader) ask(ctx context.Context, from, to int64, token *string) (p page, err error) {
	err = r.pace.call(ctx, func() error {
		asked := r.clock.Now()
		p, err = ask(ctx, r.client, r.category, from, to, token)
		if ctx.Err() == nil {
			r.metrics.called(err)
		}
		r.learn(asked, p.at)
		return err
	})
	return p, err
}

// step does one thing: it ends what was begun, or reads a window. It returns how
// long there will be nothing to do; 0 when there may be more.
func (r *reader) step(ctx context.Context) (idle time.Duration, err error) {
	if r.state == nil {
		if err := r.restore(ctx); err != nil {
			return 0, err
		}
	}
	if r.state.Intent != nil {
		return 0, r.finish(ctx, nil)
	}
	now := r.now()
	c := r.advance(now)
	r.measure(c, now)
	r.turn = !r.turn
	w, ok := r.schedule.next(c, wish{now: now, width: r.width, crowded: len(r.state.Chunks) >= maxChunks, rereadFirst: r.turn})
	if !ok {
		return r.schedule.step / 4, nil
	}
	return 0, r.read(ctx, w, c, now)
}

// advance returns the coverage as it reaches to what can be read by now, without
// what no longer can.
func (r *reader) advance(now int64) coverage {
	c := r.state.Coverage.extend(r.closed(now))
	for {
		gone, ok := r.schedule.expired(c, now)
		if !ok {
			return c
		}
		without := c.mark(gone, r.schedule.all())
		if c.unread(r.state.Begun) > without.unread(r.state.Begun) {
			if _, ok := r.losses.turn("", r.clock.Now()); ok {
				r.log.Error("a part of the event history was not read before CloudTrail dropped it, after 90 days: its events are lost",
					"from", time.Unix(gone.from, 0).UTC(), "to", time.Unix(gone.to, 0).UTC())
			}
		}
		c = without
	}
}

// closed returns the end of what can be read.
func (r *reader) closed(now int64) int64 { return now - seconds(r.schedule.settle) }

// read reads a window of a coverage, and has what is new in it carried.
func (r *reader) read(ctx context.Context, w window, c coverage, now int64) error {
	known, err := r.memory.known(ctx, r.state.Chunks, w)
	if err != nil {
		return err
	}
	s := newScan(w, known, r.hold)
	if err := s.run(ctx, r.ask); err != nil {
		if kindOf(err) == expired { // it took too long; a narrower one does not
			r.width = max(w.length()/2, 1)
		}
		return fmt.Errorf("read %s to %s: %w", time.Unix(w.from, 0).UTC().Format(time.RFC3339), time.Unix(w.to, 0).UTC().Format(time.RFC3339), err)
	}
	failpoint.Hit("lookup.read")
	if w.to > r.closed(r.now()) {
		return nil // the clock was ahead, as the answer has told: the window is not closed yet
	}
	r.width = widen(r.width, s.window, s.pages)
	r.metrics.scanned(s, c, now)
	reads := r.schedule.reads(now, s.window.to)
	in, err := r.propose(ctx, s, reads)
	if err != nil {
		return err
	}
	r.state.Coverage = c
	if in == nil {
		if s.whole {
			r.settle(s.window, reads)
		}
		return r.save(ctx)
	}
	r.state.Intent = in
	r.state.Sent++
	if err := r.save(ctx); err != nil {
		return err
	}
	failpoint.Hit("lookup.intended")
	return r.finish(ctx, s.fresh)
}

// finish carries what the intent says, remembers its events and notes its window
// as read.
func (r *reader) finish(ctx context.Context, events []event) error {
	r.work()
	in := r.state.Intent
	if err := r.send(ctx, in, events); err != nil {
		return err
	}
	failpoint.Hit("lookup.done")
	// A window that is read for the last time is not asked for again.
	if in.Reads < r.schedule.all() {
		chunks, err := r.memory.add(ctx, r.state.Chunks, window{in.Low, in.High + 1}, in.remembered())
		if err != nil {
			return err
		}
		r.state.Chunks = chunks
	}
	failpoint.Hit("lookup.known")
	if in.Reads > 0 {
		r.settle(in.window(), in.Reads)
	}
	r.state.Intent = nil
	return r.save(ctx)
}

// settle notes a window as read.
func (r *reader) settle(w window, reads int) {
	s := r.state
	s.Coverage = s.Coverage.mark(w, reads)
	s.Chunks = needed(s.Chunks, s.Coverage, r.schedule.all())
}

// restore loads the state, or begins one.
func (r *reader) restore(ctx context.Context) error {
	s := new(state)
	found, err := r.checkpoints.Load(ctx, r.key, s, s.check)
	if err != nil {
		return err
	}
	// The answer tells what time it is, before anything depends on that.
	if _, err := r.ask(ctx, r.now()-1, r.now(), nil); err != nil {
		return err
	}
	now := r.now()
	since := seconds(max(r.conn.Lookup.Since, minSince))
	if !found {
		s.Begun = now
		s.Coverage = coverage{{From: max(now-since, now-retention), To: r.closed(now)}}
	}
	s.Coverage = s.Coverage.begin(max(s.Begun-since, now-retention))
	if late := time.Duration(s.Coverage.end()-now) * time.Second; late > minSkew {
		r.log.Warn("the event history was read up to a time that is still to come: the clock of this machine is behind, or was ahead", "by", late)
	}
	r.state = s
	return nil
}

// save stores the state. When that fails it is not known what is stored, so it is
// loaded anew.
func (r *reader) save(ctx context.Context) error {
	err := r.checkpoints.Save(ctx, r.key, r.state)
	if err != nil {
		r.state = nil
	}
	return err
}
