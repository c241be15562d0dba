// Package sinktest is what every kind of sink must pass: the contract of
// [sink.Sink] as tests.
package sinktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink"
	"github.com/logferry/logferry/pkg/sink/rowjson"
	"github.com/logferry/logferry/pkg/table"
)

// Tables are the tables that the suite writes to.
var Tables = []string{"AWSVPCFlow", "AWSCloudTrail"}

// Fixture is a sink under test with its destination.
type Fixture struct {
	Sink sink.Sink
	// Rows returns the rows of a table that are at the destination now, as
	// JSON objects of the form that package rowjson writes, in any order.
	Rows func(t *testing.T, table string) []string
	// Break makes the destination fail, in a way that passes, until mend is
	// called. It is called before anything is written.
	Break func(t *testing.T) (mend func())
}

// patience is how long the suite waits for what must happen.
const patience = 30 * time.Second

// Run runs the suite. open returns a new sink with an empty destination; the
// suite closes the sink.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Fixture)
	}{
		{"every row is there when Write returns", testWrite},
		{"many writers at once", testMany},
		{"a batch without rows", testEmpty},
		{"the batch is not kept", testKeepsNothing},
		{"a trouble that passes is waited out", testTrouble},
		{"a context that ends ends Write", testContext},
		{"a context that has ended", testEndedContext},
		{"a schema that no table has", testSchema},
		{"Close waits for Writes and ends the sink", testClose},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			test.run(t, f)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := f.Sink.Close(ctx); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// Batch returns a batch of n rows for the table, whose rows tell them apart.
// Its memory comes from mem.
func Batch(t testing.TB, mem memory.Allocator, to string, from, n int) *batch.Batch {
	t.Helper()
	tab, ok := table.Get(to)
	if !ok {
		t.Fatalf("there is no table %s", to)
	}
	columns := slices.DeleteFunc(slices.Clone(tab.Columns), func(c table.Column) bool { return c.System })
	rows := table.NewRows(table.Schema(to, columns))
	for i := from; i < from+n; i++ {
		for at, c := range columns {
			set(rows, at, c, i)
		}
		rows.Commit()
	}
	record, _ := rows.Take()
	defer record.Release()
	body, err := batch.Encode(record)
	if err != nil {
		t.Fatal(err)
	}
	record, err = batch.Decode(body, mem)
	if err != nil {
		t.Fatal(err)
	}
	return &batch.Batch{Meta: batch.Meta{Destination: "test", Table: to, Object: fmt.Sprintf("object%d", from)}, Record: record}
}

func set(rows *table.Rows, at int, c table.Column, i int) {
	if (i+at)%3 == 0 && at > 1 {
		return // null here and there
	}
	switch c.Type {
	case table.DateTime:
		rows.Time(at, 1745228754000000+int64(i))
	case table.Int, table.Long:
		rows.Int(at, int64(i))
	case table.Real:
		rows.Real(at, float64(i)/4)
	case table.Bool:
		rows.Bool(at, i%2 == 0)
	case table.Dynamic:
		rows.Text(at, fmt.Appendf(nil, `{"n":[%d,null]}`, i))
	default:
		rows.Text(at, fmt.Appendf(nil, "%s \"%d\" é\n", c.Name, i))
	}
}

// write writes one batch and expects all of it to be taken.
func write(ctx context.Context, t *testing.T, s sink.Sink, to string, from, n int) {
	t.Helper()
	b := Batch(t, memory.DefaultAllocator, to, from, n)
	defer b.Release()
	if rejected, err := s.Write(ctx, b); err != nil || len(rejected) > 0 {
		t.Errorf("write to %s: rejected %v, error %v; want neither", to, rejected, err)
	}
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// expect compares the rows at the destination, whole, with those of a batch.
func expect(t *testing.T, f Fixture, to string, from, n int) {
	t.Helper()
	b := Batch(t, memory.DefaultAllocator, to, from, n)
	defer b.Release()
	got, want := canonical(t, f.Rows(t, to)), canonical(t, jsonRows(t, b))
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %d rows; want %d\ngot  %.300s\nwant %.300s", to, len(got), len(want),
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// canonical returns the rows with their columns in one order, sorted.
func canonical(t *testing.T, rows []string) []string {
	t.Helper()
	out := make([]string, len(rows))
	for i, row := range rows {
		var columns map[string]any
		if err := json.Unmarshal([]byte(row), &columns); err != nil {
			t.Fatalf("row %.200q at the destination: %v", row, err)
		}
		text, err := json.Marshal(columns)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = string(text)
	}
	slices.Sort(out)
	return out
}

func testWrite(t *testing.T, f Fixture) {
	for _, to := range Tables {
		write(deadline(t), t, f.Sink, to, 0, 100)
		expect(t, f, to, 0, 100)
	}
	write(deadline(t), t, f.Sink, Tables[0], 100, 1)
	expect(t, f, Tables[0], 0, 101)
}

func testMany(t *testing.T, f Fixture) {
	ctx := deadline(t)
	var writers conc.WaitGroup
	const parts = 32
	for i := range parts {
		for _, to := range Tables {
			writers.Go(func() { write(ctx, t, f.Sink, to, i*10, 10) })
		}
	}
	writers.Wait()
	for _, to := range Tables {
		expect(t, f, to, 0, parts*10)
	}
}

func testEmpty(t *testing.T, f Fixture) {
	write(deadline(t), t, f.Sink, Tables[0], 0, 0)
	expect(t, f, Tables[0], 0, 0)
}

func testKeepsNothing(t *testing.T, f Fixture) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	b := Batch(t, mem, Tables[0], 0, 10)
	if _, err := f.Sink.Write(deadline(t), b); err != nil {
		t.Errorf("write: %v", err)
	}
	if b.Record.NumRows() != 10 || !b.Record.Column(0).IsValid(0) {
		t.Error("Write changed or released the batch")
	}
	b.Release()
	mem.AssertSize(t, 0)
}

func testTrouble(t *testing.T, f Fixture) {
	ctx := deadline(t)
	mend := f.Break(t)
	var writer conc.WaitGroup
	writer.Go(func() { write(ctx, t, f.Sink, Tables[0], 0, 10) })
	if rows := f.Rows(t, Tables[0]); len(rows) > 0 {
		t.Errorf("%d rows are at a destination that fails", len(rows))
	}
	mend()
	writer.Wait()
	expect(t, f, Tables[0], 0, 10)
}

func testContext(t *testing.T, f Fixture) {
	mend := f.Break(t)
	defer mend()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var writers conc.WaitGroup
	start := time.Now()
	for i := range 4 {
		writers.Go(func() {
			b := Batch(t, mem, Tables[0], i*10, 10)
			defer b.Release()
			if _, err := f.Sink.Write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("write: got error %v; want the context's", err)
			}
		})
	}
	writers.Wait()
	// What fails at once is not on its way: nothing is awaited.
	if took := time.Since(start); took > patience/6 {
		t.Errorf("Write returned %v after its start; want soon after its context's end", took)
	}
	mem.AssertSize(t, 0)
}

func testEndedContext(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := Batch(t, memory.DefaultAllocator, Tables[0], 0, 10)
	defer b.Release()
	if _, err := f.Sink.Write(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("write: got error %v; want the context's", err)
	}
}

func testSchema(t *testing.T, f Fixture) {
	var raw batch.Raw
	raw.Append([]byte("record"), 0)
	b := &batch.Batch{Meta: batch.Meta{Table: Tables[0]}, Record: raw.Take()}
	defer b.Release()
	if _, err := f.Sink.Write(deadline(t), b); !fault.IsPermanent(err) {
		t.Errorf("write: got error %v; want a permanent fault", err)
	}
}

func testClose(t *testing.T, f Fixture) {
	ctx := deadline(t)
	var writers conc.WaitGroup
	entered := make(chan struct{}, 8) // room for all: the writers do not wait
	for i := range 8 {
		writers.Go(func() {
			b := Batch(t, memory.DefaultAllocator, Tables[0], i*10, 10)
			defer b.Release()
			entered <- struct{}{}
			// Written whole, or refused because the sink was closed before.
			_, _ = f.Sink.Write(ctx, b)
		})
	}
	for range 8 {
		<-entered
	}
	if err := f.Sink.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	atClose := len(f.Rows(t, Tables[0]))
	writers.Wait()
	if after := len(f.Rows(t, Tables[0])); after != atClose {
		t.Errorf("%d rows came after Close had returned", after-atClose)
	}
	b := Batch(t, memory.DefaultAllocator, Tables[0], 0, 1)
	defer b.Release()
	if _, err := f.Sink.Write(ctx, b); err == nil {
		t.Error("Write after Close gave no error")
	}
}

func jsonRows(t *testing.T, b *batch.Batch) []string {
	t.Helper()
	rows, err := rowjson.New(b.Record)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, rows.Len())
	for i := range out {
		out[i] = string(rows.AppendRow(nil, i))
	}
	return out
}
