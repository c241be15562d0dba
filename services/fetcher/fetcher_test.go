package fetcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

func TestCarry(t *testing.T) {
	w := newWorld(t, nil)
	o := w.put(flowKey, gz(flows(3)))
	o.Attempt = 2
	out, err := w.carry(o)
	if err != nil {
		t.Fatalf("carry: %v", err)
	}
	wantMeta := []batch.Meta{{
		Connection: "acme", Destination: "sentinel", Format: "vpcflow", Table: "AWSVPCFlow",
		Object: o.Id, Whole: 3, Attempt: 2, Bucket: bucketName, Key: flowKey, Layout: header,
	}}
	if d := cmp.Diff(wantMeta, out.metas); d != "" {
		t.Errorf("metadata (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{flow(0), flow(1), flow(2)}, out.records); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
	if got, want := out.offsets[0], int64(len(header)+1); got != want {
		t.Errorf("first offset: got %d; want %d", got, want)
	}
	w.checkMetric("logferry_fetcher_objects_total", 1, "acme", "vpcflow", "done")
	w.checkMetric("logferry_fetcher_records_total", 3)
	w.checkMetric("logferry_fetcher_object_bytes_total", float64(o.Size))
	w.checkMetric("logferry_fetcher_object_unpacked_bytes_total", float64(len(flows(3))))
}

// checkMetric checks the sum of a counter over the series that have all those
// label values.
func (w *world) checkMetric(name string, want float64, labels ...string) {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatalf("gather: %v", err)
	}
	got := 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			has := func(label string) bool {
				return slices.ContainsFunc(m.GetLabel(), func(p *dto.LabelPair) bool { return p.GetValue() == label })
			}
			if family.GetName() == name && !slices.ContainsFunc(labels, func(l string) bool { return !has(l) }) {
				got += m.GetCounter().GetValue()
			}
		}
	}
	if got != want {
		w.t.Errorf("%s%v: got %v; want %v", name, labels, got, want)
	}
}

// How an object of each kind ends.
func TestOutcome(t *testing.T) {
	w := newWorld(t, func(c *connection.Connection) { c.Buckets = []string{bucketName} })
	f := func(o *logferryv1.Object, records int, outcome string, reason fault.Reason) {
		t.Helper()
		out, err := w.carry(o)
		if got := len(out.records); got != records {
			t.Errorf("%s: got %d records; want %d", o.Key, got, records)
		}
		if reason == "" && err != nil || reason != "" && (!fault.IsPermanent(err) || fault.ReasonOf(err) != reason) {
			t.Errorf("%s: got error %v; want reason %q", o.Key, err, reason)
		}
		w.checkMetric("logferry_fetcher_objects_total", 1, outcome)
		w.fetcher.metrics.objects.Reset()
	}

	// objects with records
	f(w.put(flowKey, flows(2)), 2, "done", "")
	f(w.put("any/name", gz(gz(flows(2)))), 2, "done", "")
	f(w.put("waf/1", "{1}\n{2}\n"), 2, "done", "")

	// the content decides when the key is wrong
	f(w.put("waf/2", flows(2)), 2, "done", "")

	// nothing in them, and nothing wrong
	f(w.put("any/empty", ""), 0, "empty", "")
	f(w.put("any/gz", gz("")), 0, "empty", "")
	f(w.put(flowKey, header+"\n"), 0, "done", "")
	f(w.put("AWSLogs/123456789012/vpcflowlogs/", ""), 0, "skipped", "")
	f(w.put("aws-logs-write-test", "test"), 0, "skipped", "")
	f(w.put("waf/digest", "{digest}\n"), 0, "skipped", "")

	// of no use, for a reason
	f(w.put("any/text", "hello"), 0, "dead", fault.Unrouted)
	f(w.put(flowKey, "hello\n"), 0, "dead", fault.Unsupported)
	f(w.put(flowKey, "PAR1"), 0, "dead", fault.Truncated)
	f(&logferryv1.Object{Connection: "acme", Bucket: "other", Key: flowKey}, 0, "dead", fault.BucketNotAllowed)
	f(&logferryv1.Object{Connection: "acme", Bucket: bucketName, Key: "missing"}, 0, "dead", fault.ObjectMissing)

	// damaged: what comes before the damage is delivered
	whole := gz(flows(500))
	f(w.put(flowKey, whole[:len(whole)-6]), 500, "dead", fault.Truncated)
	f(w.put(flowKey, whole+"garbage"), 500, "dead", fault.Corrupt)
}

