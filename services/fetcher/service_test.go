package fetcher

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
)

// The service takes objects from the bus, puts their records there and enters
// in the ledger what there was.
func TestService(t *testing.T) {
	w := newWorld(t, nil)
	config := app.DefaultConfig()
	config.Bus.Store = t.TempDir()
	config.Connections = []connection.Connection{{Name: "acme", Region: "eu-west-1", Destination: "files"}}
	config.Destinations = []connection.Destination{{Name: "files", Directory: t.TempDir()}}
	log := slog.New(slog.DiscardHandler)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	b, err := bus.Open(ctx, config.Bus, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("close bus: %v", err)
		}
	})
	if err := b.Bootstrap(ctx, bus.Topology{}); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	run, err := Service().New(ctx, &app.Env{Config: config, Log: log, Metrics: registry, Stages: stage.NewMetrics(registry), Bus: b})
	if err != nil {
		t.Fatal(err)
	}
	var service conc.WaitGroup
	service.Go(func() {
		if err := run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	defer service.Wait()
	defer stop()

	text := flows(1000)
	o := w.put(flowKey, gz(text))
	wait, err := b.PublishObjects().Publish(ctx, o)
	if err == nil {
		err = wait(ctx)
	}
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	raw, err := b.Raw(ctx)
	if err != nil {
		t.Fatal(err)
	}
	delivery, err := raw.Next(ctx)
	if err != nil {
		t.Fatalf("next raw batch: %v", err)
	}
	checkRaw(t, delivery)
	if err := delivery.Ack(ctx); err != nil {
		t.Errorf("ack: %v", err)
	}
	for {
		e, err := b.Ledger().Event(ctx, "acme", o.GetId(), ledger.EventFetched)
		if err != nil {
			t.Fatal(err)
		}
		if e == nil { // the record came first
			continue
		}
		if got := e.GetFetched(); got.GetParts() != 2 || got.GetRecords() != 1000 || got.GetBytes() != uint64(len(text)) || got.GetRejected() {
			t.Errorf("the ledger has %v; want two parts of 1,000 records", got)
		}
		return
	}
}

func checkRaw(t *testing.T, delivery stage.Delivery[*batch.Batch]) {
	t.Helper()
	got, err := delivery.Value()
	if err != nil {
		t.Fatalf("raw batch: %v", err)
	}
	defer got.Release()
	if got.Meta.Format != "vpcflow" || got.Meta.Layout != header || got.Meta.Destination != "files" || got.Record.NumRows() >= 1000 {
		t.Errorf("got %d records of %s with layout %q for %s", got.Record.NumRows(), got.Meta.Format, got.Meta.Layout, got.Meta.Destination)
	}
}
