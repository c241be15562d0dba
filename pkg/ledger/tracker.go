package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/fault"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Publish puts what an object stands for on the bus and returns once it is
// stored. The object's Attempt tells publications apart.
type Publish func(ctx context.Context, o *logferryv1.Object) error

// Tracker carries objects of one connection through their accounts: it has
// them published, follows the ledger until every part is settled, publishes
// again what the bus has lost, and enters what is done. It serves everybody who
// brings objects: pollers, backfills, redrives.
type Tracker struct {
	store       Store
	connection  string
	destination string
	log         *slog.Logger
	metrics     *Metrics

	mu      sync.Mutex
	objects map[string]*passage // by object id
	ready   []*passage          // complete, to be entered as done
	wake    chan struct{}       // a hint that ready has grown
	epoch   string              // of the bus, once known
	restart func()              // ends the following, so that it begins anew
	forget  chan string         // done objects whose events are to be forgotten
	again   conc.WaitGroup      // publications of new attempts
}

// passage is an object on its way.
type passage struct {
	object  *logferryv1.Object
	publish Publish
	turn    chan struct{} // holds a token while somebody begins
	entered bool          // as done, in its time here; of who enters it
	seen    time.Time     // of who watches
	tried   uint32        // the last attempt, of whose turn it is

	// The rest is guarded by the tracker.
	account  Account
	waiters  int
	begun    bool // published, now or before
	awaited  bool // its end was still to come when it was begun with
	complete bool
	course   course
	done     chan struct{} // closed when result is there
	result   *logferryv1.Done
}

// NewTracker returns a tracker for the connection's objects, whose rows go to
// the destination. It works while Run does.
func NewTracker(s Store, connection, destination string, log *slog.Logger, m *Metrics) *Tracker {
	return &Tracker{
		store: s, connection: connection, destination: destination, log: log, metrics: m,
		objects: make(map[string]*passage), wake: make(chan struct{}, 1), forget: make(chan string, forgetWindow),
	}
}

// Run does the tracker's work until ctx ends. It must not end before those who
// wait for objects.
func (t *Tracker) Run(ctx context.Context) {
	var loops conc.WaitGroup
	loops.Go(func() { t.follow(ctx) })
	loops.Go(func() { t.enterDone(ctx) })
	loops.Go(func() { t.watch(ctx) })
	loops.Go(func() { t.forgetDone(ctx) })
	loops.Wait()
	t.again.Wait()
}

// Passage is somebody's interest in an object on its way.
type Passage struct {
	tracker *Tracker
	passage *passage
}

// Begin enters the object as seen and has it published, unless it was before:
// by this tracker, by another process, in another life. It returns once the
// object is stored on the bus, or known to be on its way or done. Unless it
// returns an error, Wait must follow.
func (t *Tracker) Begin(ctx context.Context, o *logferryv1.Object, publish Publish) (*Passage, error) {
	p := t.enter(o, publish)
	err := t.begin(ctx, p)
	if err != nil {
		t.leave(p)
		return nil, err
	}
	return &Passage{t, p}, nil
}

// Wait returns once the object is done. An error means that ctx has ended: the
// object goes on its way, but nobody here cares any more.
func (p *Passage) Wait(ctx context.Context) (*logferryv1.Done, error) {
	defer p.tracker.leave(p.passage)
	select {
	case <-p.passage.done:
		return p.passage.result, nil
	case <-ctx.Done():
	}
	select {
	case <-p.passage.done: // both at a time: being done counts
		return p.passage.result, nil
	default:
		return nil, ctx.Err()
	}
}

func (t *Tracker) enter(o *logferryv1.Object, publish Publish) *passage {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.objects[o.GetId()]
	if p == nil {
		p = &passage{object: o, publish: publish, turn: make(chan struct{}, 1), done: make(chan struct{})}
		t.objects[o.GetId()] = p
		t.metrics.tracked.WithLabelValues(t.connection).Inc()
	}
	p.waiters++
	return p
}

func (t *Tracker) leave(p *passage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.waiters--; p.waiters == 0 {
		t.drop(p)
	}
}

// drop ends the tracking of p.
func (t *Tracker) drop(p *passage) {
	if t.objects[p.object.GetId()] == p {
		delete(t.objects, p.object.GetId())
		t.metrics.tracked.WithLabelValues(t.connection).Dec()
	}
}