func TestTableOfConnection(t *testing.T) {
	w := newWorld(t, func(c *connection.Connection) { c.Table = "AWSVPCFlow" })
	f := func(o *logferryv1.Object, records int, reason fault.Reason) {
		t.Helper()
		out, err := w.carry(o)
		if len(out.records) != records || err != nil && fault.ReasonOf(err) != reason || (err == nil) != (reason == "") {
			t.Errorf("%s: got %d records and %v; want %d and %q", o.Key, len(out.records), err, records, reason)
		}
	}
	f(w.put("waf/odd", flows(2)), 2, "")
	f(w.put(flowKey, "{1}\n"), 0, fault.Unrouted)
	f(w.put(flowKey, "eni-1 ACCEPT\n"), 0, fault.Unsupported)
}

func TestNoRule(t *testing.T) {
	w := newWorld(t, nil)
	w.fetcher.destinations["sentinel"] = connection.Destination{Name: "sentinel", Tables: map[string]connection.Rule{"AWSWAF": {}}}
	if _, err := w.carry(w.put(flowKey, flows(1))); fault.ReasonOf(err) != fault.NoRule {
		t.Errorf("got %v; want reason no_rule", err)
	}
}

// A configuration that may be mended is waited for, half an hour in all: first
// for a moment, since another process may only have learnt of the connection
// sooner.
func TestUnknownConnection(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.carry(&logferryv1.Object{Connection: "gone"})
	if fault.IsPermanent(err) || fault.Wait(err, 1) > time.Second || fault.Wait(err, 10) != mendWait {
		t.Errorf("got %v, waits %v and %v; want to try again at once, later after %v", err, fault.Wait(err, 1), fault.Wait(err, 10), mendWait)
	}
	total := time.Duration(0)
	for attempt := range mendTries - 1 {
		total += fault.Wait(err, attempt+1)
	}
	if total < 30*time.Minute || total > 31*time.Minute {
		t.Errorf("it is waited for %v; want half an hour", total)
	}
}

func TestTableWithoutFormat(t *testing.T) {
	config := app.DefaultConfig()
	config.Connections = []connection.Connection{{Name: "acme", Table: "AWSNothing"}}
	_, err := newFetcher(&app.Env{Config: config, Metrics: prometheus.NewRegistry()}, format.Set{lineFormat()})
	if err == nil || !strings.Contains(err.Error(), "AWSNothing") {
		t.Errorf("got %v; want an error that names the table", err)
	}
}

// Parts are cut by bytes and by records, and the same for the same content
// however it is packed (invariant 4).
func TestParts(t *testing.T) {
	w := newWorld(t, nil)
	f := func(key, text string, want []int) {
		t.Helper()
		for _, body := range []string{text, gz(text), gz(gz(text))} {
			out, err := w.carry(w.put(key, body))
			if err != nil {
				t.Fatalf("carry: %v", err)
			}
			if d := cmp.Diff(want, out.sizes); d != "" {
				t.Errorf("records of parts (-want +got):\n%s", d)
			}
			for i, m := range out.metas {
				if m.Part != i {
					t.Errorf("part %d has ordinal %d", i, m.Part)
				}
			}
		}
	}
	// 1000 bytes a part, a record weighs its length and 10 bytes
	line := func(n int) string { return "{" + strings.Repeat("x", n-2) + "}\n" }
	f("waf/a", strings.Repeat(line(90), 10), []int{10})
	f("waf/b", strings.Repeat(line(90), 11), []int{10, 1})
	f("waf/c", strings.Repeat(line(91), 10), []int{9, 1})
	f("waf/d", line(5000)+line(5)+line(990)+line(991), []int{1, 1, 1, 1})

	// very short records
	w.fetcher.formats[1].PartBytes = 1 << 20
	f("waf/e", strings.Repeat("{}\n", 2*maxPartRecords+1), []int{maxPartRecords, maxPartRecords, 1})
}

