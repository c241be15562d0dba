package dead

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
	"github.com/logferry/logferry/services/logferry/internal/notes"
	"github.com/logferry/logferry/services/poller"
)

const (
	// maxOnWay is how many letters are redriven at a time, maxHeld how many of
	// them are held in memory.
	maxOnWay = 512
	maxHeld  = 16
)

// Outcome is what became of letters that were redriven.
type Outcome struct {
	// Closed letters are done and dismissed. Refused ones cannot be redriven,
	// Failed ones could not be now: both are as they were.
	Closed, Refused, Failed int
	// Delivered, Dropped and Dead count records: accepted by their
	// destination, dropped on purpose, and kept as dead letters again.
	Delivered, Dropped, Dead uint64
	// Rejected is how many objects are dead letters again, as a whole or from
	// somewhere in their middle.
	Rejected int
}

// String says it for people.
func (o Outcome) String() string {
	text := count(o.Closed, "letter", "letters") + " closed: " + count(o.Delivered, "record", "records") + " delivered"
	if o.Dropped > 0 {
		text += fmt.Sprintf(", %d dropped on purpose", o.Dropped)
	}
	text += fmt.Sprintf(", %d dead again", o.Dead)
	if o.Rejected > 0 {
		text += ", " + count(o.Rejected, "object", "objects") + " dead again"
	}
	if o.Refused > 0 {
		text += "; " + count(o.Refused, "letter", "letters") + " refused"
	}
	if o.Failed > 0 {
		text += "; " + count(o.Failed, "letter", "letters") + " failed, try again"
	}
	return text
}

// Redrive has what the letters hold carried after all, waits until it is done,
// and dismisses each letter whose content is delivered or in new letters. What
// is refused or fails is told, with the reason. An error means that
// not all was done; the same call then goes on where this one ended, and
// nothing is carried twice.
//
// It needs services that work on the bus.
func Redrive(ctx context.Context, env *app.Env, c Choice, told io.Writer) (Outcome, error) {
	letters, err := c.letters(ctx, env.Bus)
	if err != nil {
		return Outcome{}, err
	}
	r := newRedriver(env, told, len(letters))
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer r.loops.Wait()
	defer stop()
	r.loops.Go(func() { r.notes.Tell(running, r.line) })
	all := pool.New().WithMaxGoroutines(maxOnWay)
	for _, w := range r.planMessages(ctx, letters) {
		all.Go(func() { r.settle(ctx, w.letter, r.carry(ctx, running, w)) })
	}
	for _, l := range letters {
		if !r.planned[l.Sequence] && ctx.Err() == nil {
			all.Go(func() { r.settle(ctx, l, r.redrive(ctx, running, l)) })
		}
	}
	all.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if left := len(letters) - r.outcome.Closed - r.outcome.Refused - r.outcome.Failed; left > 0 {
		return r.outcome, fmt.Errorf("interrupted with %s left: the same command goes on with them", count(left, "letter", "letters"))
	}
	return r.outcome, nil
}

// redriver is one redrive.
type redriver struct {
	bus          *bus.Bus
	env          *app.Env
	ledger       ledger.Store
	metrics      *ledger.Metrics
	messages     *poller.Reader
	connections  map[string]connection.Connection
	destinations map[string]connection.Destination
	objects      stage.Publisher[*logferryv1.Object]
	raw, rows    stage.Publisher[*batch.Batch]
	held         chan struct{} // holds a token for each letter in memory
	planned      map[uint64]bool
	loops        conc.WaitGroup
	total        int
	notes        *notes.Notes

	mu       sync.Mutex // guards what follows
	outcome  Outcome
	trackers map[route]*ledger.Tracker
}

// route is what a tracker serves.
type route struct{ connection, destination string }

func newRedriver(env *app.Env, told io.Writer, total int) *redriver {
	r := &redriver{
		bus: env.Bus, env: env, ledger: env.Bus.Ledger(), metrics: ledger.NewMetrics(env.Metrics), messages: poller.NewReader(env),
		connections: map[string]connection.Connection{}, destinations: map[string]connection.Destination{},
		objects: env.Bus.PublishObjects(), raw: env.Bus.PublishRaw(), rows: env.Bus.PublishRows(),
		held: make(chan struct{}, maxHeld), planned: map[uint64]bool{}, total: total, notes: notes.New(told),
		trackers: map[route]*ledger.Tracker{},
	}
	for _, c := range env.Config.Connections {
		r.connections[c.Name] = c
	}
	for _, d := range env.Config.Destinations {
		r.destinations[d.Name] = d
	}
	return r
}

