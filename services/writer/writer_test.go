package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/ledger/ledgertest"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/sink"
	"github.com/logferry/logferry/pkg/sink/sinktest"
	"github.com/logferry/logferry/pkg/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSink rejects and fails as it is told.
type fakeSink struct {
	rejected []sink.Rejected
	err      error
	batches  int
}

func (f *fakeSink) Write(context.Context, *batch.Batch) ([]sink.Rejected, error) {
	f.batches++
	return f.rejected, f.err
}

func (f *fakeSink) Close(context.Context) error { return nil }

// grave keeps dead letters, or fails.
type grave struct {
	letters []stage.DeadLetter
	err     error
}

func (g *grave) Bury(_ context.Context, l stage.DeadLetter) error {
	g.letters = append(g.letters, l)
	return g.err
}

const tab = "AWSVPCFlow"

func rows(t testing.TB, mem memory.Allocator, n int) *batch.Batch {
	b := sinktest.Batch(t, mem, tab, 0, n)
	b.Meta.Destination, b.Meta.Connection, b.Meta.Part = "here", "conn", 3
	b.Meta.Notified = time.Now().Add(-time.Minute)
	return b
}

func TestWrite(t *testing.T) {
	trouble, lost := errors.New("context ended"), errors.New("bus is away")
	f := func(name string, s fakeSink, g grave, change func(*batch.Meta), letters int, check func(error) bool) {
		t.Helper()
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		b := rows(t, mem, 10)
		change(&b.Meta)
		w := &writer{destination: "here", table: tab, sink: &s, ledger: new(ledgertest.Memory), metrics: newMetrics(prometheus.NewRegistry())}
		err := w.write(t.Context(), b, &g)
		if !check(err) || len(g.letters) != letters {
			t.Errorf("%s: got error %v, %d letters; want %d", name, err, len(g.letters), letters)
		}
		mem.AssertSize(t, 0) // invariant 5: the batch is released, whatever happened
		delivered := testutil.ToFloat64(w.metrics.rows.WithLabelValues("here", tab, "conn"))
		if want := float64(10 - letters); err == nil && delivered != want || err != nil && delivered != 0 {
			t.Errorf("%s: %v rows are counted as delivered", name, delivered)
		}
	}
	same := func(*batch.Meta) {}
	good := func(err error) bool { return err == nil }
	is := func(want error) func(error) bool {
		return func(err error) bool { return errors.Is(err, want) && !fault.IsPermanent(err) }
	}
	internal := func(err error) bool { return fault.IsPermanent(err) && fault.ReasonOf(err) == fault.Internal }
	bad := []sink.Rejected{
		{Row: 2, Err: fault.Permanent(fault.RowTooLarge, errors.New("too large"))},
		{Row: 9, Err: fault.Permanent(fault.RowRejected, errors.New("malformed"))},
	}
	// all rows taken, some, and trouble
	f("all", fakeSink{}, grave{}, same, 0, good)
	f("some", fakeSink{rejected: bad}, grave{}, same, 2, good)
	f("trouble", fakeSink{err: trouble}, grave{}, same, 0, is(trouble))
	f("no grave", fakeSink{rejected: bad}, grave{err: lost}, same, 1, is(lost))
	// invariant 7: rows of another destination or table go nowhere
	f("destination", fakeSink{}, grave{}, func(m *batch.Meta) { m.Destination = "there" }, 0, internal)
	f("table", fakeSink{}, grave{}, func(m *batch.Meta) { m.Table = "AWSCloudTrail" }, 0, internal)
}

// Invariant 7: the sink never sees rows that are not its destination's.
func TestForeignRowsAreNotWritten(t *testing.T) {
	var s fakeSink
	w := &writer{destination: "there", table: tab, sink: &s, ledger: new(ledgertest.Memory), metrics: newMetrics(prometheus.NewRegistry())}
	if err := w.write(t.Context(), rows(t, memory.DefaultAllocator, 1), &grave{}); err == nil || s.batches > 0 {
		t.Errorf("got error %v, %d batches written", err, s.batches)
	}
}

