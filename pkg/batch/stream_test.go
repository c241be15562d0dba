package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// everyType makes a record of every type that a table's columns have, with and
// without nulls.
func everyType(tb testing.TB, rows int) arrow.Record {
	tb.Helper()
	var fields []arrow.Field
	for _, kind := range []arrow.DataType{
		arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean, arrow.FixedWidthTypes.Timestamp_us,
	} {
		for _, nulls := range []string{"none", "some", "all"} {
			fields = append(fields, arrow.Field{Name: kind.Name() + " " + nulls, Type: kind, Nullable: true,
				Metadata: arrow.NewMetadata([]string{"nulls"}, []string{nulls})})
		}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i, f := range fields {
		nulls, _ := f.Metadata.GetValue("nulls")
		for row := range rows {
			if nulls == "all" || nulls == "some" && row%3 == 1 {
				b.Field(i).AppendNull()
			} else {
				appendValue(b.Field(i), row)
			}
		}
	}
	return b.NewRecord()
}

func appendValue(column array.Builder, row int) {
	text := strings.Repeat("é", row)
	switch column := column.(type) {
	case *array.StringBuilder:
		column.Append(text)
	case *array.BinaryBuilder:
		column.Append([]byte(text))
	case *array.Int32Builder:
		column.Append(int32(row))
	case *array.Int64Builder:
		column.Append(int64(row) << 40)
	case *array.Float64Builder:
		column.Append(float64(row) / 3)
	case *array.BooleanBuilder:
		column.Append(row%2 == 0)
	case *array.TimestampBuilder:
		column.Append(arrow.Timestamp(row))
	}
}

// TestBatchTravels also shows that what was encoded before, and what becomes of
// the memory after, makes no difference.
func TestBatchTravels(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	f := func(sent arrow.Record) {
		t.Helper()
		body, err := EncodeIn(mem, sent)
		if err != nil {
			t.Fatal(err)
		}
		defer mem.Free(body)
		for shift := range 8 { // wherever it lies
			got, err := Decode(append(make([]byte, shift, shift+len(body)), body...)[shift:], mem)
			if err != nil {
				t.Fatal(err)
			}
			if !array.RecordEqual(sent, got) || !sent.Schema().Equal(got.Schema()) {
				t.Errorf("%d rows are not the same after they travelled, %d bytes off", sent.NumRows(), shift)
			}
			got.Release()
		}
	}
	for _, rows := range []int{0, 1, 2, 100} {
		record := everyType(t, rows)
		f(record)
		f(record.NewSlice(int64(rows/2), int64(rows)))
	}
}

// TestStreamIsArrows compares with what Arrow's own writer makes, and reads it.
func TestStreamIsArrows(t *testing.T) {
	f := func(record arrow.Record) {
		t.Helper()
		var want bytes.Buffer
		w := ipc.NewWriter(&want, ipc.WithSchema(record.Schema()))
		if err := errors.Join(w.Write(record), w.Close()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time, the schema is known
			got, err := Encode(record)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("a stream of %d rows is not what Arrow writes", record.NumRows())
			}
		}
	}
	for _, rows := range []int{0, 1, 100} {
		record := everyType(t, rows)
		f(record)
		f(record.NewSlice(int64(rows/2), int64(rows)))
	}
}

// TestManySchemas goes beyond what is remembered.
func TestManySchemas(t *testing.T) {
	for i := range 2*maxSchemas + 1 {
		schema := arrow.NewSchema([]arrow.Field{{Name: fmt.Sprint(i), Type: arrow.PrimitiveTypes.Int64}}, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		sent := b.NewRecord()
		body, err := Encode(sent)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(body, memory.DefaultAllocator); err != nil || !array.RecordEqual(sent, got) {
			t.Errorf("batch %d: %v, %v", i, got, err)
		}
	}
}

func TestRawTravels(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	f := func(records ...string) {
		t.Helper()
		var raw Raw
		for i, r := range records {
			raw.Append([]byte(r), int64(i)<<40)
		}
		sent := raw.Take()
		defer sent.Release()
		body, err := Encode(sent)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(body, mem)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Release()
		values, offsets, err := Records(got)
		if err != nil || values.Len() != len(records) {
			t.Fatalf("%d records, %v; want %d", values.Len(), err, len(records))
		}
		for i, r := range records {
			if string(values.Value(i)) != r || offsets.Value(i) != int64(i)<<40 {
				t.Errorf("record %d = %q at %d; want %q", i, values.Value(i), offsets.Value(i), r)
			}
		}
		if raw.Len() != 0 || raw.Bytes() != 0 {
			t.Error("the builder is not empty after Take")
		}
	}
	f()
	f("")
	f("one")
	f("one", "", "three", string(bytes.Repeat([]byte("x"), 1<<16)))
}

func TestDecodeRefuses(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	var raw Raw
	raw.Append([]byte("one"), 0)
	whole, err := Encode(raw.Take())
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if record, err := Decode(whole[:n], mem); err == nil { // but for the end mark the batch may be whole
			if record.NumRows() != 1 {
				t.Errorf("the first %d bytes gave %d rows", n, record.NumRows())
			}
			record.Release()
		}
	}
	if _, err := Decode([]byte("no arrow"), mem); err == nil {
		t.Error("decoded what is no Arrow stream")
	}
}

