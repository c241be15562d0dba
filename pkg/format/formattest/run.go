package formattest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/table"
)

// cut is a record that a splitter found, or one that it set aside.
type cut struct {
	Offset int64
	Record string
	Error  string
}

// cuts splits an object. err is nil for a complete object.
func cuts(f *format.Format, r io.Reader) (cuts []cut, layout string, err error) {
	s := f.Split(r)
	for {
		record, err := s.Next()
		if tooLong, ok := errors.AsType[*format.RecordError](err); ok {
			cuts = append(cuts, cut{Offset: tooLong.Offset, Error: tooLong.Err.Error()})
			continue
		}
		if err == io.EOF {
			err = nil
		} else if err == nil {
			cuts = append(cuts, cut{Offset: record.Offset, Record: string(record.Bytes)})
			continue
		}
		return cuts, s.Layout(), err
	}
}

// result is what became of an object.
type result struct {
	rows, dead []string
	flaws      table.Flaws
	err        error
}

// sections renders the result as the sections of a golden case.
func (r result) sections() map[string]string {
	sections := make(map[string]string)
	if len(r.rows) > 0 {
		sections["rows.jsonl"] = strings.Join(r.rows, "\n") + "\n"
	}
	if len(r.dead) > 0 {
		sections["dead"] = strings.Join(r.dead, "\n") + "\n"
	}
	if r.flaws != (table.Flaws{}) {
		sections["flaws"] = fmt.Sprintf("%d cut, %d out of range, %d bad text\n", r.flaws.Cut, r.flaws.OutOfRange, r.flaws.BadText)
	}
	if r.err != nil {
		sections["error"] = reason(r.err) + "\n"
	}
	return sections
}

// reason renders an error with its reason, or that it is a skip.
func reason(err error) string {
	if skip, ok := errors.AsType[*format.SkipError](err); ok {
		return "skip " + skip.What
	}
	return string(fault.ReasonOf(err)) + ": " + err.Error()
}

// run carries an object through the format: split, parse, rows.
func run(f *format.Format, object []byte) (r result) {
	records, layout, err := cuts(f, bytes.NewReader(object))
	r.err = err
	parse, err := f.Parser(layout)
	if err != nil {
		r.err = errors.Join(r.err, err)
		return r
	}
	rows := table.NewRows(f.Schema())
	for _, c := range records {
		if err := parseOne(parse, c, rows); err != nil {
			r.dead = append(r.dead, fmt.Sprintf("%d: %s", c.Offset, reason(err)))
		}
	}
	record, flaws := rows.Take()
	defer record.Release()
	r.rows, r.flaws = Lines(record), flaws
	return r
}

// parseOne parses a record into rows, and then spoils the record's memory, to
// show that nothing of it is kept.
func parseOne(parse format.Parse, c cut, rows *table.Rows) error {
	if c.Error != "" {
		return fault.Permanent(fault.RecordTooLarge, errors.New(c.Error))
	}
	record := []byte(c.Record)
	err := parse.Row(record, rows)
	if string(record) != c.Record {
		return errors.New("the parser changed the record")
	}
	for i := range record {
		record[i] = 'X'
	}
	return err
}

// testSplit tests that the cuts are slices of the object, in order, and do not
// depend on how the object is read.
func testSplit(t testing.TB, f *format.Format, c *goldenCase) {
	t.Helper()
	want, layout, err := cuts(f, bytes.NewReader(c.object))
	var end int64
	for _, cut := range want {
		if cut.Offset < end {
			t.Fatalf("record at offset %d overlaps the one before, which ends at %d", cut.Offset, end)
		}
		end = cut.Offset + int64(len(cut.Record))
		if end > int64(len(c.object)) || string(c.object[cut.Offset:end]) != cut.Record {
			t.Fatalf("record at offset %d is not what the object has there: %q", cut.Offset, cut.Record)
		}
	}
	for name, reader := range map[string]func(io.Reader) io.Reader{
		"byte by byte":         iotest.OneByteReader,
		"in halves":            iotest.HalfReader,
		"with data and io.EOF": iotest.DataErrReader,
	} {
		got, gotLayout, gotErr := cuts(f, reader(bytes.NewReader(c.object)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cuts when read %s differ:\n%s", name, diff)
		}
		if gotLayout != layout || fmt.Sprint(gotErr) != fmt.Sprint(err) {
			t.Errorf("read %s: got layout %q, error %v; want %q, %v", name, gotLayout, gotErr, layout, err)
		}
	}
}

// testWire tests that the rows survive the wire, and that all memory is given
// back.
func testWire(t *testing.T, f *format.Format, c *goldenCase) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	records, layout, _ := cuts(f, bytes.NewReader(c.object))
	parse, err := f.Parser(layout)
	if err != nil {
		return // testGolden has it
	}
	rows := table.NewRows(f.Schema())
	for _, c := range records {
		parseOne(parse, c, rows)
	}
	sent, _ := rows.Take()
	defer sent.Release()
	body, err := batch.Encode(sent)
	if err != nil {
		t.Fatal(err)
	}
	got, err := batch.Decode(body, mem)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	if !array.RecordEqual(sent, got) {
		t.Error("the rows are not the same after Encode and Decode")
	}
}
