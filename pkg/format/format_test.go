package format

import (
	"bytes"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/table"
)

func TestWeight(t *testing.T) {
	f := func(record string, want int) {
		t.Helper()
		if got := (&Format{RecordOverhead: 100}).Weight([]byte(record)); got != want {
			t.Errorf("%q: got %d; want %d", record, got, want)
		}
	}
	f("", 100)
	f("plain", 105)
	f("日本\uFFFD", 109)
	f("a\xffb\xc3", 108)
	f("\xed\xa0\x80", 109)
}

// Detection asks the key first, then the content, and lets neither overrule
// the other without need.
func TestDetect(t *testing.T) {
	of := func(name string) *Format {
		return &Format{
			Name: name, Table: "T" + name,
			Owns:  func(key string) bool { return strings.HasPrefix(key, name+"/") },
			Sniff: func(head []byte) bool { return bytes.Contains(head, []byte(name)) },
		}
	}
	set := Set{of("a"), of("b")}
	name := func(f *Format, ok bool) string {
		if !ok {
			return ""
		}
		return f.Name
	}
	f := func(key, head, want string) {
		t.Helper()
		if got := name(set.Detect(key, []byte(head))); got != want {
			t.Errorf("key %q, content %q: got %q; want %q", key, head, got, want)
		}
		if table := "T" + strings.TrimSuffix(key, "/"); table != "T" {
			if got := name(set.DetectFor(table, []byte(head))); got != want {
				t.Errorf("table %q, content %q: got %q; want %q", table, head, got, want)
			}
		}
	}
	f("b/", "ba", "b")
	f("b/", "a", "a")
	f("b/", "?", "b")
	f("b/", "", "b")
	f("", "ba", "a")
	f("", "b", "b")
	f("", "?", "")
	f("c/", "b", "b")
	f("c/", "?", "")
}

// A record gives a row, or leaves no trace.
func TestRow(t *testing.T) {
	rows := table.NewRows((&Format{Table: "AWSGuardDuty", Columns: []Column{
		{Name: "Id"}, {Name: "Title"}, {Name: "Arn"}, {Name: "Region"}, {Name: "Partition"}, {Name: "AccountId"},
		{Name: "Description"}, {Name: "ActivityType"}, {Name: "SchemaVersion"},
	}}).Schema())
	parse := Parse(func(record []byte, rows *table.Rows) error {
		for col := range 9 {
			rows.Text(col, record)
		}
		return nil
	})
	if err := parse.Row([]byte("x"), rows); err != nil || rows.Len() != 1 {
		t.Errorf("got %v and %d rows; want one row", err, rows.Len())
	}
	if err := parse.Row(bytes.Repeat([]byte("x"), table.MaxValueBytes), rows); err != nil || rows.Len() != 2 {
		t.Errorf("got %v and %d rows; want two rows", err, rows.Len())
	}
	broken := Parse(func(record []byte, rows *table.Rows) error {
		rows.Text(0, record)
		return fault.Permanent(fault.BadRecord, bytes.ErrTooLarge)
	})
	if err := broken.Row([]byte("x"), rows); fault.ReasonOf(err) != fault.BadRecord || rows.Len() != 2 || rows.RowBytes() != 0 {
		t.Errorf("got %v, %d rows and %d bytes; want a bad record and no trace", err, rows.Len(), rows.RowBytes())
	}
}
