// Package audit tells what became of every object that lies in a bucket:
// whether its rows were delivered, or something of it is a dead letter, whether
// it is on its way, or nothing is known of it.
//
//	bucket ──pages──▶ history ──what it does not have──▶ ledger ──▶ account by day
//	                     ▲                                  ▲
//	                     └────────── open dead letters ─────┘
//
// The bucket is listed before the history is read, so that what was done in
// between counts as done. A chunk of the listing is held at a time, whatever the
// history holds, and of what is not delivered as much as is told at the end.
package audit

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/services/logferry/internal/bucket"
)

const (
	// chunkObjects is how many objects are looked up in the history together.
	chunkObjects = 100_000
	// lookUps is how many objects are looked up in the ledger at a time.
	lookUps = 16
	// slack is how long before the dead letters were read an object may be done
	// so that its letter may have been missed: clocks differ.
	slack = 5 * time.Minute
	// waitInterval is how often it is looked whether what was in flight is done.
	waitInterval = time.Second
)

// Options say what is audited, and how it is told.
type Options struct {
	Connection     connection.Connection
	Bucket, Prefix string
	Span           bucket.Span
	// Wait is how long objects in flight are waited for.
	Wait time.Duration
	// JSON writes JSON lines in place of a table for people.
	JSON bool
	// All lists every object that is missing or dead in the table, not only the
	// first.
	All bool
	// Carry is the command that carries what is missing, List the one that lists
	// what is dead.
	Carry, List string
	// Out gets the outcome, Notes what is told on the way.
	Out, Notes io.Writer
}

// State is what became of an object.
type State string

// The states of an object.
const (
	// Delivered: every row is accepted by its destination, and nothing of the
	// object is in an open dead letter.
	Delivered State = "delivered"
	// Dead: an open dead letter holds the object or something of it.
	Dead State = "dead"
	// InFlight: a poller has seen it, and it is not done.
	InFlight State = "in_flight"
	// Missing: nothing is known of it.
	Missing State = "missing"
)

// Run audits and writes the outcome. It returns the sum of all days.
func Run(ctx context.Context, env *app.Env, o Options) (Count, error) {
	a := &audit{Options: o, env: env, store: env.Bus.Ledger(), days: map[string]*Count{}}
	a.out = newTable(o)
	if o.JSON {
		a.out = newLines(o)
	}
	var err error
	if a.begin, err = env.Bus.Ledger().HistoryBegin(ctx); err != nil {
		return Count{}, fmt.Errorf("audit: %w", err)
	}
	for _, step := range []func(context.Context) error{a.dig, a.list, a.wait, a.again} {
		if err := step(ctx); err != nil {
			return Count{}, fmt.Errorf("audit: %w", err)
		}
	}
	return a.tell()
}

// output writes what was found.
type output interface {
	// object takes an object that is not delivered, in the order of the listing
	// but for what was in flight.
	object(finding) error
	// end takes the counts, by day, and their sum.
	end(days map[string]*Count, sum Count, begin time.Time) error
}

// audit is an audit under way.
type audit struct {
	Options
	env   *app.Env
	store ledger.Store
	out   output
	begin time.Time // of the history

	graves   *graves
	days     map[string]*Count
	chunk    []finding
	flying   []finding // in flight
	suspects []finding // something is dead, and no letter names it: yet, or any more
	ignored  int64
}

// finding is an object, and what became of it.
type finding struct {
	bucket.Object
	id    string
	day   string
	state State        // empty of one that is done, as long as its letters are not known
	entry ledger.Entry // of one that is done
	seen  time.Time    // of one that is in flight
}

// list goes through the bucket, chunk by chunk.
func (a *audit) list(ctx context.Context) error {
	lister := bucket.New(awscred.New(a.env.Log), a.Connection)
	err := lister.Walk(ctx, bucket.Walk{Bucket: a.Bucket, Prefix: a.Prefix, Span: a.Span}, func(p bucket.Page) error {
		for _, o := range p.Objects {
			a.take(p.Day, o)
		}
		if len(a.chunk) < chunkObjects {
			return nil
		}
		return a.judge(ctx)
	})
	if err != nil {
		return err
	}
	return a.judge(ctx)
}

// take adds an object to the chunk. Its day is that of its path, else the one
// on which it was written.
func (a *audit) take(day time.Time, o bucket.Object) {
	if _, ok := format.Ignorable(o.Key); ok {
		a.ignored++
		return
	}
	if day.IsZero() {
		day = o.LastModified
	}
	a.chunk = append(a.chunk, finding{Object: o, id: o.ID(a.Connection.Name), day: day.UTC().Format(time.DateOnly)})
}

