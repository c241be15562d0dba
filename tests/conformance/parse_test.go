//go:build conformance

package conformance

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/sink/rowjson"
	"github.com/logferry/logferry/pkg/table"
	"github.com/logferry/logferry/pkg/unpack"
)

// outcome is what one object came out as.
type outcome struct {
	Format              string
	Records, Rows, Dead int
	// End is "ok", "unrouted", "skip:<what>" or the reason of the fault that
	// ended the object.
	End string

	rows [][]byte // JSON
	said []error  // why records were refused, or the object ended
}

// parse carries the file through unpacking, detection, splitting and
// parsing. The key is what the object is called in its bucket.
func parse(formats format.Set, name, key string) (outcome, error) {
	o := outcome{Format: "-", End: "ok"}
	if what, ok := format.Ignorable(key); ok {
		o.End = "skip:" + what
		return o, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return o, err
	}
	defer file.Close()
	object, err := unpack.Open(file, unpack.Limits{MaxBytes: 1 << 30, MaxRatio: 1000, MaxSpool: 1 << 30})
	if err != nil {
		return o, fmt.Errorf("open %s: %w", name, err)
	}
	defer object.Close()
	f, err := detect(formats, key, object)
	if err != nil {
		return o, fmt.Errorf("look into %s: %w", name, err)
	}
	if f == nil {
		o.End = string(fault.Unrouted)
		return o, nil
	}
	o.Format = f.Name
	return o, o.split(f, object)
}

// detect tells the object's format, as the services do.
func detect(formats format.Set, key string, object *unpack.Reader) (*format.Format, error) {
	head, err := object.Peek(format.SniffBytes)
	if err != nil && !errors.Is(err, io.EOF) && !fault.IsPermanent(err) {
		return nil, err
	}
	f, _ := formats.Detect(key, head)
	return f, nil
}

// split takes all records of the object. Its error is a defect of the code
// under test, never one of the object.
func (o *outcome) split(f *format.Format, object io.Reader) error {
	records := f.Split(object)
	rows := table.NewRows(f.Schema())
	var parse format.Parse
	for {
		record, err := records.Next()
		if errors.Is(err, io.EOF) {
			return o.take(rows)
		}
		if skip, ok := errors.AsType[*format.SkipError](err); ok {
			o.End = "skip:" + skip.What
			return o.take(rows)
		}
		if _, ok := errors.AsType[*format.RecordError](err); ok {
			o.refuse(err)
			continue
		}
		if err != nil {
			o.End = string(fault.ReasonOf(err))
			o.said = append(o.said, err)
			return o.take(rows)
		}
		o.Records++
		if parse == nil {
			if parse, err = f.Parser(records.Layout()); err != nil {
				o.End = string(fault.ReasonOf(err))
				o.said = append(o.said, err)
				return nil
			}
		}
		o.row(parse, record, rows)
	}
}

func (o *outcome) row(parse format.Parse, record format.Record, rows *table.Rows) {
	err := parse.Row(record.Bytes, rows)
	if err == nil {
		return
	}
	if _, ok := errors.AsType[*format.SkipError](err); !ok {
		o.refuse(fmt.Errorf("record at offset %d: %w", record.Offset, err))
	}
}

func (o *outcome) refuse(err error) {
	o.Dead++
	o.said = append(o.said, err)
}

// take renders the rows as they would be posted.
func (o *outcome) take(rows *table.Rows) error {
	record, _ := rows.Take()
	defer record.Release()
	encoded, err := rowjson.New(record)
	if err != nil {
		return err
	}
	for i := range encoded.Len() {
		o.rows = append(o.rows, encoded.AppendRow(nil, i))
	}
	o.Rows = len(o.rows)
	return nil
}