// A dead row is the row itself, in the form in which rows travel.
func TestDeadRowCanBeWrittenAgain(t *testing.T) {
	s := &fakeSink{rejected: []sink.Rejected{{Row: 4, Err: fault.Permanent(fault.RowRejected, errors.New("malformed"))}}}
	w := &writer{destination: "here", table: tab, sink: s, ledger: new(ledgertest.Memory), metrics: newMetrics(prometheus.NewRegistry())}
	var g grave
	if err := w.write(t.Context(), rows(t, memory.DefaultAllocator, 10), &g); err != nil || len(g.letters) != 1 {
		t.Fatalf("got error %v, %d letters", err, len(g.letters))
	}
	l := g.letters[0]
	if l.Reason != fault.RowRejected || l.Error != "malformed" || l.Part != 3 || l.Offset != -1 || l.ContentType != arrowStream {
		t.Errorf("got letter %+v", l)
	}
	record, err := batch.Decode(l.Body, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	whole := rows(t, memory.DefaultAllocator, 10)
	defer whole.Release()
	want := whole.Record.NewSlice(4, 5)
	defer want.Release()
	if got, want := fmt.Sprint(record), fmt.Sprint(want); got != want {
		t.Errorf("got row %s\nwant %s", got, want)
	}
}

func TestLagBuckets(t *testing.T) {
	registry := prometheus.NewRegistry()
	b := rows(t, memory.DefaultAllocator, 1)
	defer b.Release()
	newMetrics(registry).observe(b, 0)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "logferry_lag_seconds" {
			continue
		}
		buckets := f.GetMetric()[0].GetHistogram().GetBucket()
		first, last := buckets[0].GetUpperBound(), buckets[len(buckets)-1].GetUpperBound()
		if first > 0.05 || last < 3600 {
			t.Errorf("buckets span %v to %v; want 0.05 s to an hour", first, last)
		}
		for i := 1; i < len(buckets); i++ {
			if ratio := buckets[i].GetUpperBound() / buckets[i-1].GetUpperBound(); ratio > 1.3001 {
				t.Errorf("bucket %d is %v times the one before; want at most 1.3", i, ratio)
			}
		}
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

func TestConfigurationMistakesAreNamed(t *testing.T) {
	good := connection.Destination{Name: "good", Directory: t.TempDir()}
	base := newEnv(t, good)
	f := func(d connection.Destination, want string) {
		t.Helper()
		env := *base
		env.Metrics = prometheus.NewRegistry()
		env.Config.Destinations = []connection.Destination{good, d}
		if _, err := newService(t.Context(), &env, options{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got error %v; want one that begins with %s", err, want)
		}
	}
	f(connection.Destination{Endpoint: "nowhere"}, "destinations[1].endpoint: ")
	f(connection.Destination{Endpoint: "https://dce.test", Cloud: "moon"}, "destinations[1].cloud: ")
	f(connection.Destination{Endpoint: "https://dce.test", Credential: connection.Credential{Kind: "key"}}, "destinations[1].credential.kind: ")
	f(connection.Destination{Endpoint: "https://dce.test", Credential: connection.Credential{Kind: "aws_web_identity"}}, "destinations[1].credential.kind: ")
	f(connection.Destination{Directory: t.TempDir(), Format: "csv"}, "destinations[1].format: ")
}

// From the bus to both kinds of destination.
func TestService(t *testing.T) {
	cloud, err := localcloud.Start(context.Background(), localcloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	posted, err := cloud.Destination("posted", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kept := connection.Destination{Name: "kept", Directory: t.TempDir()}
	env := newEnv(t, posted, kept)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := Service().New(ctx, env)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	var service conc.WaitGroup
	service.Go(func() {
		if err := run(running); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	out := env.Bus.PublishRows()
	for part := range 4 {
		for _, d := range []string{"posted", "kept"} {
			publish(ctx, t, out, d, part)
		}
	}
	if err := cloud.Ingestion.WaitRows(ctx, tab, 40); err != nil {
		t.Error(err)
	}
	await(ctx, t, func() bool { return countLines(t, filepath.Join(kept.Directory, tab)) >= 40 })
	stop()
	service.Wait()
	if n := countLines(t, filepath.Join(kept.Directory, tab)); n != 40 || cloud.Ingestion.Stats(tab).Rows != 40 {
		t.Errorf("got %d rows in files, %d posted; want 40 each", n, cloud.Ingestion.Stats(tab).Rows)
	}
}

func newEnv(t *testing.T, destinations ...connection.Destination) *app.Env {
	t.Helper()
	config := app.DefaultConfig()
	config.Bus.Store = t.TempDir()
	config.Destinations = destinations
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(t.Context(), config.Bus, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	topology := bus.Topology{Destinations: map[string][]string{}}
	for _, d := range destinations {
		topology.Destinations[d.Name] = d.TablesOf(all.Formats().Tables())
	}
	if err := b.Bootstrap(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	return &app.Env{Config: config, Log: log, Metrics: registry, Stages: stage.NewMetrics(registry), Bus: b, Version: "test"}
}

func publish(ctx context.Context, t *testing.T, out stage.Publisher[*batch.Batch], destination string, part int) {
	t.Helper()
	b := sinktest.Batch(t, memory.DefaultAllocator, tab, part*10, 10)
	b.Meta = batch.Meta{
		Connection: "conn", Destination: destination, Format: "vpcflow", Table: tab,
		Object: "object" + destination, Part: part, Bucket: "b", Key: "k", Notified: time.Now(),
	}
	wait, err := out.Publish(ctx, b)
	if err == nil {
		err = wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func countLines(t *testing.T, directory string) (n int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(body), "\n")
	}
	return n
}

// await looks until something is so.
func await(ctx context.Context, t *testing.T, so func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("what was awaited did not come to be")
		}
	}
}

// A stage that fails stops the others.
func TestOneFailureStopsAll(t *testing.T) {
	var mu sync.Mutex
	stopped := 0
	var started sync.WaitGroup
	started.Add(2)
	idle := func() *rowsStage {
		return newTestStage(sourceFunc(func(ctx context.Context) (stage.Delivery[*batch.Batch], error) {
			started.Done()
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			stopped++
			return nil, ctx.Err()
		}))
	}
	broken := newTestStage(sourceFunc(func(context.Context) (stage.Delivery[*batch.Batch], error) {
		started.Wait()
		panic("defect")
	}))
	defer func() {
		if p := recover(); p == nil {
			t.Error("the defect was hidden")
		}
		if stopped != 2 {
			t.Errorf("%d stages stopped; want 2", stopped)
		}
	}()
	_ = runStages(t.Context(), []*rowsStage{idle(), broken, idle()})
}

type sourceFunc func(ctx context.Context) (stage.Delivery[*batch.Batch], error)

func (f sourceFunc) Next(ctx context.Context) (stage.Delivery[*batch.Batch], error) { return f(ctx) }

func newTestStage(s stage.Source[*batch.Batch]) *rowsStage {
	return &rowsStage{
		Name: name, Source: s, Workers: 1, Log: slog.New(slog.DiscardHandler),
		Metrics: stage.NewMetrics(prometheus.NewRegistry()),
	}
}
