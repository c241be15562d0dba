package ledger

import (
	"context"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const (
	// doneBatch is how many objects are entered as done together.
	doneBatch = 256
	// doneCalls is how many done events are on their way at a time.
	doneCalls = 16
	// forgetAfter is how long the events of an object that is done are kept
	// before they are dropped but for the last; forgetWindow is how many
	// objects wait for that. What finds no place stays until it ages out.
	forgetAfter  = time.Minute
	forgetWindow = 65_536
)

// enterDone enters objects that are complete as done, many at a time when
// there are many, until ctx ends.
func (t *Tracker) enterDone(ctx context.Context) {
	for {
		select {
		case <-t.wake:
		case <-ctx.Done():
			return
		}
		for {
			batch := t.takeReady()
			if len(batch) == 0 {
				break
			}
			t.enterAll(ctx, batch)
		}
	}
}

func (t *Tracker) takeReady() []*passage {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.ready), doneBatch)
	batch := t.ready[:n:n]
	t.ready = t.ready[n:]
	return batch
}

// enterAll enters the objects as done: each by itself, and all in the history,
// where one that was done before may come twice. Only then those who wait are
// told. It tries until it is done or ctx ends.
func (t *Tracker) enterAll(ctx context.Context, batch []*passage) {
	for failures := 1; ; failures++ {
		err := t.enterOnce(ctx, batch)
		if err == nil {
			t.finish(batch)
			return
		}
		if ctx.Err() != nil {
			return
		}
		t.log.Warn("cannot enter objects as done; trying again", "err", err)
		if fault.Sleep(ctx, fault.Wait(err, failures)) != nil {
			return
		}
	}
}

func (t *Tracker) enterOnce(ctx context.Context, batch []*passage) error {
	calls := pool.New().WithErrors().WithMaxGoroutines(doneCalls)
	entries := make([]Entry, len(batch))
	for i, p := range batch {
		t.mu.Lock()
		total, known := p.account.Total(), p.account.IsDone()
		p.entered = p.entered || known && p.awaited && p.account.Fetched() == nil // its only part has settled it
		t.mu.Unlock()
		entries[i] = entryOf(p.object.GetId(), total)
		if known {
			continue
		}
		calls.Go(func() error {
			first, err := t.store.Record(ctx, done(t.connection, p.object.GetId(), total))
			p.entered = p.entered || first // a next try would not be told
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return err
	}
	failpoint.Hit("ledger.done")
	return t.store.Append(ctx, t.connection, entries)
}

// finish tells those who wait for the objects.
func (t *Tracker) finish(batch []*passage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range batch {
		p.result = p.account.Total()
		t.drop(p)
		close(p.done)
		if p.entered {
			t.count(p)
		}
	}
}

// count counts an object that has just been entered as done, and has its
// events forgotten in a while.
func (t *Tracker) count(p *passage) {
	t.check(p)
	t.metrics.done.WithLabelValues(t.connection).Inc()
	if !p.account.SeenAt.IsZero() {
		t.metrics.seconds.WithLabelValues(t.connection).Observe(time.Since(p.account.SeenAt).Seconds())
	}
	select {
	case t.forget <- p.object.GetId():
	default:
	}
}

// check compares what went into an object's account with what came out of it.
// A difference is a defect of Logferry; it is never silent. What is missing of
// a rejected object is in its dead letter.
func (t *Tracker) check(p *passage) {
	if sum := p.result; !sum.GetRejected() && sum.GetRecords() != sum.GetDelivered()+sum.GetDead()+sum.GetFiltered() {
		t.metrics.mismatched.WithLabelValues(t.connection).Inc()
		t.log.Error("an object's account does not add up: this is a defect of Logferry, please report it",
			"object", p.object.GetId(), "bucket", p.object.GetBucket(), "key", p.object.GetKey(), "account", summary(sum))
	}
}

// forgetDone drops the events of objects that were done a while ago but for
// their last, until ctx ends.
func (t *Tracker) forgetDone(ctx context.Context) {
	type old struct {
		object string
		at     time.Time
	}
	var queue []old
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		in := t.forget
		if len(queue) == forgetWindow {
			in = nil
		}
		select {
		case object := <-in:
			queue = append(queue, old{object, time.Now().Add(forgetAfter)})
			continue
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for len(queue) > 0 && !time.Now().Before(queue[0].at) && ctx.Err() == nil {
			if err := t.store.Forget(ctx, t.connection, queue[0].object); err != nil && ctx.Err() == nil {
				t.log.Warn("cannot drop the events of an object that is done; they age out", "object", queue[0].object, "err", err)
			}
			queue = queue[1:]
		}
	}
}

func summary(d *logferryv1.Done) map[string]uint64 {
	return map[string]uint64{"records": d.GetRecords(), "delivered": d.GetDelivered(), "dead": d.GetDead(), "filtered": d.GetFiltered()}
}
