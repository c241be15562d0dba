package writer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/sink"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// arrowStream is the content type of an Arrow IPC stream.
const arrowStream = "application/vnd.apache.arrow.stream"

// settleTime is how long the account of rows that were accepted may take once
// the work's own time is over: without it they would be written again.
const settleTime = 10 * time.Second

// busyWait is how long a part waits that is being written already.
const busyWait = 5 * time.Second

// writer is the state of one stage.
type writer struct {
	destination string
	table       string
	eventTime   string // column that gets the event's own time; empty: none
	sink        sink.Sink
	ledger      ledger.Store
	metrics     *metrics
	busy        sync.Map // ids of the parts being written
}

func writerOf(d connection.Destination, table string, s sink.Sink, account ledger.Store, m *metrics) *writer {
	return &writer{destination: d.Name, table: table, eventTime: d.Tables[table].EventTime, sink: s, ledger: account, metrics: m}
}

// burier keeps dead letters: the stage's emitter.
type burier interface {
	Bury(ctx context.Context, l stage.DeadLetter) error
}

// handle is the stage's handler.
func (w *writer) handle(ctx context.Context, in *batch.Batch, out *stage.Emitter[struct{}]) error {
	return w.write(ctx, in, out)
}

// write takes the rows of one part to the sink, unless the ledger says that it
// is settled: a first delivery may be none, when the bus has lost an
// acknowledgement.
func (w *writer) write(ctx context.Context, in *batch.Batch, out burier) error {
	defer in.Release()
	m := in.Meta
	// Invariant 7: a row is posted only to the destination of its connection.
	if m.Destination != w.destination || m.Table != w.table {
		return fault.Permanent(fault.Internal, fmt.Errorf("rows of %s for %s came to the writer of %s for %s",
			m.Table, m.Destination, w.table, w.destination))
	}
	if _, busy := w.busy.LoadOrStore(m.PartID(), nil); busy {
		return fault.After(busyWait, fmt.Errorf("part %s is being written already", m.PartID()))
	}
	defer w.busy.Delete(m.PartID())
	settled, err := ledger.IsSettled(ctx, w.ledger, m.Connection, m.Object, m.Part, m.Whole)
	if err != nil {
		return err
	}
	if settled {
		w.metrics.skipped.WithLabelValues(m.Destination, m.Table).Inc()
		return nil
	}
	rows := withEventTime(in, w.eventTime)
	defer rows.Release()
	rejected, err := w.sink.Write(ctx, rows)
	if err != nil {
		return fmt.Errorf("write to %s: %w", w.destination, err)
	}
	failpoint.Hit("writer.accepted")
	return w.settle(ctx, in, rejected, out)
}

// settle keeps the rows as dead letters that the destination will never take,
// and enters the part in the ledger. It may take a while longer than ctx: what
// was accepted must not be written again.
func (w *writer) settle(ctx context.Context, in *batch.Batch, rejected []sink.Rejected, out burier) error {
	ctx, end := fault.Outlive(ctx, settleTime)
	defer end()
	for _, r := range rejected {
		if err := bury(ctx, out, in, r); err != nil {
			return err
		}
	}
	m, rows := in.Meta, int(in.Record.NumRows())
	_, err := w.ledger.Record(ctx, ledger.Settled(m.Connection, m.Object, m.Whole, &logferryv1.PartSettled{
		Part: uint32(m.Part), Delivered: uint64(rows - len(rejected)), Dead: uint64(m.Dead + len(rejected)), Filtered: uint64(m.Filtered),
	}))
	if err != nil {
		return err
	}
	failpoint.Hit("writer.entered")
	w.metrics.observe(in, len(rejected))
	return nil
}

// rejected enters a part in the ledger that is a dead letter as a whole.
func (w *writer) rejected(ctx context.Context, l stage.DeadLetter, _ error) error {
	return enterRejected(ctx, w.ledger, l)
}

func enterRejected(ctx context.Context, account ledger.Store, l stage.DeadLetter) error {
	if l.Object == "" || l.Connection == "" || l.Part < 0 {
		return nil // the poller will find that its object is not done
	}
	_, err := account.Record(ctx, ledger.Settled(l.Connection, l.Object, l.Whole, &logferryv1.PartSettled{
		Part: uint32(l.Part), Dead: uint64(l.Dead) + uint64(l.Records), Filtered: uint64(l.Filtered),
	}))
	return err
}

// bury stores a row as a batch of its own, in the form in which rows travel:
// it can be written again as it is.
func bury(ctx context.Context, out burier, in *batch.Batch, r sink.Rejected) error {
	row := in.Record.NewSlice(int64(r.Row), int64(r.Row)+1)
	defer row.Release()
	body, err := batch.Encode(row)
	if err != nil {
		return err
	}
	return out.Bury(ctx, stage.DeadLetter{
		Reason: fault.ReasonOf(r.Err), Error: r.Err.Error(), Records: 1,
		Part: in.Meta.Part, Offset: -1,
		ContentType: arrowStream, Body: body,
	})
}
