//go:build wire

package wire

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	"github.com/logferry/logferry/pkg/table"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// What wire.test.mjs expects to read is what is published here: change both.
const (
	key    = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/a b+ü%2F.log.gz"
	layout = "version account-id srcaddr start"
)

var notified = time.Date(2026, 11, 23, 15, 4, 5, 678_000_000, time.UTC)

func TestFromJavaScript(t *testing.T) {
	store := t.TempDir()
	b := open(t, store)
	object := batch.ObjectID("org-trail", "logs", key, "v/1", "")

	publish(t, b.PublishObjects(), &logferryv1.Object{
		Id: object, Connection: "org-trail", Bucket: "logs", Key: key, VersionId: "v/1",
		Size: 1 << 40, Notified: timestamppb.New(notified), Attempt: 2,
	})
	publish(t, b.PublishRaw(), rawBatch(meta(object, 0, "vpcflow", "AWSVPCFlow")))
	publish(t, b.PublishRows(), flowRows(t, meta(object, 0, "vpcflow", "AWSVPCFlow")))
	publish(t, b.PublishRows(), findingRows(t, meta(object, 3, "guardduty", "AWSGuardDuty")))
	publish(t, b.PublishRows(), eventRows(t, meta(object, 4, "cloudtrail", "AWSCloudTrail")))
	letter := stage.DeadLetter{
		ID: object + ".0.120", Stage: "parser", Reason: fault.BadRecord, Error: "3 fields; want 4",
		Connection: "org-trail", Format: "vpcflow", Object: object, Bucket: "logs", Key: key,
		Part: 0, Offset: 120, Layout: layout, Attempts: 1, Time: notified,
		ContentType: "application/octet-stream", Body: []byte("5 123456789012 10.0.0.1"), BodySize: 23,
	}
	// The same letter again has no effect.
	for range 2 {
		if err := b.Graveyard().Bury(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	account(t, b.Ledger(), object)
	node(t, filepath.Join(store, "client.url"))
}

// account enters some of what became of an object.
func account(t *testing.T, l *bus.Ledger, object string) {
	t.Helper()
	for _, e := range []*logferryv1.LedgerEvent{
		ledger.Fetched("org-trail", object, &logferryv1.Fetched{Parts: 2, Records: 8}),
		ledger.Part("org-trail", object, &logferryv1.PartSettled{Part: 1, Delivered: 7, Dead: 1}),
		ledger.Part("org-trail", object, &logferryv1.PartSettled{Part: 1, Delivered: 8}), // has no effect
	} {
		if _, err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Append(t.Context(), "org-trail", []ledger.Entry{{Object: ledger.KeyOf(object), Delivered: 7, Dead: 1}}); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, store string) *bus.Bus {
	t.Helper()
	config := bus.DefaultConfig()
	config.Store = store
	config.MaxBytes = 64 << 20
	tables := []string{"AWSVPCFlow", "AWSGuardDuty", "AWSCloudTrail"}
	return bustest.Open(t, config, bus.Topology{Destinations: map[string][]string{"sentinel": tables}})
}

// node runs the JavaScript side against the server whose URL is in the file.
func node(t *testing.T, clientFile string) {
	t.Helper()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("tests/wire/node_modules is missing: run npm ci there, or make wire")
	}
	url, err := os.ReadFile(clientFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "wire.test.mjs")
	cmd.Env = append(os.Environ(), "LOGFERRY_BUS="+strings.TrimSpace(string(url)))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func publish[T any](t *testing.T, p stage.Publisher[T], v T) {
	t.Helper()
	wait, err := p.Publish(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	if err := wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func meta(object string, part int, format, table string) batch.Meta {
	m := batch.Meta{
		Connection: "org-trail", Destination: "sentinel", Format: format, Table: table,
		Object: object, Part: part, Bucket: "logs", Key: key, Notified: notified,
	}
	if format == "vpcflow" {
		m.Version, m.Layout, m.Attempt = "v/1", layout, 2
	}
	return m
}

func rawBatch(m batch.Meta) *batch.Batch {
	var raw batch.Raw
	raw.Append([]byte("5 123456789012 10.0.0.1 1764000000"), 33)
	raw.Append([]byte("5 123456789012 - 1764000060"), 68)
	return &batch.Batch{Meta: m, Record: raw.Take()}
}

// rowsOf builds the rows of a table with the given columns.
func rowsOf(t *testing.T, m batch.Meta, columns []string, fill func(*table.Rows)) *batch.Batch {
	t.Helper()
	tab, ok := table.Get(m.Table)
	if !ok {
		t.Fatalf("there is no table %s", m.Table)
	}
	var chosen []table.Column
	for _, name := range columns {
		c, ok := tab.Column(name)
		if !ok {
			t.Fatalf("table %s has no column %s", m.Table, name)
		}
		chosen = append(chosen, c)
	}
	rows := table.NewRows(table.Schema(m.Table, chosen))
	fill(rows)
	record, _ := rows.Take()
	return &batch.Batch{Meta: m, Record: record}
}

func flowRows(t *testing.T, m batch.Meta) *batch.Batch {
	return rowsOf(t, m, []string{"TimeGenerated", "SrcAddr", "Packets", "Bytes"}, func(r *table.Rows) {
		r.Time(0, 1_764_000_000_000_000)
		r.Text(1, []byte("10.0.0.1"))
		r.Int(2, 7)
		r.Int(3, 1<<53+1)
		r.Commit()
		r.Text(1, []byte("-"))
		r.Int(2, 1<<40) // no room in the column: null
		r.Commit()
	})
}

func findingRows(t *testing.T, m batch.Meta) *batch.Batch {
	return rowsOf(t, m, []string{"Title", "Severity", "ServiceDetails"}, func(r *table.Rows) {
		r.Text(0, []byte("Tor über 🚢"))
		r.Int(1, 8)
		r.Text(2, []byte(`{"count":3,"archived":false}`))
		r.Commit()
	})
}

func eventRows(t *testing.T, m batch.Meta) *batch.Batch {
	return rowsOf(t, m, []string{"EventName", "ReadOnly"}, func(r *table.Rows) {
		for i, name := range []string{"PutObject", "GetObject", "AssumeRole"} {
			r.Text(0, []byte(name))
			if i < 2 {
				r.Bool(1, i == 1)
			}
			r.Commit()
		}
	})
}
