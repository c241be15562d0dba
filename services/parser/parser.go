// Package parser is the service that turns undecoded records into rows: raw
// in, rows out, part by part. It knows no cloud.
package parser

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	"github.com/logferry/logferry/pkg/table"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const name = "parser"

// Service returns the parser.
func Service() app.Service { return app.Service{Name: name, New: newService} }

func newService(ctx context.Context, env *app.Env) (func(context.Context) error, error) {
	source, err := env.Bus.Raw(ctx)
	if err != nil {
		return nil, err
	}
	return Stage(env, source, env.Bus.PublishRows(), env.Bus.Ledger()).Run, nil
}

// parser is the stage's state: what it needs for each format.
type parser struct {
	formats map[string]*rowMaker
	ledger  ledger.Store
	metrics *metrics
}

// rowMaker lends builders of one format's rows.
type rowMaker struct {
	format *format.Format
	pool   sync.Pool // of *table.Rows
}

func newRowMaker(f *format.Format, memory *batch.Pool) *rowMaker {
	schema := f.Schema()
	return &rowMaker{format: f, pool: sync.Pool{New: func() any { return table.NewRowsIn(memory, schema) }}}
}

// handle turns the records of one part into the rows of the same part
// (invariant 4). A record that cannot be read becomes a dead letter; the
// others go on without it. A part without rows sends nothing: it is settled
// here.
func (p *parser) handle(ctx context.Context, in *batch.Batch, out *stage.Emitter[*batch.Batch]) error {
	defer in.Release()
	maker, ok := p.formats[in.Meta.Format]
	if !ok {
		return fault.Permanent(fault.Unsupported, fmt.Errorf("this parser knows no format %q; it is older than the fetcher", in.Meta.Format))
	}
	parse, err := maker.format.Parser(in.Meta.Layout)
	if err != nil {
		return fault.Permanent(fault.Unsupported, fmt.Errorf("layout %q: %w", in.Meta.Layout, err))
	}
	records, offsets, err := batch.Records(in.Record)
	if err != nil {
		return fault.Permanent(fault.Undecodable, err)
	}
	rows := maker.pool.Get().(*table.Rows)
	defer func() { // whatever happened, the next user finds it empty
		if rows.Len() > 0 {
			record, _ := rows.Take()
			record.Release()
		}
		rows.Rollback()
		maker.pool.Put(rows)
	}()
	meta := in.Meta
	if meta.Dead, meta.Filtered, err = p.parse(ctx, parse, records, offsets, rows, out, meta); err != nil {
		return err
	}
	if rows.Len() == 0 {
		return p.settle(ctx, meta)
	}
	record, flaws := rows.Take()
	p.metrics.mended(meta.Format, flaws)
	failpoint.Hit("parser.parsed")
	return out.Emit(ctx, &batch.Batch{Meta: meta, Record: record})
}

// settle enters a part in the ledger that has no rows.
func (p *parser) settle(ctx context.Context, m batch.Meta) error {
	_, err := p.ledger.Record(ctx, ledger.Settled(m.Connection, m.Object, m.Whole, &logferryv1.PartSettled{
		Part: uint32(m.Part), Dead: uint64(m.Dead), Filtered: uint64(m.Filtered),
	}))
	return err
}

// rejected enters a part in the ledger that is a dead letter as a whole.
func (p *parser) rejected(ctx context.Context, l stage.DeadLetter, _ error) error {
	if l.Object == "" || l.Connection == "" || l.Part < 0 {
		return nil // the poller will find that its object is not done
	}
	return p.settle(ctx, batch.Meta{Connection: l.Connection, Object: l.Object, Part: l.Part, Whole: l.Whole, Dead: int(l.Records)})
}

// parse fills rows with what the records say and buries those that say
// nothing sensible. It returns how many became no rows.
func (p *parser) parse(ctx context.Context, parse format.Parse, records *array.Binary, offsets *array.Int64,
	rows *table.Rows, out *stage.Emitter[*batch.Batch], meta batch.Meta) (dead, filtered int, err error) {
	count := p.metrics.counter(meta.Format)
	for i := range records.Len() {
		record := records.Value(i)
		err := parse.Row(record, rows)
		if err == nil {
			count.rows++
			continue
		}
		if _, skip := errors.AsType[*format.SkipError](err); skip {
			count.skipped++
			continue
		}
		count.dead++
		if err := out.Bury(ctx, stage.DeadLetter{
			Reason: reasonOf(err), Error: err.Error(), Part: meta.Part, Offset: offsets.Value(i), Records: 1,
			ContentType: "application/octet-stream", Body: record,
		}); err != nil {
			return 0, 0, err
		}
	}
	count.done(int64(len(records.ValueBytes())))
	return count.dead, count.skipped, nil
}

// reasonOf tells a record that is bad from one whose row is too large.
func reasonOf(err error) fault.Reason {
	if reason := fault.ReasonOf(err); reason == fault.RecordTooLarge {
		return reason
	}
	return fault.BadRecord
}
