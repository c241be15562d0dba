package batch

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

func TestObjectID(t *testing.T) {
	id := func(parts ...string) string { return ObjectID(parts[0], parts[1], parts[2], parts[3], parts[4]) }
	base := id("c", "b", "k", "", "e1")
	f := func(same bool, parts ...string) {
		t.Helper()
		if got := id(parts...); (got == base) != same {
			t.Errorf("ObjectID(%q) = %s, base %s; want the same: %v", parts, got, base, same)
		}
	}
	// whatever announced it, and however it wrote the ETag
	f(true, "c", "b", "k", "", "e1")
	f(true, "c", "b", "k", "", `"e1"`)
	f(true, "c", "b", "k", "null", "e1")
	// anything else is another object
	f(false, "d", "b", "k", "", "e1")
	f(false, "c", "x", "k", "", "e1")
	f(false, "c", "b", "kk", "", "e1")
	f(false, "c", "b", "k", "", "e2")
	f(false, "c", "b", "k", "v", "e1")
	f(false, "cb", "", "k", "", "e1")
	if !regexp.MustCompile(`^[a-z2-7]{26}$`).MatchString(base) {
		t.Errorf("id %q is no subject token", base)
	}
}

func TestMetaID(t *testing.T) {
	f := func(m Meta, want string) {
		t.Helper()
		if got := m.ID(); got != want {
			t.Errorf("ID = %q; want %q", got, want)
		}
	}
	f(Meta{Object: "o"}, "o.0")
	f(Meta{Object: "o", Part: 12}, "o.12")
	f(Meta{Object: "o", Part: 12, Attempt: 2}, "o.12@2")
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

// FuzzDecode damages everything in a batch but Arrow's own metadata (a
// flatbuffer that the Arrow library believes): lengths, buffers, the end.
func FuzzDecode(f *testing.F) {
	var raw Raw
	raw.Append([]byte("one"), 0)
	raw.Append([]byte("two"), 100)
	whole, err := Encode(raw.Take())
	if err != nil {
		f.Fatal(err)
	}
	schema := 8 + int(binary.LittleEndian.Uint32(whole[4:]))
	buffers := schema + 8 + int(binary.LittleEndian.Uint32(whole[schema+4:]))
	places := []int{0, 1, 2, 3, 4, 5, 6, 7, schema + 4, schema + 5, schema + 6, schema + 7}
	for i := buffers; i < len(whole); i++ {
		places = append(places, i)
	}
	f.Add(uint16(0), byte(0xFF), uint16(0))
	f.Add(uint16(20), byte(0x80), uint16(9))
	f.Fuzz(func(t *testing.T, place uint16, value byte, cut uint16) {
		body := bytes.Clone(whole)
		body[places[int(place)%len(places)]] = value
		body = body[:len(body)-int(cut)%len(body)]
		record, err := Decode(body, memory.NewGoAllocator())
		if err != nil {
			return
		}
		defer record.Release()
		if values, _, err := Records(record); err == nil {
			for i := range values.Len() {
				_ = values.Value(i)
			}
		}
	})
}

func BenchmarkEncodeDecode(b *testing.B) {
	var raw Raw
	for range 550 {
		raw.Append(make([]byte, 1400), 0)
	}
	record := raw.Take()
	defer record.Release()
	b.SetBytes(550 * 1400)
	b.ReportAllocs()
	for b.Loop() {
		body, err := Encode(record)
		if err != nil {
			b.Fatal(err)
		}
		got, err := Decode(body, memory.DefaultAllocator)
		if err != nil {
			b.Fatal(err)
		}
		got.Release()
	}
}
