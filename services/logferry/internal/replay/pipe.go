package replay

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
)

// pipe carries batches from one stage to the next in this process, in place of
// a stream. A batch counts as stored when the next stage has settled it: so
// what the first stage acknowledges is done to the end.
type pipe struct {
	parcels chan *parcel
}

func newPipe() *pipe { return &pipe{make(chan *parcel)} }

// Publish hands b to the next stage; see [stage.Publisher].
func (p *pipe) Publish(ctx context.Context, b *batch.Batch) (func(context.Context) error, error) {
	out := &parcel{batch: b, settled: make(chan error, 1)}
	out.body = sync.OnceValues(func() ([]byte, error) { return batch.Encode(b.Record) })
	select {
	case p.parcels <- out:
	case <-ctx.Done():
		b.Release()
		return nil, ctx.Err()
	}
	return func(ctx context.Context) error {
		select {
		case err := <-out.settled:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil
}

// Next returns the next batch; see [stage.Source].
func (p *pipe) Next(ctx context.Context) (stage.Delivery[*batch.Batch], error) {
	select {
	case out := <-p.parcels:
		return out, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// parcel is a batch in a pipe. It holds the batch until it is settled.
type parcel struct {
	batch   *batch.Batch
	body    func() ([]byte, error)
	settled chan error
}

func (p *parcel) Value() (*batch.Batch, error) {
	p.batch.Record.Retain()
	return &batch.Batch{Meta: p.batch.Meta, Record: p.batch.Record}, nil
}

// Size implements [stage.Sized]: the memory of the rows' buffers.
func (p *parcel) Size() (n int64) {
	for _, column := range p.batch.Record.Columns() {
		n += int64(column.Data().SizeInBytes())
	}
	return n
}

// Attempt is always the first: what is given back is parsed again.
func (p *parcel) Attempt() int { return 1 }

func (p *parcel) Context(ctx context.Context) context.Context { return ctx }

func (p *parcel) Letter() stage.DeadLetter {
	m := p.batch.Meta
	body, _ := p.body() // rows that cannot be encoded are told of without
	return stage.DeadLetter{
		ID: m.PartID(), Connection: m.Connection, Destination: m.Destination, Table: m.Table, Format: m.Format,
		Object: m.Object, Part: m.Part, Bucket: m.Bucket, Key: m.Key, Version: m.Version, Layout: m.Layout, Offset: -1,
		ContentType: "application/vnd.apache.arrow.stream", Body: body, BodySize: int64(len(body)),
		Records: p.batch.Record.NumRows(), Whole: m.Whole, Dead: m.Dead, Filtered: m.Filtered,
	}
}

func (p *parcel) Ack(context.Context) error { return p.settle(nil) }

func (p *parcel) Retry(_ context.Context, wait time.Duration) error {
	return p.settle(fault.After(wait, errors.New("part "+strconv.Itoa(p.batch.Meta.Part)+" was given back")))
}

func (p *parcel) Reject(context.Context, error) error { return p.settle(nil) }

func (p *parcel) settle(err error) error {
	p.settled <- err
	p.batch.Release()
	return nil
}