// judge finds out what became of the objects of the chunk.
func (a *audit) judge(ctx context.Context) error {
	ids := make([]string, len(a.chunk))
	for i, f := range a.chunk {
		ids[i] = f.id
	}
	done, err := ledger.Find(ctx, a.store, a.Connection.Name, a.Span.From, ids)
	if err != nil {
		return err
	}
	look := pool.New().WithMaxGoroutines(lookUps).WithContext(ctx).WithCancelOnError().WithFirstError()
	for i := range a.chunk {
		f := &a.chunk[i]
		if entry, ok := done[ledger.KeyOf(f.id)]; ok {
			f.entry = entry
			continue
		}
		look.Go(func(ctx context.Context) error { return a.look(ctx, f) })
	}
	if err := look.Wait(); err != nil {
		return err
	}
	for _, f := range a.chunk {
		if err := a.settle(f); err != nil {
			return err
		}
	}
	a.chunk = a.chunk[:0]
	return nil
}

// look asks the ledger about an object that the history does not have. An object
// of which every part is settled is done, also when whoever would have said so
// is gone.
func (a *audit) look(ctx context.Context, f *finding) error {
	account, err := ledger.Repair(ctx, a.store, a.Connection.Name, f.id)
	switch {
	case err != nil:
		return err
	case account.IsDone():
		total := account.Total()
		f.state, f.entry = "", ledger.Entry{Time: time.Now(), Delivered: total.GetDelivered(), Dead: total.GetDead(), Rejected: total.GetRejected()}
	case account.Object != nil || account.Fetched() != nil || account.Settled() > 0:
		f.state, f.seen = InFlight, account.SeenAt
	default:
		f.state = Missing
	}
	return nil
}

// settle enters an object in the account, unless it is to be looked at again.
func (a *audit) settle(f finding) error {
	lost := f.entry.Dead > 0 || f.entry.Rejected
	switch {
	case a.graves.name(f):
		f.state = Dead
	case f.state == InFlight:
		a.flying = append(a.flying, f)
		return nil
	case f.state == "" && lost && f.entry.Time.After(a.graves.read.Add(-slack)):
		a.suspects = append(a.suspects, f)
		return nil
	case f.state == "":
		f.state = Delivered
	}
	return a.enter(f)
}

// enter counts an object.
func (a *audit) enter(f finding) error {
	day := a.days[f.day]
	if day == nil {
		day = new(Count)
		a.days[f.day] = day
	}
	day.add(f)
	if f.state == Delivered {
		return nil
	}
	return a.out.object(f)
}

// wait gives objects in flight the time to be done.
func (a *audit) wait(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, a.Wait)
	defer cancel()
	for told := 0; len(a.flying) > 0; {
		if len(a.flying) != told && a.Wait > 0 {
			told = len(a.flying)
			fmt.Fprintf(a.Notes, "audit: waiting for %d objects in flight\n", told)
		}
		if fault.Sleep(waiting, waitInterval) != nil {
			break
		}
		if err := a.lookAgain(ctx); err != nil {
			return err
		}
	}
	for _, f := range a.flying {
		if err := a.enter(f); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// lookAgain looks which objects are not in flight any more.
func (a *audit) lookAgain(ctx context.Context) error {
	flying := a.flying[:0]
	for _, f := range a.flying {
		if err := a.look(ctx, &f); err != nil {
			return err
		}
		if f.state == InFlight {
			flying = append(flying, f)
			continue
		}
		a.suspects = append(a.suspects, f)
	}
	a.flying = flying
	return nil
}

// again settles what was done while the letters were read, or later.
func (a *audit) again(ctx context.Context) error {
	if len(a.suspects) == 0 {
		return nil
	}
	if err := a.dig(ctx); err != nil {
		return err
	}
	for _, f := range a.suspects {
		if f.state = Delivered; a.graves.name(f) {
			f.state = Dead
		}
		if err := a.enter(f); err != nil {
			return err
		}
	}
	return nil
}

// tell writes the account.
func (a *audit) tell() (Count, error) {
	sum := Count{Ignored: a.ignored}
	for _, day := range a.days {
		sum.sum(*day)
	}
	return sum, a.out.end(a.days, sum, a.begin)
}