// A record that is too long is set aside, and its neighbours go on.
func TestRecordTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	long := "{" + strings.Repeat("x", format.MaxRecordBytes) + "}"
	out, err := w.carry(w.put("waf/long", "{1}\n"+long+"\n{2}\n"))
	if err != nil {
		t.Fatalf("carry: %v", err)
	}
	if d := cmp.Diff([]string{"{1}", "{2}"}, out.records); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
	if len(out.letters) != 1 {
		t.Fatalf("got %d letters; want 1", len(out.letters))
	}
	l := out.letters[0]
	if l.Reason != fault.RecordTooLarge || l.Offset != 4 || l.BodySize != int64(len(long)) || !strings.HasPrefix(long, string(l.Body)) || l.Table != "AWSWAF" {
		t.Errorf("got letter %s at %d of %d bytes, table %s", l.Reason, l.Offset, l.BodySize, l.Table)
	}
}

// The last part of an object that is too large is held back: with a higher
// limit it would have been longer.
func TestTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	w.fetcher.limits.MaxBytes = 1500
	out, err := w.carry(w.put("waf/big", gz(strings.Repeat("{"+strings.Repeat("x", 88)+"}\n", 100))))
	if fault.ReasonOf(err) != fault.TooLarge || !strings.Contains(fmt.Sprint(err), "10 records") {
		t.Errorf("got %v; want too_large after 10 records", err)
	}
	if d := cmp.Diff([]int{10}, out.sizes); d != "" {
		t.Errorf("records of parts (-want +got):\n%s", d)
	}
}

func TestEmitError(t *testing.T) {
	w := newWorld(t, nil)
	full := errors.New("bus is full")
	out := &outbox{err: full}
	if _, err := w.fetcher.fetch(t.Context(), w.put(flowKey, flows(1)), none, out); !errors.Is(err, full) {
		t.Errorf("got %v; want %v", err, full)
	}
}

// While an object is not there for lack of a turn, the end of the context is
// heard.
func TestTurn(t *testing.T) {
	w := newWorld(t, nil)
	for range largeReads {
		w.fetcher.large <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := w.put(flowKey, flows(1))
	o.Size = largeBytes + 1
	if _, err := w.fetcher.fetch(ctx, o, none, new(outbox)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want context canceled", err)
	}
	<-w.fetcher.large
	if _, err := w.fetcher.fetch(t.Context(), o, none, new(outbox)); err != nil {
		t.Errorf("with a turn: %v", err)
	}
	if got := len(w.fetcher.large); got != largeReads-1 {
		t.Errorf("%d turns are taken after the end; want %d", got, largeReads-1)
	}
}

// The memory for objects is bounded, is waited for no longer than the context
// lasts, and is given back however an object ends.
func TestRoom(t *testing.T) {
	w := newWorld(t, nil)
	o := w.put(flowKey, flows(1))
	free := roomBytes - weight(o.Size)
	if !w.fetcher.room.TryAcquire(free + 1) {
		t.Fatal("the room is taken at the beginning")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.fetcher.fetch(ctx, o, none, new(outbox)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want context canceled", err)
	}
	w.fetcher.room.Release(1)
	if _, err := w.fetcher.fetch(t.Context(), o, none, new(outbox)); err != nil {
		t.Errorf("with just enough room: %v", err)
	}
	if _, err := w.fetcher.fetch(t.Context(), w.put("any/text", "hello"), none, new(outbox)); fault.ReasonOf(err) != fault.Unrouted {
		t.Errorf("got %v; want unrouted", err)
	}
	missing := &logferryv1.Object{Connection: "acme", Bucket: bucketName, Key: "missing", Size: 1}
	if _, err := w.fetcher.fetch(t.Context(), missing, none, new(outbox)); fault.ReasonOf(err) != fault.ObjectMissing {
		t.Errorf("got %v; want object_missing", err)
	}
	if !w.fetcher.room.TryAcquire(roomBytes - free) {
		t.Error("not all room was given back")
	}
}

func TestWeight(t *testing.T) {
	for size, want := range map[int64]int64{
		-1: partBytes, 0: partBytes, 1000: 17_000, smallBytes: 2 << 20, smallBytes + 1: partBytes, largeBytes + 1: partBytes,
	} {
		if got := weight(size); got != want {
			t.Errorf("%d bytes: got %d; want %d", size, got, want)
		}
	}
}
