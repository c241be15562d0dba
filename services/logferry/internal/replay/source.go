package replay

import (
	"context"
	"sync/atomic"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/stage"
)

func named(name string) func(connection.Destination) bool {
	return func(d connection.Destination) bool { return d.Name == name }
}

// counts counts what was settled on the bus.
type counts struct {
	batches, refused atomic.Int64
}

// redirected is a source whose batches may go elsewhere.
type redirected struct {
	stage.Source[*batch.Batch]
	to     string // empty: where they went
	rows   bool
	counts *counts
}

// Next returns the next delivery; see [stage.Source].
func (r *redirected) Next(ctx context.Context) (stage.Delivery[*batch.Batch], error) {
	d, err := r.Source.Next(ctx)
	if err != nil {
		return nil, err
	}
	return &delivery{d, r}, nil
}

// delivery is a delivery whose batch may go elsewhere.
type delivery struct {
	stage.Delivery[*batch.Batch]
	from *redirected
}

// Value returns the batch. What its first parser has set aside is not set aside
// again when rows are replayed.
func (d *delivery) Value() (*batch.Batch, error) {
	b, err := d.Delivery.Value()
	if err != nil {
		return nil, err
	}
	if d.from.to != "" {
		b.Meta.Destination = d.from.to
	}
	b.Meta.Whole = 0 // the replay's account has parts only
	if d.from.rows {
		b.Meta.Dead, b.Meta.Filtered = 0, 0
	}
	return b, nil
}

// Size implements [stage.Sized].
func (d *delivery) Size() int64 {
	if sized, ok := d.Delivery.(stage.Sized); ok {
		return sized.Size()
	}
	return 0
}

func (d *delivery) Letter() stage.DeadLetter {
	l := d.Delivery.Letter()
	if d.from.to != "" {
		l.Destination = d.from.to
	}
	l.Whole = 0
	if d.from.rows {
		l.Dead, l.Filtered = 0, 0
	}
	return l
}

func (d *delivery) Ack(ctx context.Context) error {
	err := d.Delivery.Ack(ctx)
	if err == nil {
		d.from.counts.batches.Add(1)
	}
	return err
}

func (d *delivery) Reject(ctx context.Context, cause error) error {
	err := d.Delivery.Reject(ctx, cause)
	if err == nil {
		d.from.counts.batches.Add(1)
		d.from.counts.refused.Add(1)
	}
	return err
}
