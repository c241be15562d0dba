// Package fetcher is the service that reads objects: objects in, raw batches
// out. It streams each object from its bucket, unpacks it, tells its format,
// cuts it into records and sends those in parts.
//
//	object ──▶ download ──▶ unpack ──▶ route ──▶ split ──▶ parts ──▶ raw
//	            (S3)       (gzip …)   (format)  (records)
//
// Reading waits for the network, and unpacking does not: a small object is read
// whole first, so that many can be on their way and hold little. A larger one is
// never held: memory does not grow with its size, nor, beyond a bound, with the
// number of objects in flight. The same object gives the same parts, whenever
// and wherever it is read (invariant 4).
package fetcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sourcegraph/conc/panics"
	"golang.org/x/sync/semaphore"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	"github.com/logferry/logferry/pkg/unpack"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const (
	name = "fetcher"
	// largeReads is how many large objects are read at a time: each keeps two
	// chunks in memory.
	largeReads = 2
	// maxSpool bounds the temporary file of a Parquet object.
	maxSpool = 1 << 30
	// mendWait is how long to wait at most, each time, for somebody to mend a
	// configuration or a permission; after mendTries, half an hour, the object
	// is a dead letter.
	mendWait  = time.Minute
	mendTries = 37
)

// Service returns the fetcher.
func Service() app.Service { return app.Service{Name: name, New: newService} }

func newService(ctx context.Context, env *app.Env) (func(context.Context) error, error) {
	f, err := newFetcher(env, all.Formats())
	if err != nil {
		return nil, err
	}
	source, err := env.Bus.Objects(ctx)
	if err != nil {
		return nil, err
	}
	s := &stage.Stage[*logferryv1.Object, *batch.Batch]{
		Name: name, Source: source, Out: env.Bus.PublishRaw(), Dead: env.Bus.Graveyard(), Handle: f.handle, Rejected: f.rejected,
		Workers: env.Config.Fetcher.InFlight, Grace: env.Config.Grace, Log: env.Log.With("stage", name), Metrics: env.Stages,
	}
	return s.Run, nil
}

// fetcher is the stage's state.
type fetcher struct {
	connections  map[string]connection.Connection
	destinations map[string]connection.Destination
	formats      format.Set
	limits       unpack.Limits
	unpack       unpack.Pool
	contents     sync.Pool // of *bytes.Buffer, for small objects
	ledger       ledger.Store
	buckets      *buckets
	large        chan struct{}       // holds a token for each large object in work
	room         *semaphore.Weighted // memory for objects in work
	memory       batch.Pool          // of the parts
	metrics      *metrics
}

func newFetcher(env *app.Env, formats format.Set) (*fetcher, error) {
	f := &fetcher{
		connections:  make(map[string]connection.Connection),
		destinations: make(map[string]connection.Destination),
		formats:      formats,
		ledger:       env.Bus.Ledger(),
		limits: unpack.Limits{
			MaxBytes: env.Config.Fetcher.MaxObjectBytes,
			MaxRatio: env.Config.Fetcher.MaxRatio,
			MaxSpool: maxSpool,
		},
		large:   make(chan struct{}, largeReads),
		room:    semaphore.NewWeighted(roomBytes),
		metrics: newMetrics(env.Metrics),
	}
	f.buckets = newBuckets(awscred.New(env.Log), env.Log, f.metrics)
	for _, d := range env.Config.Destinations {
		f.destinations[d.Name] = d
	}
	for _, c := range env.Config.Connections {
		if _, ok := formats.ForTable(c.Table); !ok && !isAuto(c) {
			return nil, fmt.Errorf("connection %s: no format fills table %s", c.Name, c.Table)
		}
		f.connections[c.Name] = c
	}
	return f, nil
}

func isAuto(c connection.Connection) bool { return c.Table == "" || c.Table == connection.Auto }

// outlet is where parts and dead letters go: the stage's emitter.
type outlet interface {
	Emit(ctx context.Context, b *batch.Batch) error
	Bury(ctx context.Context, l stage.DeadLetter) error
}

// handle is the stage's handler: it sends what the object holds and, when all
// of that is stored, enters it in the ledger. An object that is one part needs
// no entry: who settles the part enters the object as done.
//
// The ledger is asked first only where something may have been sent before.
// What is sent twice all the same is known by its id: to the bus for a while,
// then to the ledger, which the writer asks about every part.
func (f *fetcher) handle(ctx context.Context, in *logferryv1.Object, out *stage.Emitter[*batch.Batch]) error {
	account := new(ledger.Account)
	if in.GetAttempt() > 0 || out.Redelivered() {
		var err error
		if account, err = f.account(ctx, in); err != nil || isSent(in, account) {
			return err
		}
	}
	c, err := f.fetch(ctx, in, account.HasSettled, out)
	if err != nil {
		return f.abandon(ctx, in, err)
	}
	if err := out.Flush(ctx); err != nil {
		return err
	}
	failpoint.Hit("fetcher.sent")
	if !c.whole {
		_, err = f.ledger.Record(ctx, ledger.Fetched(in.GetConnection(), in.GetId(), c.fetched()))
	}
	failpoint.Hit("fetcher.entered")
	return err
}

// account returns what the ledger has of an object.
func (f *fetcher) account(ctx context.Context, in *logferryv1.Object) (*ledger.Account, error) {
	events, err := f.ledger.Events(ctx, in.GetConnection(), in.GetId())
	return ledger.NewAccount(events), err
}

// isSent reports whether nothing is left to send of an object: it is done, or
// was sent to its end in the first attempt. A further attempt is made because
// the bus has lost something of that.
func isSent(in *logferryv1.Object, account *ledger.Account) bool {
	return account.IsDone() || in.GetAttempt() == 0 && account.Fetched() != nil
}

// fetch carries one object, but for the parts that are settled, and returns
// what is known of it then. When it is given up, the error tells what was sent
// before.
func (f *fetcher) fetch(ctx context.Context, in *logferryv1.Object, settled func(int) bool, out outlet) (*carrier, error) {
	begin := time.Now()
	f.metrics.inFlight.Inc()
	defer f.metrics.inFlight.Dec()
	c := &carrier{fetcher: f, in: in, out: out, settled: settled}
	var err error
	if caught := panics.Try(func() { err = c.carry(ctx) }); caught != nil {
		err = fault.Permanent(fault.Internal, caught.AsError())
	}
	if skip, ok := errors.AsType[*format.SkipError](err); ok {
		f.metrics.skipped.WithLabelValues(skip.What).Inc()
		c.outcome, err = "skipped", nil
	}
	switch {
	case fault.IsPermanent(err):
		c.outcome = "dead"
	case err != nil:
		c.outcome = "retry"
	}
	f.metrics.observe(c, time.Since(begin))
	if err != nil {
		err = &abandoned{err, c}
	}
	return c, err
}