// TestDecodeRefusesColumns has streams that Arrow writes, but no Logferry.
func TestDecodeRefusesColumns(t *testing.T) {
	f := func(want string, record arrow.Record, options ...ipc.Option) {
		t.Helper()
		var body bytes.Buffer
		w := ipc.NewWriter(&body, append(options, ipc.WithSchema(record.Schema()))...)
		if err := errors.Join(w.Write(record), w.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(body.Bytes(), memory.DefaultAllocator); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v; want %q", err, want)
		}
	}
	of := func(kind arrow.DataType) arrow.Record {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "a", Type: kind, Nullable: true}}, nil))
		b.Field(0).AppendNull()
		return b.NewRecord()
	}
	f("of type list", of(arrow.ListOf(arrow.BinaryTypes.String)))
	dictionary := of(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String})
	f("of type dictionary", dictionary)
	f("compressed one by one", everyType(t, 3), ipc.WithLZ4())
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for range 2 {
		if _, err := EncodeIn(mem, dictionary); err == nil {
			t.Error("a dictionary was encoded")
		}
	}
}

// TestDecodeRefusesOffsets has values that do not lie one behind the other.
func TestDecodeRefusesOffsets(t *testing.T) {
	bytesOf := func(offsets []uint32) (b []byte) {
		for _, at := range offsets {
			b = binary.LittleEndian.AppendUint32(b, at)
		}
		return b
	}
	var raw Raw
	for range 3 {
		raw.Append([]byte("four"), 0)
	}
	body, err := Encode(raw.Take())
	if err != nil {
		t.Fatal(err)
	}
	f := func(ok bool, offsets ...uint32) {
		t.Helper()
		damaged := bytes.Replace(body, bytesOf([]uint32{0, 4, 8, 12}), bytesOf(offsets), 1)
		if _, err := Decode(damaged, memory.DefaultAllocator); (err == nil) != ok {
			t.Errorf("offsets %v: %v", offsets, err)
		}
	}
	f(true, 0, 4, 8, 12)
	f(true, 0, 0, 12, 12)
	f(false, 0, 8, 4, 12)
	f(false, 0, 4, 8, 13)
	f(false, 0, 16, 16, 12)
	f(false, 0, 0xFFFFFFFF, 8, 12)
	f(false, 0xFFFFFFFF, 4, 8, 12)
}

// FuzzDecode damages everything in a batch but the schema's message, a
// flatbuffer that the Arrow library believes: lengths, the record batch's
// metadata, buffers, the end. What is decoded all the same can be read.
func FuzzDecode(f *testing.F) {
	whole, err := Encode(everyType(f, 5))
	if err != nil {
		f.Fatal(err)
	}
	schema := prefix + int(binary.LittleEndian.Uint32(whole[4:]))
	f.Add(uint16(0), byte(0xFF), uint16(1), byte(2), uint16(0))
	f.Add(uint16(20), byte(0x80), uint16(40), byte(1), uint16(9))
	f.Fuzz(func(t *testing.T, place uint16, value byte, place2 uint16, value2 byte, cut uint16) {
		body := bytes.Clone(whole)
		damage := func(place uint16, value byte) {
			if at := int(place) % (prefix + len(body) - schema); at < prefix {
				body[at] = value
			} else {
				body[schema+at-prefix] = value
			}
		}
		damage(place, value)
		damage(place2, value2)
		body = body[:len(body)-int(cut)%len(body)]
		record, err := Decode(body, memory.NewGoAllocator())
		if err != nil {
			return
		}
		defer record.Release()
		for _, column := range record.Columns() {
			for i := range column.Len() {
				_ = column.ValueStr(i)
			}
		}
	})
}
