// Package backfill carries the objects that lie in a bucket and are not done
// yet: those of a span of days, or of a list.
//
//	bucket ──pages──▶ history ──what is not done──▶ tracker ──objects──▶ bus
//	                                                   └─done─▶ progress ──▶ checkpoint
//
// It goes through the ledger as a poller does, so whatever else announces the
// same object at the same time, its rows are written once. A backfill that was
// interrupted goes on behind the last key up to which everything was done.
package backfill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
	"github.com/logferry/logferry/services/logferry/internal/bucket"
	"github.com/logferry/logferry/services/logferry/internal/notes"
)

const (
	// chunkObjects is how many objects of a walk are looked up in the history
	// together, chunkKeys how many of a list, of which each costs a request.
	chunkObjects = 100_000
	chunkKeys    = 1000
	// lookUps is how many objects a dry run looks up at a time.
	lookUps = 16
)

// Options say what is to be carried, and how fast. InFlight and Bytes must be
// positive.
type Options struct {
	Connection connection.Connection
	Bucket     string
	// Prefix and Span are what is walked, when there are no Keys.
	Prefix string
	Span   bucket.Span
	// Keys, when it is not nil, lists the objects (see [bucket.Lister.Keys]).
	Keys io.Reader
	// InFlight is how many objects are on their way at a time, and Bytes how
	// large they are together; one that is larger goes alone.
	InFlight int
	Bytes    int64
	// Rate is how many objects are begun a second; 0: as many as there are.
	Rate float64
	// DryRun counts what would be carried and carries nothing.
	DryRun bool
	// Restart begins at the beginning, whatever a checkpoint says.
	Restart bool
	// Out gets the outcome, Notes the progress.
	Out, Notes io.Writer
}

// Run carries the objects and returns what became of them once all are done.
// When ctx ends before, what is on its way goes on its way, and the same Run
// goes on later.
func Run(ctx context.Context, env *app.Env, o Options) (Tally, error) {
	r := &run{
		Options: o, env: env, store: env.Bus.Ledger(), lister: bucket.New(awscred.New(env.Log), o.Connection),
		notes: notes.New(o.Notes), bytes: semaphore.NewWeighted(o.Bytes), pace: rate.NewLimiter(rate.Inf, 1), workers: o.InFlight,
	}
	r.handle = r.carry
	if o.Rate > 0 {
		r.pace.SetLimit(rate.Limit(o.Rate))
	}
	if err := r.warn(ctx); err != nil {
		return Tally{}, err
	}
	if o.DryRun {
		return r.dry(ctx)
	}
	return r.wet(ctx)
}

// run is a backfill under way.
type run struct {
	Options
	env     *app.Env
	store   ledger.Store
	lister  *bucket.Lister
	notes   *notes.Notes
	tracker *ledger.Tracker
	objects stage.Publisher[*logferryv1.Object]
	bytes   *semaphore.Weighted
	pace    *rate.Limiter
	workers int
	// handle does what is to be done with an object that is not in the history.
	handle func(context.Context, *sheet, item) error

	progress progress
	pending  []item   // listed, and not on a sheet yet
	chunk    []*sheet // to be looked up in the history
	size     int      // objects of the chunk
}

// warn tells when the span begins before the history does.
func (r *run) warn(ctx context.Context) error {
	begin, err := r.env.Bus.Ledger().HistoryBegin(ctx)
	if err != nil {
		return err
	}
	if r.Keys != nil || r.Span.From.Before(begin) {
		r.notes.Say("backfill: the history begins at %s: what was delivered before is not known, and is carried again", begin.Format(time.RFC3339))
	}
	return nil
}

// dry counts what would be carried.
func (r *run) dry(ctx context.Context) (Tally, error) {
	days := newDays()
	r.workers = lookUps
	r.handle = func(ctx context.Context, s *sheet, i item) error {
		done, err := r.store.Event(ctx, r.Connection.Name, i.ID(r.Connection.Name), ledger.EventDone)
		switch {
		case err != nil:
			return err
		case done != nil:
			r.progress.settle(s, Tally{Known: 1})
		default:
			days.add(i)
			r.progress.settle(s, Tally{Carried: 1, Bytes: i.Size})
		}
		return nil
	}
	err := r.all(ctx, "")
	total := r.progress.sum()
	if err != nil {
		return total, r.explain(ctx, err)
	}
	r.doubt(total)
	return total, days.print(r.Out, total)
}

