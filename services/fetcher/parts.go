package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/stage"
)

// maxPartRecords bounds the records of a part besides its bytes.
const maxPartRecords = 8000

// deliver cuts the log into records and sends them in parts.
func (c *carrier) deliver(ctx context.Context, log io.Reader) error {
	s := c.format.Split(log)
	p := &parts{meta: c.meta(), format: c.format, out: c.out}
	defer func() { c.records = p.records }()
	for {
		record, err := s.Next()
		if err == nil {
			err = p.add(ctx, record, s.Layout())
		} else if long, ok := errors.AsType[*format.RecordError](err); ok {
			err = c.bury(ctx, p.meta, long, s.Layout())
		} else {
			return p.end(ctx, err)
		}
		if err != nil {
			return err
		}
	}
}

// bury sets one record aside.
func (c *carrier) bury(ctx context.Context, meta batch.Meta, r *format.RecordError, layout string) error {
	c.metrics.recordsDead.WithLabelValues(meta.Format).Inc()
	return c.out.Bury(ctx, stage.DeadLetter{
		Reason: fault.RecordTooLarge, Error: r.Error(),
		Destination: meta.Destination, Table: meta.Table, Format: meta.Format, Layout: layout,
		Offset: r.Offset, ContentType: "application/octet-stream", Body: r.Head, BodySize: r.Size,
	})
}

// parts gathers records and sends them part by part. Where it cuts depends on
// nothing but the records (invariant 4).
type parts struct {
	meta    batch.Meta // Part: the next one
	format  *format.Format
	out     outlet
	raw     batch.Raw
	weight  int
	records int64
}

// add takes one record.
func (p *parts) add(ctx context.Context, r format.Record, layout string) error {
	weight := p.format.Weight(r.Bytes)
	if p.raw.Len() == maxPartRecords || p.weight+weight > p.format.PartBytes {
		records, bytes := p.raw.Len(), p.raw.Bytes()
		if err := p.send(ctx); err != nil {
			return err
		}
		p.raw.Grow(records, bytes) // the next part will be like the last
	}
	p.meta.Layout = layout
	p.raw.Append(r.Bytes, r.Offset)
	p.weight += weight
	p.records++
	return nil
}

// send sends what was gathered.
func (p *parts) send(ctx context.Context) error {
	if p.raw.Len() == 0 {
		return nil
	}
	b := &batch.Batch{Meta: p.meta, Record: p.raw.Take()}
	p.meta.Part++
	p.weight = 0
	return p.out.Emit(ctx, b)
}

// end sends the last part if the content ends here: after its last record, or
// where it is broken for good. An object that is larger than allowed, or that
// could not be read for now, may come again and go on: what was gathered is
// then no part.
func (p *parts) end(ctx context.Context, cause error) error {
	switch {
	case cause == io.EOF:
		return p.send(ctx)
	case fault.IsPermanent(cause) && fault.ReasonOf(cause) != fault.TooLarge:
		if err := p.send(ctx); err != nil {
			return err
		}
	case !fault.IsPermanent(cause):
		return cause
	}
	delivered := p.records - int64(p.raw.Len())
	return fmt.Errorf("%w (%d records before that, in %d parts, are delivered)", cause, delivered, p.meta.Part)
}