// planMessages plans the letters of queue messages, all before any is begun:
// what of them the history knows as done is left out, and reading it takes the
// same time for one object as for all.
func (r *redriver) planMessages(ctx context.Context, letters []bus.Letter) []*work {
	var mu sync.Mutex
	var works []*work
	looks := pool.New().WithMaxGoroutines(maxHeld)
	for _, l := range letters {
		if l.GetStage() != "poller" {
			continue
		}
		r.planned[l.Sequence] = true
		looks.Go(func() {
			w, err := r.plan(ctx, l)
			if err != nil {
				r.settle(ctx, l, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			works = append(works, w)
		})
	}
	looks.Wait()
	byConnection := map[string][]*work{}
	for _, w := range works {
		byConnection[w.connection] = append(byConnection[w.connection], w)
	}
	var ready []*work
	for name, works := range byConnection {
		if err := r.leaveOutDone(ctx, name, works); err != nil {
			for _, w := range works {
				r.settle(ctx, w.letter, err)
			}
			continue
		}
		ready = append(ready, works...)
	}
	return ready
}

// leaveOutDone leaves out of the works what the history knows as done.
func (r *redriver) leaveOutDone(ctx context.Context, connection string, works []*work) error {
	var ids []string
	for _, w := range works {
		for _, o := range w.objects {
			ids = append(ids, o.GetId())
		}
	}
	done, err := ledger.Find(ctx, r.ledger, connection, time.Time{}, ids)
	if err != nil {
		return err
	}
	for _, w := range works {
		var left []*logferryv1.Object
		for _, o := range w.objects {
			if _, known := done[ledger.KeyOf(o.GetId())]; !known {
				left = append(left, o)
			}
		}
		w.objects = left
	}
	return nil
}

// redrive plans and carries a letter.
func (r *redriver) redrive(ctx, running context.Context, l bus.Letter) error {
	select {
	case r.held <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	w, err := r.plan(ctx, l)
	<-r.held
	if err != nil {
		return err
	}
	return r.carry(ctx, running, w)
}

// carry has the work done, waits for it, and dismisses the letter.
func (r *redriver) carry(ctx, running context.Context, w *work) error {
	tracker := r.tracker(running, route{w.connection, w.destination})
	var passages []*ledger.Passage
	var failed error
	for _, o := range w.objects {
		p, err := tracker.Begin(ctx, o, w.publish)
		if err != nil {
			failed = err
			break
		}
		passages = append(passages, p)
	}
	var outcome Outcome
	for _, p := range passages { // each must be waited for
		done, err := p.Wait(ctx)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		outcome.add(done)
	}
	if failed != nil {
		return failed
	}
	// What the letter held is accepted, or in letters that are stored by now
	// (invariant 3).
	if err := r.bus.Dismiss(ctx, w.letter); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome.Delivered += outcome.Delivered
	r.outcome.Dropped += outcome.Dropped
	r.outcome.Dead += outcome.Dead
	r.outcome.Rejected += outcome.Rejected
	return nil
}

func (o *Outcome) add(done *logferryv1.Done) {
	o.Delivered += done.GetDelivered()
	o.Dropped += done.GetFiltered()
	o.Dead += done.GetDead()
	if done.GetRejected() {
		o.Rejected++
	}
}

// tracker returns the tracker of a route; it works until running ends.
func (r *redriver) tracker(running context.Context, to route) *ledger.Tracker {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.trackers[to]
	if t == nil {
		t = ledger.NewTracker(r.ledger, to.connection, to.destination, r.env.Log.With("connection", to.connection), r.metrics)
		r.trackers[to] = t
		r.loops.Go(func() { t.Run(running) })
	}
	return t
}

// settle counts a letter, and tells why it is as it was.
func (r *redriver) settle(ctx context.Context, l bus.Letter, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.outcome.Closed++
	case fault.IsPermanent(err):
		r.outcome.Refused++
		r.notes.Say("%s refused: %s", brief(l.Token), visible(err.Error()))
	case ctx.Err() == nil:
		r.outcome.Failed++
		r.notes.Say("%s failed: %s", brief(l.Token), visible(err.Error()))
	}
}

// line says how far the redrive is.
func (r *redriver) line() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.outcome
	return fmt.Sprintf("dead redrive: %d of %s settled, %d records delivered", o.Closed+o.Refused+o.Failed, count(r.total, "letter", "letters"), o.Delivered)
}