// wet carries, from the checkpoint on.
func (r *run) wet(ctx context.Context) (Tally, error) {
	saves, err := r.newSaver(ctx)
	if err != nil {
		return Tally{}, err
	}
	r.progress.total, r.progress.mark = saves.last.Tally, saves.last.After
	r.objects = r.env.Bus.PublishObjects()
	r.tracker = ledger.NewTracker(r.store, r.Connection.Name, r.Connection.Destination, r.env.Log, ledger.NewMetrics(r.env.Metrics))
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var helpers conc.WaitGroup
	helpers.Go(func() { r.tracker.Run(life) })
	helpers.Go(func() { r.save(life, saves) })
	helpers.Go(func() { r.notes.Tell(life, r.line) })
	err = r.all(ctx, saves.last.After)
	end()
	helpers.Wait()
	total := r.progress.sum()
	if err := saves.finish(ctx, &r.progress, err == nil); err != nil {
		r.env.Log.Warn("cannot save how far the backfill is; the next one begins where it was saved last", "err", err)
	}
	if err != nil {
		return total, r.explain(ctx, err)
	}
	r.doubt(total)
	return total, total.print(r.Out)
}

// doubt tells when a walk has found nothing: a name may be wrong.
func (r *run) doubt(total Tally) {
	if total.Listed == 0 && r.Keys == nil {
		r.notes.Say("backfill: no object was found: check --bucket, --prefix, --from and --to")
	}
}

// explain says what to do about an error.
func (r *run) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errors.New("backfill: interrupted; the same command goes on")
	}
	return fmt.Errorf("backfill: %w", err)
}

// all lists the objects behind after and handles each that is not done. It
// returns when all are handled. What was listed before an error of the listing
// is handled too.
func (r *run) all(ctx context.Context, after string) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	workers := pool.New().WithMaxGoroutines(r.workers)
	work := func(s *sheet, i item) {
		workers.Go(func() {
			if err := r.handle(ctx, s, i); err != nil {
				fail(err)
			}
		})
	}
	err := r.list(ctx, after, func(p bucket.Page) error {
		r.take(p)
		if r.size < r.most() {
			return nil
		}
		return r.flush(ctx, work)
	})
	r.cut("", len(r.pending))
	if ctx.Err() == nil {
		err = errors.Join(err, r.flush(ctx, work))
	}
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (r *run) list(ctx context.Context, after string, f func(bucket.Page) error) error {
	if r.Keys != nil {
		return r.lister.Keys(ctx, r.Bucket, r.Keys, func(o bucket.Object) error { return f(bucket.Page{Objects: []bucket.Object{o}}) })
	}
	return r.lister.Walk(ctx, bucket.Walk{Bucket: r.Bucket, Prefix: r.Prefix, Span: r.Span, After: after}, f)
}

// most is how many objects are looked up in the history together.
func (r *run) most() int {
	if r.Keys != nil {
		return chunkKeys
	}
	return chunkObjects
}

// take puts a page on sheets: each is what lies up to one of the walk's marks.
func (r *run) take(p bucket.Page) {
	for _, o := range p.Objects {
		r.pending = append(r.pending, item{o, p.Day})
	}
	n := len(r.pending)
	if p.Mark != "" {
		for n > 0 && r.pending[n-1].Key > p.Mark {
			n--
		}
	} else if r.Keys == nil {
		return
	}
	r.cut(p.Mark, n)
}

// cut makes a sheet of the first n pending objects.
func (r *run) cut(mark string, n int) {
	s := newSheet(r.pending[:n], mark)
	r.pending = append([]item(nil), r.pending[n:]...)
	r.chunk = append(r.chunk, s)
	r.size += n
	r.progress.add(s)
}

// flush handles the objects of the chunk that the history does not have.
func (r *run) flush(ctx context.Context, work func(*sheet, item)) error {
	var ids []string
	for _, s := range r.chunk {
		for _, i := range s.items {
			ids = append(ids, i.ID(r.Connection.Name))
		}
	}
	known, err := ledger.Find(ctx, r.store, r.Connection.Name, r.Span.From, ids)
	if err != nil {
		return err
	}
	for _, s := range r.chunk {
		for _, i := range s.items {
			if _, done := known[ledger.KeyOf(ids[0])]; done {
				r.progress.settle(s, Tally{Known: 1})
			} else if ctx.Err() == nil {
				work(s, i)
			}
			ids = ids[1:]
		}
		s.items = nil
	}
	r.chunk, r.size = nil, 0
	return nil
}
