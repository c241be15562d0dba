//go:build guard

package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/batch/batchtest"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/cloudtrail"
	"github.com/logferry/logferry/pkg/format/vpcflow"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/sink/rowjson"
	"github.com/logferry/logferry/pkg/table"
	"github.com/logferry/logferry/pkg/unpack"
)

// log is a log object of a format with all that becomes of it.
type log struct {
	format  *format.Format
	packed  []byte
	plain   []byte
	layout  string
	records [][]byte
	rows    *table.Rows
}

func newLog(t *testing.T, f *format.Format, packed []byte) *log {
	l := &log{format: f, packed: packed, rows: table.NewRows(f.Schema())}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if l.plain, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	if err := l.split(func(record []byte) { l.records = append(l.records, bytes.Clone(record)) }); err != nil {
		t.Fatal(err)
	}
	return l
}

// split cuts the log into records.
func (l *log) split(each func(record []byte)) error {
	s := l.format.Split(bytes.NewReader(l.plain))
	for {
		record, err := s.Next()
		if err != nil {
			l.layout = s.Layout()
			if err == io.EOF {
				return nil
			}
			return err
		}
		each(record.Bytes)
	}
}

// parse makes rows of the log's records, part by part.
func (l *log) parse() error {
	parse, err := l.format.Parser(l.layout)
	if err != nil {
		return err
	}
	rows, size := 0, 0
	for i, record := range l.records {
		if err := parse.Row(record, l.rows); err != nil {
			return err
		}
		if size += len(record) + l.format.RecordOverhead; size >= l.format.PartBytes || i == len(l.records)-1 {
			part, _ := l.rows.Take()
			rows, size = rows+int(part.NumRows()), 0
			part.Release()
		}
	}
	if rows != len(l.records) {
		return fmt.Errorf("%d rows of %d records", rows, len(l.records))
	}
	return nil
}

// unpack reads the log out of its object.
func (l *log) unpack(pool *unpack.Pool, into []byte) error {
	r, err := pool.Open(bytes.NewReader(l.packed), unpack.Limits{})
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.ReadFull(r, into[:len(l.plain)])
	if err == nil && n != len(l.plain) {
		err = fmt.Errorf("%d bytes of %d", n, len(l.plain))
	}
	return err
}

// gunzip is the yardstick of what reads.
func (l *log) gunzip(r *gzip.Reader) error {
	if err := r.Reset(bytes.NewReader(l.packed)); err != nil {
		return err
	}
	_, err := r.WriteTo(io.Discard)
	return err
}

// reading are the steps from an object to rows.
func reading(t *testing.T) []Step {
	g := samplelog.New(1, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	g.Level(gzip.DefaultCompression)
	trail := newLog(t, cloudtrail.Format(), g.CloudTrail(2000).Body)
	flow := newLog(t, vpcflow.Format(), g.VPCFlow(10_000).Body)
	pool, into, reader := new(unpack.Pool), make([]byte, len(trail.plain)), new(gzip.Reader)
	gunzip := func(name string, l *log, work func() error) Step {
		return Step{Name: name, Against: "gunzip of the object", Work: work, Yardstick: func() error { return l.gunzip(reader) }}
	}
	return []Step{
		gunzip("unpack a CloudTrail object", trail, func() error { return trail.unpack(pool, into) }),
		gunzip("split CloudTrail", trail, func() error { return trail.split(func([]byte) {}) }),
		gunzip("parse CloudTrail", trail, trail.parse),
		gunzip("split VPC flow", flow, func() error { return flow.split(func([]byte) {}) }),
		gunzip("parse VPC flow", flow, flow.parse),
	}
}

// carrying are the steps between the stages, but for the bus itself.
func carrying(t *testing.T) []Step {
	raw, rows := batchtest.Part(t, batchtest.Records)
	return []Step{roundTrip(t, "raw batch to bytes and back", raw), roundTrip(t, "rows batch to bytes and back", rows)}
}

func roundTrip(t *testing.T, name string, record arrow.Record) Step {
	pool := new(batch.Pool)
	plain, err := batch.Encode(record)
	if err != nil {
		t.Fatal(err)
	}
	copied := make([]byte, len(plain))
	return Step{
		Name: name, Against: "a copy of the bytes",
		Work: func() error {
			body, err := batch.EncodeIn(pool, record)
			if err != nil {
				return err
			}
			defer pool.Free(body)
			again, err := batch.Decode(body, pool)
			if err != nil {
				return err
			}
			again.Release()
			return nil
		},
		Yardstick: func() error {
			if copy(copied, plain) != len(plain) {
				return errors.New("the copy is short")
			}
			return nil
		},
	}
}

// writing are the steps from rows to a call.
func writing(t *testing.T) []Step {
	_, record := batchtest.Part(t, batchtest.Records)
	body, err := appendRows(nil, record)
	if err != nil {
		t.Fatal(err)
	}
	packer, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	pack := func(name string, work func() error) Step {
		return Step{Name: name, Against: "gzip of the JSON", Work: work, Yardstick: func() error {
			packer.Reset(io.Discard)
			_, err := packer.Write(body)
			return errors.Join(err, packer.Close())
		}}
	}
	into, post := make([]byte, 0, len(body)), poster(t, record)
	return []Step{
		pack("JSON of CloudTrail rows", func() error { _, err := appendRows(into, record); return err }),
		pack("post CloudTrail rows", post),
	}
}

// appendRows appends the rows as they are posted.
func appendRows(to []byte, record arrow.Record) ([]byte, error) {
	rows, err := rowjson.New(record)
	if err != nil {
		return nil, err
	}
	for i := range rows.Len() {
		to = rows.AppendRow(append(to, ','), i)
	}
	return to, nil
}
