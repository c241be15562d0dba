// Package format describes how one kind of log becomes rows of one table.
//
// A [Format] is a value: which S3 keys it owns, how an object splits into
// records, how a record becomes a row. Each format is a folder below this one;
// package all lists them. Formats are pure: bytes in, rows out.
package format

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/table"
)

// MaxRecordBytes is the longest record that is carried: a raw message with it
// stays below the bus's default message size of 1 MiB.
const MaxRecordBytes = 1_000_000

// MaxRowBytes is the most that the values of one row may take. It bounds what
// mending bad text can make of a record, so that every row fits a message too.
const MaxRowBytes = MaxRecordBytes

// SniffBytes is how much of a decompressed object [Format.Sniff] gets to see.
const SniffBytes = 4096

// Format is how one kind of log becomes rows of one table.
type Format struct {
	// Name is the format's short name, a subject token: "vpcflow".
	Name string
	// Title is its name for people: "VPC Flow Logs".
	Title string
	// Table is the Log Analytics table of the rows.
	Table string
	// Columns are the columns that are filled, in the order of the row. The
	// column index of [table.Rows] is the index in this list.
	Columns []Column
	// PartBytes is the size at which a part is cut, counted by [Format.Weight].
	// It is chosen so that the rows of a part normally fit one call of the
	// ingestion API, and always fit a message on the bus.
	PartBytes int
	// RecordOverhead is what a record costs besides its own bytes when it is a
	// row: offsets and fixed-width columns.
	RecordOverhead int
	// Owns reports whether an object with this key is of this format, by the
	// layout that AWS gives its keys.
	Owns func(key string) bool
	// Sniff reports whether an object that begins with head is of this format.
	Sniff func(head []byte) bool
	// Split cuts a decompressed object into records.
	Split func(r io.Reader) Splitter
	// Parser returns the function that turns the records of one object into
	// rows. layout is what the object's Splitter said. An error means that the
	// layout is unusable.
	Parser func(layout string) (Parse, error)
}

// Column is one column of a format's rows.
type Column struct {
	// Name is the column's name in the table, exactly.
	Name string
	// From is the source: a field name or JSON path in the record.
	From string
	// Doc is said of the column beyond the table's own description; it may be
	// empty.
	Doc string
}

// Record is one undecoded log record.
type Record struct {
	// Bytes is valid until the next call of Next.
	Bytes []byte
	// Offset is where the record begins in the decompressed object.
	Offset int64
}

// Splitter cuts one decompressed object into records, in order, always the
// same way for the same bytes.
type Splitter interface {
	// Next returns the next record; [io.EOF] after the last record of a
	// complete object; a [*RecordError] for a record that must be set aside,
	// after which Next goes on; a [*SkipError] for an object that holds no
	// records by its nature. Any other error ends the object: a permanent
	// fault when the content is broken, else the reader's own error.
	Next() (Record, error)
	// Layout returns what the records cannot tell by themselves. It is final
	// once Next has been called.
	Layout() string
}

// Parse turns one record into the current row of rows, which [Parse.Row]
// commits when the error is nil and rolls back otherwise. It keeps nothing of
// record. An error means that the record is bad: the record becomes a dead
// letter. A [*SkipError] means that the record gives no row by its nature.
type Parse func(record []byte, rows *table.Rows) error

// Row parses one record into the next row and commits it. A record that gives
// no row, or one of more than [MaxRowBytes], leaves no trace in rows.
func (p Parse) Row(record []byte, rows *table.Rows) error {
	err := p(record, rows)
	if n := rows.RowBytes(); err == nil && n > MaxRowBytes {
		err = fault.Permanent(fault.RecordTooLarge, fmt.Errorf("its row has %d bytes, more than %d", n, MaxRowBytes))
	}
	if err != nil {
		rows.Rollback()
		return err
	}
	rows.Commit()
	return nil
}

