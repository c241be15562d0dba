package parser

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a parser that runs on a bus of its own.
type world struct {
	t        *testing.T
	bus      *bus.Bus
	registry *prometheus.Registry
}

func newWorld(t *testing.T) *world {
	t.Helper()
	config := app.DefaultConfig()
	config.Bus.Store = t.TempDir()
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(t.Context(), config.Bus, log)
	if err != nil {
		t.Fatal(err)
	}
	topology := bus.Topology{Destinations: map[string][]string{"sentinel": {"AWSCloudTrail", "AWSVPCFlow"}}}
	if err := b.Bootstrap(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	env := &app.Env{Config: config, Log: log, Metrics: registry, Stages: stage.NewMetrics(registry), Bus: b}
	run, err := Service().New(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running conc.WaitGroup
	running.Go(func() {
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, bus: b, registry: registry}
}

// send publishes records as one part.
func (w *world) send(m batch.Meta, records ...string) {
	w.t.Helper()
	var raw batch.Raw
	for i, r := range records {
		raw.Append([]byte(r), int64(i)*1000)
	}
	m.Connection, m.Destination, m.Object = "org-trail", "sentinel", "object"
	wait, err := w.bus.PublishRaw().Publish(w.t.Context(), &batch.Batch{Meta: m, Record: raw.Take()})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := wait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// rows returns the next part of a table, acknowledged; the caller releases it.
func (w *world) rows(s stage.Source[*batch.Batch]) *batch.Batch {
	w.t.Helper()
	d, err := s.Next(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := d.Value()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := d.Ack(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) source(table string) stage.Source[*batch.Batch] {
	w.t.Helper()
	s, err := w.bus.Rows(w.t.Context(), "sentinel", table)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

const event = `{"eventVersion":"1.09","eventTime":"2026-11-23T12:00:00Z","eventID":"e-1","eventName":"GetObject","eventSource":"s3.amazonaws.com"}`

func TestPartIBecomesPartI(t *testing.T) {
	w := newWorld(t)
	s := w.source("AWSCloudTrail")
	meta := batch.Meta{Format: "cloudtrail", Table: "AWSCloudTrail", Part: 7, Attempt: 2, Key: "k", Notified: time.UnixMilli(1)}
	w.send(meta, event, `{"eventTime":`, event)
	b := w.rows(s)
	defer b.Release()
	if b.Meta.Part != 7 || b.Meta.Attempt != 2 || b.Meta.Key != "k" || !b.Meta.Notified.Equal(time.UnixMilli(1)) {
		t.Errorf("meta = %+v", b.Meta)
	}
	if b.Record.NumRows() != 2 {
		t.Errorf("%d rows; want those of the two good records", b.Record.NumRows())
	}
	ids := b.Record.Column(b.Record.Schema().FieldIndices("AwsEventId")[0]).(*array.String)
	if ids.Value(0) != "e-1" {
		t.Errorf("AwsEventId = %q", ids.Value(0))
	}
	const metric = "logferry_stage_dead_letters_total"
	if n, err := testutil.GatherAndCount(w.registry, metric); err != nil || n != 1 {
		t.Errorf("%d kinds of dead letters, %v; want one", n, err)
	}
}

func TestLayoutTravels(t *testing.T) {
	w := newWorld(t)
	s := w.source("AWSVPCFlow")
	w.send(batch.Meta{Format: "vpcflow", Table: "AWSVPCFlow", Layout: "srcaddr packets"}, "10.0.0.1 5", "10.0.0.2 -")
	b := w.rows(s)
	defer b.Release()
	packets := b.Record.Column(b.Record.Schema().FieldIndices("Packets")[0]).(*array.Int32)
	if packets.Value(0) != 5 || packets.IsValid(1) {
		t.Errorf("Packets = %v", packets)
	}
}

// A record whose row no message could hold is set aside alone.
func TestTooLargeRow(t *testing.T) {
	w := newWorld(t)
	s := w.source("AWSVPCFlow")
	layout := "vpc-id subnet-id instance-id az-id sublocation-id ecs-cluster-arn ecs-cluster-name ecs-container-id " +
		"ecs-service-name ecs-task-arn ecs-task-id pkt-srcaddr pkt-dstaddr region action srcaddr dstaddr"
	line := strings.Repeat(strings.Repeat("\xff", 30_000)+" ", 17)
	w.send(batch.Meta{Format: "vpcflow", Table: "AWSVPCFlow", Layout: layout}, line, strings.Repeat("- ", 17))
	b := w.rows(s)
	defer b.Release()
	if b.Record.NumRows() != 1 {
		t.Errorf("%d rows; want that of the good record", b.Record.NumRows())
	}
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "reason" && m.GetCounter().GetValue() > 0 {
					reasons = append(reasons, l.GetValue())
				}
			}
		}
	}
	if len(reasons) != 1 || reasons[0] != "record_too_large" {
		t.Errorf("dead letters: %v; want one, record_too_large", reasons)
	}
}

// What cannot be parsed at all is set aside; what comes after it goes on.
func TestWholePartsAreSetAside(t *testing.T) {
	w := newWorld(t)
	s := w.source("AWSCloudTrail")
	w.send(batch.Meta{Format: "tomorrow", Part: 0}, event)
	w.send(batch.Meta{Format: "vpcflow", Table: "AWSVPCFlow", Layout: "", Part: 1}, "x y z") // no header line
	w.send(batch.Meta{Format: "cloudtrail", Table: "AWSCloudTrail", Part: 2}, "not json")    // a part without rows
	w.send(batch.Meta{Format: "cloudtrail", Table: "AWSCloudTrail", Part: 3}, event)
	b := w.rows(s)
	defer b.Release()
	if b.Meta.Part != 3 {
		t.Errorf("part %d came first; want 3, the only one with rows", b.Meta.Part)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		left, err := w.bus.Backlog(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if left.Messages == 0 {
			break
		}
	}
	if n, err := testutil.GatherAndCount(w.registry, "logferry_stage_dead_letters_total"); err != nil || n < 2 {
		t.Errorf("%d kinds of dead letters, %v; want unsupported and bad_record", n, err)
	}
}
