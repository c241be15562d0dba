package poller

import (
	"context"
	"errors"

	"github.com/logferry/logferry/pkg/fault"
)

// deleter deletes the messages of one queue, ten a call.
type deleter struct {
	batch   *batcher
	keeper  *keeper
	faults  *faultLog
	metrics *queueMetrics
}

// delete deletes m and lets it go. It tries until it is done, the receipt is
// no longer good or ctx ends; meanwhile the message stays held. An error means
// that the message will be handed out again.
func (d *deleter) delete(ctx context.Context, m *Message) error {
	defer d.keeper.release(m)
	for try := 1; ; try++ {
		outdated, err := d.try(ctx, m)
		if err == nil {
			d.metrics.deleted.Inc()
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, errGone) && !outdated {
			return err
		}
		d.metrics.deletesFailed.Inc()
		d.faults.report("delete", err)
		if err := fault.Sleep(ctx, fault.Wait(err, try)); err != nil {
			return err
		}
	}
}

// try makes one attempt with the newest receipt, and reports whether a newer
// one has come since.
func (d *deleter) try(ctx context.Context, m *Message) (outdated bool, err error) {
	if err := m.begin(ctx); err != nil {
		return false, err
	}
	defer m.end()
	receipt := d.keeper.held(m).receipt
	err = d.batch.do(ctx, entry{receipt: receipt})
	return d.keeper.held(m).receipt != receipt, err
}
