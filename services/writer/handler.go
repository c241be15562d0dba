package writer

import (
	"context"
	"fmt"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink"
	"github.com/logferry/logferry/pkg/stage"
)

// arrowStream is the content type of an Arrow IPC stream.
const arrowStream = "application/vnd.apache.arrow.stream"

// writer is the state of one stage.
type writer struct {
	destination string
	table       string
	sink        sink.Sink
	metrics     *metrics
}

// burier keeps dead letters: the stage's emitter.
type burier interface {
	Bury(ctx context.Context, l stage.DeadLetter) error
}

// handle is the stage's handler.
func (w *writer) handle(ctx context.Context, in *batch.Batch, out *stage.Emitter[struct{}]) error {
	return w.write(ctx, in, out)
}

// write takes the rows of one part to the sink. Rows that the destination
// will never take become dead letters; with them stored, the part is done.
func (w *writer) write(ctx context.Context, in *batch.Batch, out burier) error {
	defer in.Release()
	// Invariant 7: a row is posted only to the destination of its connection.
	if m := in.Meta; m.Destination != w.destination || m.Table != w.table {
		return fault.Permanent(fault.Internal, fmt.Errorf("rows of %s for %s came to the writer of %s for %s",
			m.Table, m.Destination, w.table, w.destination))
	}
	rejected, err := w.sink.Write(ctx, in)
	if err != nil {
		return fmt.Errorf("write to %s: %w", w.destination, err)
	}
	for _, r := range rejected {
		if err := bury(ctx, out, in, r); err != nil {
			return err
		}
	}
	w.metrics.observe(in, len(rejected))
	return nil
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
		Reason: fault.ReasonOf(r.Err), Error: r.Err.Error(),
		Part: in.Meta.Part, Offset: -1,
		ContentType: arrowStream, Body: body,
	})
}
