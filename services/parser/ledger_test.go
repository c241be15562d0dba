package parser

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/vpcflow"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/ledger/ledgertest"
	"github.com/logferry/logferry/pkg/stage"
	"github.com/logferry/logferry/pkg/table"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// delivered is one delivery of a part to a parser with a ledger in memory, and
// what came of it.
type delivered struct {
	ledger  ledgertest.Memory
	object  string // empty for a part that cannot tell
	records []string
	metas   []batch.Meta
	rows    int64
	letters int
	how     string // it was settled
	taken   bool
}

// told is a format whose records say what becomes of them.
func told() *format.Format {
	f := *vpcflow.Format()
	f.Name, f.Columns = "told", []format.Column{{Name: "Action", From: "action"}}
	f.Parser = func(layout string) (format.Parse, error) {
		if layout == "unknown" {
			return nil, errors.New("a layout of tomorrow")
		}
		return func(record []byte, rows *table.Rows) error {
			switch string(record) {
			case "bad":
				return errors.New("bad")
			case "skip":
				return &format.SkipError{What: "test"}
			case "panic":
				panic("a defect of the format")
			}
			rows.Text(0, record)
			return nil
		}, nil
	}
	return &f
}

// deliver runs the parser's stage over one part.
func (d *delivered) deliver(t *testing.T) {
	t.Helper()
	p := &parser{formats: map[string]*rowMaker{"told": newRowMaker(told(), new(batch.Pool))}, ledger: &d.ledger, metrics: newMetrics(prometheus.NewRegistry())}
	s := &stage.Stage[*batch.Batch, *batch.Batch]{
		Name: name, Source: d, Out: d, Dead: d, Handle: p.handle, Rejected: p.rejected, Workers: 1,
		Log: slog.New(slog.DiscardHandler), Metrics: stage.NewMetrics(prometheus.NewRegistry()),
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (d *delivered) meta() batch.Meta {
	m := batch.Meta{Connection: "conn", Destination: "sentinel", Format: "told", Table: "AWSVPCFlow", Object: d.object, Part: 7, Attempt: 3}
	if d.records[0] == "layout" {
		m.Layout = "unknown"
	}
	return m
}

func (d *delivered) Next(context.Context) (stage.Delivery[*batch.Batch], error) {
	if d.taken {
		return nil, io.EOF
	}
	d.taken = true
	return d, nil
}

func (d *delivered) Value() (*batch.Batch, error) {
	if d.records[0] == "undecodable" {
		return nil, errors.New("a wire of tomorrow")
	}
	var raw batch.Raw
	for _, r := range d.records {
		raw.Append([]byte(r), 0)
	}
	return &batch.Batch{Meta: d.meta(), Record: raw.Take()}, nil
}

func (d *delivered) Attempt() int                                { return 1 }
func (d *delivered) Context(ctx context.Context) context.Context { return ctx }
func (d *delivered) Ack(context.Context) error                   { d.how = "ack"; return nil }
func (d *delivered) Retry(context.Context, time.Duration) error  { d.how = "retry"; return nil }
func (d *delivered) Reject(context.Context, error) error         { d.how = "reject"; return nil }
func (d *delivered) Letter() stage.DeadLetter {
	return stage.DeadLetter{ID: "part", Connection: "conn", Object: d.object, Part: 7, Offset: -1, Records: int64(len(d.records))}
}

func (d *delivered) Publish(_ context.Context, b *batch.Batch) (func(context.Context) error, error) {
	defer b.Release()
	d.metas, d.rows = append(d.metas, b.Meta), d.rows+b.Record.NumRows()
	return func(context.Context) error { return nil }, nil
}

func (d *delivered) Bury(context.Context, stage.DeadLetter) error {
	d.letters++
	return nil
}

// A part with rows goes on, with the count of those that are none. One without
// is settled here, and so is one that is a dead letter as a whole.
func TestPartsAreSettled(t *testing.T) {
	f := func(how string, letters int, settled *logferryv1.PartSettled, records ...string) *delivered {
		t.Helper()
		d := &delivered{object: "object", records: records}
		d.deliver(t)
		e, err := d.ledger.Event(t.Context(), "conn", "object", ledger.PartName(7))
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(e.GetPart(), settled) || d.how != how || d.letters != letters {
			t.Errorf("%v: settled by %s, %d letters, the ledger has %v; want %s, %d, %v", records, d.how, d.letters, e.GetPart(), how, letters, settled)
		}
		return d
	}
	goesOn := func(rows int64, dead, filtered int, records ...string) {
		t.Helper()
		d := f("ack", dead, nil, records...)
		want := d.meta()
		want.Dead, want.Filtered = dead, filtered
		if d.rows != rows || len(d.metas) != 1 || d.metas[0] != want {
			t.Errorf("%v: got %d rows of %+v; want %d of %+v", records, d.rows, d.metas, rows, want)
		}
	}
	goesOn(2, 0, 0, "a", "b")
	goesOn(1, 2, 1, "bad", "skip", "a", "bad")
	// without rows
	f("ack", 0, &logferryv1.PartSettled{Part: 7, Filtered: 2}, "skip", "skip")
	f("ack", 2, &logferryv1.PartSettled{Part: 7, Dead: 2, Filtered: 1}, "bad", "skip", "bad")
	// dead as a whole
	f("reject", 1, &logferryv1.PartSettled{Part: 7, Dead: 2}, "layout", "a")
	f("reject", 1, &logferryv1.PartSettled{Part: 7, Dead: 3}, "a", "panic", "a")
	f("reject", 1, &logferryv1.PartSettled{Part: 7, Dead: 1}, "undecodable")
}

// What is in no ledger cannot be settled there, and is a dead letter all the
// same.
func TestPartOfNoObject(t *testing.T) {
	d := &delivered{records: []string{"undecodable"}}
	d.deliver(t)
	if events, err := d.ledger.Events(t.Context(), "conn", ""); err != nil || len(events) > 0 || d.how != "reject" || d.letters != 1 {
		t.Errorf("settled by %s, %d letters, the ledger has %v, %v", d.how, d.letters, events, err)
	}
}

// Invariant 2: while the ledger fails, a part that is settled there is not
// acknowledged.
func TestFailingLedger(t *testing.T) {
	f := func(how string, records ...string) {
		t.Helper()
		d := &delivered{object: "object", records: records}
		d.ledger.Fail(errors.New("the ledger is away"))
		d.deliver(t)
		if d.how != how {
			t.Errorf("%v: settled by %s; want %s", records, d.how, how)
		}
	}
	f("ack", "a") // the writer's business
	f("retry", "skip")
	f("retry", "bad")
	f("retry", "undecodable")
}
