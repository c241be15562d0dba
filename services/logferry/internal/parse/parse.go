// Package parse turns log files into rows, as the services do, without bus and
// clouds:
//
//	file ──▶ unpack ──▶ split ──▶ parse ──▶ output
package parse

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/table"
	"github.com/logferry/logferry/pkg/unpack"
)

// Rows are put out when there are so many of them, or so many bytes of
// records.
const (
	maxRows  = 8192
	maxBytes = 4 << 20
	maxSpool = 1 << 30 // of the temporary file of a Parquet object
)

// Parser parses objects one after the other. Its fields are set before use.
type Parser struct {
	// Formats are those to choose from.
	Formats format.Set
	// Format, if not nil, is that of every object.
	Format *format.Format
	// Out gets the rows. The caller closes it.
	Out Output
	// Notes gets a line for everything that gave no rows.
	Notes io.Writer

	// Records and Objects count those that were rejected.
	Records, Objects int
}

// Object puts out the rows of one object. The error is of the reader, the
// output or ctx; what is wrong with the object is noted and counted.
func (p *Parser) Object(ctx context.Context, name string, r io.Reader) error {
	err := p.object(ctx, name, r)
	if skip, ok := errors.AsType[*format.SkipError](err); ok {
		return p.note("%s: skipped: %s\n", name, skip.What)
	}
	if fault.IsPermanent(err) {
		p.Objects++
		return p.note("%s: %s: %v\n", name, fault.ReasonOf(err), err)
	}
	if err != nil {
		return fmt.Errorf("parse %s: %w", name, err)
	}
	return nil
}

func (p *Parser) note(text string, args ...any) error {
	_, err := fmt.Fprintf(p.Notes, text, args...)
	return err
}

func (p *Parser) object(ctx context.Context, name string, r io.Reader) error {
	bounds := app.DefaultConfig().Fetcher
	log, err := unpack.Open(r, unpack.Limits{MaxBytes: bounds.MaxObjectBytes, MaxRatio: bounds.MaxRatio, MaxSpool: maxSpool})
	if err != nil {
		return err
	}
	defer log.Close()
	head, err := log.Peek(format.SniffBytes)
	if len(head) == 0 && err != nil {
		return err
	}
	if len(head) == 0 {
		return &format.SkipError{What: "empty"}
	}
	f, err := p.choose(name, head)
	if err != nil {
		return err
	}
	b := batcher{Parser: p, name: name, format: f, rows: table.NewRows(f.Schema())}
	// What was read before an object turned out broken is good.
	return errors.Join(b.split(ctx, f.Split(log)), b.flush())
}

// choose tells the object's format unless one was given.
func (p *Parser) choose(name string, head []byte) (*format.Format, error) {
	if p.Format != nil {
		return p.Format, nil
	}
	if f, ok := p.Formats.Detect(name, head); ok {
		return f, nil
	}
	return nil, fault.Permanent(fault.Unrouted, errors.New("neither the name nor the content is of a known format; name one with --format"))
}

// batcher gathers the rows of one object.
type batcher struct {
	*Parser
	name   string
	format *format.Format
	rows   *table.Rows
	bytes  int // of the records since the last flush
}

// split parses every record of the object.
func (b *batcher) split(ctx context.Context, s format.Splitter) error {
	var parse format.Parse
	for ctx.Err() == nil {
		record, err := s.Next()
		if bad, ok := errors.AsType[*format.RecordError](err); ok {
			if err := b.reject(bad.Offset, bad.Err); err != nil {
				return err
			}
			continue
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if parse == nil { // the layout is known once there is a record
			if parse, err = b.format.Parser(s.Layout()); err != nil {
				return fault.Permanent(fault.Unsupported, err)
			}
		}
		if err := b.row(parse, record); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// row parses one record. The error is the output's.
func (b *batcher) row(parse format.Parse, record format.Record) error {
	if err := parse.Row(record.Bytes, b.rows); err != nil {
		if _, skip := errors.AsType[*format.SkipError](err); skip {
			return b.note("%s: offset %d: skipped: %v\n", b.name, record.Offset, err)
		}
		return b.reject(record.Offset, err)
	}
	b.bytes += len(record.Bytes)
	if b.rows.Len() >= maxRows || b.bytes >= maxBytes {
		return b.flush()
	}
	return nil
}

func (b *batcher) reject(offset int64, err error) error {
	b.Records++
	reason := fault.BadRecord
	if fault.IsPermanent(err) {
		reason = fault.ReasonOf(err)
	}
	return b.note("%s: offset %d: %s: %v\n", b.name, offset, reason, err)
}

// flush puts the rows out.
func (b *batcher) flush() error {
	b.bytes = 0
	if b.rows.Len() == 0 {
		return nil
	}
	record, _ := b.rows.Take()
	defer record.Release()
	return b.Out.Write(b.format.Table, record)
}
