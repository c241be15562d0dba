package writer

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/sink/rowjson"
	"github.com/logferry/logferry/pkg/table"
)

// jsonOf returns the record's rows as they are posted.
func jsonOf(t *testing.T, r arrow.Record) []map[string]any {
	t.Helper()
	rows, err := rowjson.New(r)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]map[string]any, rows.Len())
	for i := range out {
		if err := json.Unmarshal(rows.AppendRow(nil, i), &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// The column is posted beside what was there, and each batch is released once
// (invariant 5).
func TestWithEventTime(t *testing.T) {
	f := func(column string, added bool) {
		t.Helper()
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		b := rows(t, mem, 10)
		before := b.Record.Schema()
		with := withEventTime(b, column)
		if !b.Record.Schema().Equal(before) || with.Meta != b.Meta {
			t.Errorf("%q: the batch that was given is changed, or its place lost", column)
		}
		want := jsonOf(t, b.Record)
		b.Release()
		got := jsonOf(t, with.Record) // it lives on by itself
		for i := range want {
			if added {
				want[i][column] = want[i]["TimeGenerated"]
			}
			if g, w := text(t, got[i]), text(t, want[i]); !bytes.Equal(g, w) {
				t.Errorf("%q, row %d: got %s; want %s", column, i, g, w)
			}
		}
		if name, ok := with.Record.Schema().Metadata().GetValue("logferry.table"); !ok || name != tab {
			t.Errorf("%q: the schema names table %q; want %q", column, name, tab)
		}
		again := withEventTime(with, column) // has it already
		if !again.Record.Schema().Equal(with.Record.Schema()) {
			t.Errorf("%q: the column was added twice", column)
		}
		again.Release()
		with.Release()
		mem.AssertSize(t, 0)
	}
	f("EventTime_CF", true)
	f("", false)
	f("TimeGenerated", false)
}

func text(t *testing.T, row map[string]any) []byte {
	t.Helper()
	out, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The column travels as the wire says.
func TestEventTimeOnTheWire(t *testing.T) {
	b := rows(t, memory.DefaultAllocator, 3)
	defer b.Release()
	with := withEventTime(b, "EventTime_CF")
	defer with.Release()
	body, err := batch.Encode(with.Record)
	if err != nil {
		t.Fatal(err)
	}
	record, err := batch.Decode(body, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	field, _ := record.Schema().FieldsByName("EventTime_CF")
	if kind, _ := field[0].Metadata.GetValue(table.TypeKey); kind != string(table.DateTime) || !field[0].Nullable {
		t.Errorf("got field %v; want a nullable datetime", field[0])
	}
}

func TestOlderThan(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	f := func(want int, ages ...time.Duration) {
		t.Helper()
		rows := table.NewRows(table.Schema(tab, []table.Column{
			{Name: "TimeGenerated", Type: table.DateTime}, {Name: "Action", Type: table.String},
		}))
		for _, age := range ages {
			if age >= 0 { // else there is none
				rows.Time(0, now.Add(-age).UnixMicro())
			}
			rows.Text(1, []byte("ACCEPT"))
			rows.Commit()
		}
		record, _ := rows.Take()
		defer record.Release()
		if got := olderThan(record, now); got != want {
			t.Errorf("ages %v: got %d; want %d", ages, got, want)
		}
	}
	const day = 24 * time.Hour
	f(0)
	f(0, 0, day, 2*day)
	f(2, 2*day+time.Microsecond, day, 90*day)
	f(1, -1, 3*day) // no time is no old time: the service gives one
	// rows without the column
	var raw batch.Raw
	raw.Append([]byte("record"), 0)
	record := raw.Take()
	defer record.Release()
	if got := olderThan(record, now); got != 0 {
		t.Errorf("rows without the column: got %d; want 0", got)
	}
}