// RecordError says that one record cannot be carried, while the rest of its
// object can.
type RecordError struct {
	// Offset and Size locate the record in the decompressed object, in bytes.
	Offset, Size int64
	// Head is the beginning of the record.
	Head []byte
	Err  error
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("record at offset %d (%d bytes): %v", e.Offset, e.Size, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// SkipError says that something is well formed and recognised, and holds
// nothing to deliver: a CloudTrail digest, a console's test object.
type SkipError struct {
	// What names it, as the label of a counter: "cloudtrail_digest".
	What string
}

func (e *SkipError) Error() string { return "holds no records: " + e.What }

// Weight returns what a record counts in a part: no less than what its row
// takes on the bus. A byte that is no UTF-8 becomes three in the row.
func (f *Format) Weight(record []byte) int {
	weight := len(record) + f.RecordOverhead
	if utf8.Valid(record) {
		return weight
	}
	for len(record) > 0 {
		r, size := utf8.DecodeRune(record)
		if r == utf8.RuneError && size == 1 {
			weight += len("\uFFFD") - 1
		}
		record = record[size:]
	}
	return weight
}

// Schema returns the Arrow schema of the format's rows. It panics when a
// column is not in the format's table, which the conformance suite rules out.
func (f *Format) Schema() *arrow.Schema {
	t, ok := table.Get(f.Table)
	if !ok {
		panic(fmt.Sprintf("format %s: there is no table %s", f.Name, f.Table))
	}
	columns := make([]table.Column, len(f.Columns))
	for i, c := range f.Columns {
		if columns[i], ok = t.Column(c.Name); !ok {
			panic(fmt.Sprintf("format %s: table %s has no column %s", f.Name, f.Table, c.Name))
		}
	}
	return table.Schema(f.Table, columns)
}

// Set is a list of formats to choose from.
type Set []*Format

// Tables returns the tables of the formats' rows, sorted, each once.
func (s Set) Tables() []string {
	tables := make([]string, len(s))
	for i, f := range s {
		tables[i] = f.Table
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// Named returns the format of that name.
func (s Set) Named(name string) (*Format, bool) {
	return s.find(func(f *Format) bool { return f.Name == name })
}

// ForTable returns the format whose rows go to that table.
func (s Set) ForTable(table string) (*Format, bool) {
	return s.find(func(f *Format) bool { return f.Table == table })
}

// Detect tells the format of an object by its key, if the beginning of the
// decompressed object agrees, else by that beginning, else by the key alone:
// the splitter will then say what is wrong, if anything is.
func (s Set) Detect(key string, head []byte) (*Format, bool) {
	owner, owned := s.ByKey(key)
	return s.confirm(owner, owned, head)
}

// DetectFor is Detect for an object that is expected to go to that table,
// whatever its key.
func (s Set) DetectFor(table string, head []byte) (*Format, bool) {
	expected, ok := s.ForTable(table)
	return s.confirm(expected, ok, head)
}

func (s Set) confirm(expected *Format, ok bool, head []byte) (*Format, bool) {
	if ok && expected.Sniff(head) {
		return expected, true
	}
	if found, clear := s.ByContent(head); clear {
		return found, true
	}
	return expected, ok
}

// ByKey returns the format that owns the key.
func (s Set) ByKey(key string) (*Format, bool) {
	return s.find(func(f *Format) bool { return f.Owns(key) })
}

// ByContent returns the format that recognises the beginning of a
// decompressed object.
func (s Set) ByContent(head []byte) (*Format, bool) {
	return s.find(func(f *Format) bool { return f.Sniff(head) })
}

func (s Set) find(is func(*Format) bool) (*Format, bool) {
	i := slices.IndexFunc(s, is)
	if i < 0 {
		return nil, false
	}
	return s[i], true
}

// Ignorable reports whether AWS wrote the object for its own purposes, and
// what it is: folder markers and the objects that services write to see
// whether a bucket can be written. They hold no records.
func Ignorable(key string) (what string, ok bool) {
	name := key[strings.LastIndexByte(key, '/')+1:]
	switch name {
	case "":
		return "folder_marker", true
	case "aws-logs-write-test", "ELBAccessLogTestFile", "ConfigWritabilityCheckFile":
		return "write_test", true
	}
	return "", false
}
