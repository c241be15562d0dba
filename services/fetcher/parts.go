package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/stage"
)

// maxPartRecords bounds the records of a part besides its bytes.
const maxPartRecords = 8000

// deliver cuts the log into records and sends those in parts that are not
// accounted for already.
func (c *carrier) deliver(ctx context.Context, log io.Reader) error {
	s := c.format.Split(log)
	p := &parts{carrier: c, meta: c.meta()}
	p.raw.Memory = &c.memory
	p.raw.Grow(0, int(min(c.expected, int64(c.format.PartBytes))))
	for ; ; p.position++ {
		record, err := s.Next()
		long, isLong := errors.AsType[*format.RecordError](err)
		switch {
		case err != nil && !isLong:
			return p.end(ctx, err)
		case p.position < int64(c.in.GetSkipRecords()):
			continue
		case isLong:
			err = c.bury(ctx, p.meta, long, s.Layout())
		default:
			err = p.add(ctx, record, s.Layout())
		}
		if err != nil {
			return err
		}
	}
}

// bury sets one record aside.
func (c *carrier) bury(ctx context.Context, meta batch.Meta, r *format.RecordError, layout string) error {
	c.metrics.recordsDead.WithLabelValues(meta.Format).Inc()
	c.dead++
	return c.out.Bury(ctx, stage.DeadLetter{
		Reason: fault.RecordTooLarge, Error: r.Error(), Records: 1,
		Destination: meta.Destination, Table: meta.Table, Format: meta.Format, Layout: layout,
		Offset: r.Offset, ContentType: "application/octet-stream", Body: r.Head, BodySize: r.Size,
	})
}

// parts gathers records and sends them part by part. Where it cuts depends on
// nothing but the records (invariant 4).
type parts struct {
	*carrier
	meta     batch.Meta // Part: the next one
	raw      batch.Raw
	weight   int
	position int64 // of the record in the object
}

// add takes one record.
func (p *parts) add(ctx context.Context, r format.Record, layout string) error {
	weight := p.format.Weight(r.Bytes)
	if p.raw.Len() == maxPartRecords || p.weight+weight > p.format.PartBytes {
		records, bytes := p.raw.Len(), p.raw.Bytes()
		if err := p.send(ctx); err != nil {
			return err
		}
		if rest := p.expected - r.Offset; rest > 0 {
			bytes = min(bytes, int(rest))
		}
		p.raw.Grow(records, bytes) // the next part will be like the last
	}
	p.meta.Layout = layout
	p.raw.Append(r.Bytes, r.Offset)
	p.weight += weight
	return nil
}

// send sends what was gathered.
func (p *parts) send(ctx context.Context) error {
	if p.raw.Len() == 0 {
		return nil
	}
	records := int64(p.raw.Len())
	b := &batch.Batch{Meta: p.meta, Record: p.raw.Take()}
	p.meta.Part++
	p.weight = 0
	if p.settled(b.Meta.Part) {
		b.Release()
	} else if err := p.out.Emit(ctx, b); err != nil {
		return err
	} else {
		p.whole = p.meta.Whole > 0
	}
	p.carrier.parts++
	p.records += records
	p.sent = p.position
	failpoint.Hit("fetcher.part")
	return nil
}

// end sends the last part if the content ends here: after its last record, or
// where it is broken for good. An object that is larger than allowed, or that
// could not be read for now, may come again and go on: what was gathered is
// then no part.
func (p *parts) end(ctx context.Context, cause error) error {
	switch {
	case cause == io.EOF:
		if p.meta.Part == 0 && p.dead == 0 && p.in.GetSkipRecords() == 0 {
			p.meta.Whole = int64(p.raw.Len())
		}
		return p.send(ctx)
	case fault.IsPermanent(cause) && fault.ReasonOf(cause) != fault.TooLarge:
		if err := p.send(ctx); err != nil {
			return err
		}
	case !fault.IsPermanent(cause):
		return cause
	}
	if p.records == 0 {
		return cause
	}
	return fmt.Errorf("%w (%d records before that are delivered)", cause, p.records)
}