// begin does, once, what brings p on its way.
func (t *Tracker) begin(ctx context.Context, p *passage) error {
	if err := p.take(ctx); err != nil {
		return err
	}
	defer p.yield()
	t.mu.Lock()
	begun := p.begun
	t.mu.Unlock()
	if begun {
		return nil
	}
	if err := t.bring(ctx, p); err != nil {
		return err
	}
	t.mu.Lock()
	p.begun = true
	t.mu.Unlock()
	return nil
}

// take takes the turn to bring p on its way; yield gives it back.
func (p *passage) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *passage) yield() { <-p.turn }

// bring has p published, unless the ledger knows it. Whether it is done is
// asked first: of an object that was done a while ago nothing else is left, and
// it would be entered as seen once more.
func (t *Tracker) bring(ctx context.Context, p *passage) error {
	over, err := t.store.Event(ctx, t.connection, p.object.GetId(), EventDone)
	if err != nil {
		return fmt.Errorf("look up object %s in the ledger: %w", p.object.GetId(), err)
	}
	if over != nil {
		t.metrics.adopted.WithLabelValues(t.connection).Inc()
		t.note(p, over)
		return nil
	}
	seen := Seen(p.object)
	first, err := t.store.Record(ctx, seen)
	if err != nil {
		return fmt.Errorf("enter object %s in the ledger: %w", p.object.GetId(), err)
	}
	if !first {
		t.metrics.adopted.WithLabelValues(t.connection).Inc()
		if err := t.look(ctx, p); err != nil {
			return err
		}
		t.await(p)
		return nil
	}
	t.note(p, seen)
	t.await(p)
	return p.publish(ctx, p.object)
}

// await marks p as one whose end is still to come, if it is.
func (t *Tracker) await(p *passage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.awaited = !p.complete
}

// look enters in p's account what the ledger has of it.
func (t *Tracker) look(ctx context.Context, p *passage) error {
	events, err := t.store.Events(ctx, t.connection, p.object.GetId())
	if err != nil {
		return fmt.Errorf("look up object %s in the ledger: %w", p.object.GetId(), err)
	}
	t.note(p, events...)
	return nil
}

// note enters events in p's account.
func (t *Tracker) note(p *passage, events ...*logferryv1.LedgerEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range events {
		p.account.Add(e)
	}
	if p.complete || !p.account.IsComplete() {
		return
	}
	p.complete = true
	t.ready = append(t.ready, p)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// follow keeps the accounts up to date with what others enter.
func (t *Tracker) follow(ctx context.Context) {
	each := func(e *logferryv1.LedgerEvent) {
		t.mu.Lock()
		p := t.objects[e.GetObjectId()]
		t.mu.Unlock()
		if p != nil {
			t.note(p, e)
		}
	}
	for failures := 1; ctx.Err() == nil; failures++ {
		following, stop := context.WithCancel(ctx)
		t.mu.Lock()
		t.restart = stop
		t.mu.Unlock()
		begun := func() { failures = 0; t.lookAll(following) }
		err := t.store.Follow(following, t.connection, begun, each)
		stop()
		if err == nil || errors.Is(err, context.Canceled) {
			continue
		}
		t.log.Warn("cannot follow the ledger; trying again", "err", err)
		_ = fault.Sleep(ctx, fault.Wait(err, failures)) // ctx is looked at next
	}
}

// lookAll looks every object up: events may have been stored while nobody
// followed.
func (t *Tracker) lookAll(ctx context.Context) {
	for _, p := range t.all(false) {
		if err := t.look(ctx, p); err != nil {
			if ctx.Err() == nil {
				t.log.Warn("cannot look up an object; it is looked up again later", "object", p.object.GetId(), "err", err)
			}
			return // the watch sees to the rest
		}
	}
}

// all returns the objects that are not complete: all of them, or those that
// are known to be published.
func (t *Tracker) all(published bool) []*passage {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*passage
	for _, p := range t.objects {
		if !p.complete && (p.begun || !published) {
			all = append(all, p)
		}
	}
	return all
}

// attempt returns p's object as a new attempt. Attempts are named by the
// seconds since the object was seen: whoever adopts it, no two have the same
// name, and nobody has to remember the last one. A clock that is behind that of
// who has seen it gives no name twice.
func (p *passage) attempt(now time.Time) *logferryv1.Object {
	o := proto.CloneOf(p.object)
	p.tried = max(p.tried+1, uint32(max(0, now.Sub(p.seen)/time.Second)))
	o.Attempt = p.tried
	return o
}
