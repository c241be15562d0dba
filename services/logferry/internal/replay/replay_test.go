package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a bus with records on it, and two destinations that are files.
type world struct {
	t   *testing.T
	cfg app.Config
	bus *bus.Bus
	log bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, cfg: app.DefaultConfig()}
	w.cfg.Bus.Store = t.TempDir()
	w.cfg.Grace = time.Second
	rule := map[string]connection.Rule{"AWSGuardDuty": {Rule: "dcr-0123456789abcdef0123456789abcdef"}}
	w.cfg.Destinations = []connection.Destination{
		{Name: "files", Directory: filepath.Join(t.TempDir(), "files")},
		{Name: "other", Directory: filepath.Join(t.TempDir(), "other")},
		{Name: "azure", Endpoint: "https://localhost", Tables: rule},
	}
	w.bus = bustest.Open(t, w.cfg.Bus, bus.Topology{Destinations: map[string][]string{"files": {"AWSVPCFlow"}, "gone": {"AWSVPCFlow"}}})
	return w
}

// flows stores a part of flow logs, two records each.
func (w *world) flows(part int, change func(*batch.Meta), lines ...string) {
	w.t.Helper()
	var raw batch.Raw
	for i, line := range lines {
		raw.Append([]byte(line), int64(i))
	}
	b := &batch.Batch{Record: raw.Take(), Meta: batch.Meta{
		Connection: "org-trail", Destination: "files", Format: "vpcflow", Table: "AWSVPCFlow",
		Object: "object", Part: part, Layout: "srcaddr packets start", Notified: time.Now(),
	}}
	if change != nil {
		change(&b.Meta)
	}
	wait, err := w.bus.PublishRaw().Publish(w.t.Context(), b)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := wait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// run replays records and returns what was printed.
func (w *world) run(ctx context.Context, o Options) (string, error) {
	w.t.Helper()
	registry := prometheus.NewRegistry()
	env := &app.Env{
		Config: w.cfg, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Metrics: registry,
		Stages: stage.NewMetrics(registry), Bus: w.bus, Version: "test",
	}
	var out bytes.Buffer
	o.Selection.Since = time.Now().Add(-time.Hour)
	o.Out, o.Notes = &out, io.Discard
	err := Run(ctx, env, o)
	return out.String(), err
}

// lines counts the rows of a destination.
func (w *world) lines(destination string) int {
	w.t.Helper()
	i := slices.IndexFunc(w.cfg.Destinations, named(destination))
	files, err := filepath.Glob(filepath.Join(w.cfg.Destinations[i].Directory, "*", "*.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		n += bytes.Count(text, []byte("\n"))
	}
	return n
}

func TestResultAndStatus(t *testing.T) {
	w := newWorld(t)
	w.flows(0, nil, "10.0.0.1 5 1700000000", "10.0.0.2 6 1700000000")
	w.flows(1, nil, "10.0.0.1 7 1700000000", "too many fields in this line")
	text, err := w.run(t.Context(), Options{JSON: true})
	if !errors.Is(err, ErrRejected) {
		t.Errorf("err = %v; want that something was rejected", err)
	}
	var got result
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.From != "raw" || got.Batches != 2 || got.Rows != 3 || got.Rejected != 1 || got.Skipped != 0 || got.Old != 0 {
		t.Errorf("result = %+v", got)
	}
	if n := w.lines("files"); n != 3 {
		t.Errorf("%d rows written; want 3", n)
	}
	// A replay that has ended is over: the same command is a new one.
	if _, err := w.run(t.Context(), Options{To: "other"}); !errors.Is(err, ErrRejected) {
		t.Error(err)
	}
	if _, err := w.run(t.Context(), Options{To: "other"}); !errors.Is(err, ErrRejected) {
		t.Error(err)
	}
	if n := w.lines("other"); n != 6 {
		t.Errorf("%d rows written; want 3 in each of two replays", n)
	}
}

func TestDryRun(t *testing.T) {
	w := newWorld(t)
	w.flows(0, nil, "10.0.0.1 5 1700000000", "10.0.0.2 6 1700000000")
	w.flows(1, func(m *batch.Meta) { m.Notified = time.Now().Add(-49 * time.Hour) }, "10.0.0.1 5 1700000000")
	text, err := w.run(t.Context(), Options{DryRun: true, JSON: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"from":"raw"`, `"batches":2`, `"rows":3`, `"old_rows":1`, `"destination":"files"`} {
		if !strings.Contains(text, want) {
			t.Errorf("counted %s; want %s", text, want)
		}
	}
	if n := w.lines("files"); n != 0 {
		t.Errorf("%d rows written; want none", n)
	}
}

// What no destination would take is refused before anything is written.
func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	w := newWorld(t)
	w.flows(0, nil, "10.0.0.1 5 1700000000")
	w.flows(1, func(m *batch.Meta) { m.Destination = "gone" }, "10.0.0.1 5 1700000000")
	f := func(to, want string) {
		t.Helper()
		if _, err := w.run(t.Context(), Options{To: to}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("to %q: %v; want %q", to, err, want)
		}
	}
	f("", `for the destination "gone", which is not configured: name another with --to`)
	f("azure", `destination "azure" takes no rows of AWSVPCFlow`)
	if n := w.lines("files"); n != 0 {
		t.Errorf("%d rows written; want none", n)
	}
	if _, err := w.run(t.Context(), Options{To: "other"}); err != nil || w.lines("other") != 2 {
		t.Errorf("%d rows, %v; want both in the other destination", w.lines("other"), err)
	}
}

// A replay that is interrupted says so, and goes on where it was.
func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	for part := range 5 {
		w.flows(part, nil, "10.0.0.1 5 1700000000", "10.0.0.2 6 1700000000")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	// The first part passes at once, each further one two seconds later.
	_, err := w.run(ctx, Options{Rate: 1, Identity: []string{"a"}})
	if err == nil || !strings.Contains(err.Error(), "the same command goes on") {
		t.Errorf("err = %v; want that it was interrupted", err)
	}
	done := w.lines("files")
	if done == 0 || done == 10 {
		t.Fatalf("%d rows written before the interruption; want some of 10", done)
	}
	text, err := w.run(t.Context(), Options{Identity: []string{"a"}, JSON: true})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, `"rows":10,`) || w.lines("files") != 10 {
		t.Errorf("%d rows, result %s; want each row once", w.lines("files"), text)
	}
}

// What the pipe carries is settled for the first stage as the second one
// settles it.
func TestPipe(t *testing.T) {
	f := func(settle func(stage.Delivery[*batch.Batch]) error, want string) {
		t.Helper()
		p := newPipe()
		var raw batch.Raw
		raw.Append([]byte("one"), 0)
		sent := &batch.Batch{Record: raw.Take(), Meta: batch.Meta{Object: "o", Part: 3, Dead: 2}}
		var wait func(context.Context) error
		var publishing conc.WaitGroup
		publishing.Go(func() {
			var err error
			if wait, err = p.Publish(t.Context(), sent); err != nil {
				t.Error(err)
			}
		})
		d, err := p.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Value()
		if err != nil || got.Meta != sent.Meta || got.Record.NumRows() != 1 {
			t.Errorf("value = %+v, %v", got, err)
		}
		got.Release()
		if l := d.Letter(); l.ID != "o.3" || l.Records != 1 || l.Dead != 2 || l.BodySize == 0 {
			t.Errorf("letter = %+v", l)
		}
		if err := settle(d); err != nil {
			t.Error(err)
		}
		publishing.Wait()
		err = wait(t.Context())
		if (err == nil) != (want == "") || err != nil && (err.Error() != want || fault.IsPermanent(err) || fault.Wait(err, 1) != time.Minute) {
			t.Errorf("stored: %v; want %q, and if not empty, to be tried again after a minute", err, want)
		}
	}
	f(func(d stage.Delivery[*batch.Batch]) error { return d.Ack(t.Context()) }, "")
	f(func(d stage.Delivery[*batch.Batch]) error { return d.Reject(t.Context(), io.EOF) }, "")
	f(func(d stage.Delivery[*batch.Batch]) error { return d.Retry(t.Context(), time.Minute) }, "part 3 was given back")
}
