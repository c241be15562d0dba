package vpcflow

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/table"
)

// lastSecond is the end of year 9999, in seconds since 1970: the last time the
// service can hold.
const lastSecond = 253402300799

// field says what becomes of one field of a line.
type field struct {
	name string
	kind kind
	cols []int // start fills two columns
}

// kind is what the values of a field are.
type kind uint8

const (
	passed kind = iota // no column holds them
	text
	number
	seconds // since 1970
)

func kindOf(column table.Type) kind {
	switch column {
	case table.String:
		return text
	case table.DateTime:
		return seconds
	default:
		return number
	}
}

// fieldsByName returns the fields that have columns.
func fieldsByName(f *format.Format) map[string]field {
	t, _ := table.Get(f.Table)
	fields := make(map[string]field, len(f.Columns))
	for i, c := range f.Columns {
		column, _ := t.Column(c.Name)
		fields[c.From] = field{name: c.From, kind: kindOf(column.Type), cols: append(fields[c.From].cols, i)}
	}
	return fields
}

// newParser returns the parser of lines with that header.
func newParser(known map[string]field, layout string) (format.Parse, error) {
	var fields []field
	for word := range strings.FieldsSeq(layout) {
		fields = append(fields, known[fieldName(word)])
	}
	if len(fields) == 0 {
		return nil, fault.Permanent(fault.Unsupported, errors.New("the header names no fields"))
	}
	return func(record []byte, rows *table.Rows) error { return parse(fields, record, rows) }, nil
}

// parse sets the columns of one line, in one pass.
func parse(fields []field, record []byte, rows *table.Rows) error {
	n, start := 0, 0
	for base := 0; base <= len(record); base += 8 {
		for found := spaces(record, base); found != 0; found &= found - 1 {
			end := base + bits.TrailingZeros64(found)/8
			if start < end { // else a run of spaces
				if n < len(fields) {
					if err := fields[n].set(record, start, end, rows); err != nil {
						return err
					}
				}
				n++
			}
			start = end + 1
		}
	}
	if n != len(fields) {
		return fault.Permanent(fault.BadRecord, fmt.Errorf("the line has %d fields; the header wants %d", n, len(fields)))
	}
	return nil
}

// set sets the columns of the field that is record[start:end]. "-" stays as it
// is in texts and is null elsewhere.
func (f *field) set(record []byte, start, end int, rows *table.Rows) error {
	value := record[start:end]
	switch f.kind {
	case passed:
		return nil
	case text:
		for _, col := range f.cols {
			rows.Text(col, value)
		}
		return nil
	}
	if len(value) == 1 && value[0] == '-' {
		return nil
	}
	n, ok := parseNumber(record[:end], len(value))
	if !ok {
		return fault.Permanent(fault.BadRecord, fmt.Errorf("field %s is no number: %.40q", f.name, value))
	}
	for _, col := range f.cols {
		f.setNumber(col, n, rows)
	}
	return nil
}

func (f *field) setNumber(col int, n int64, rows *table.Rows) {
	switch {
	case n == tooLarge || f.kind == seconds && n > lastSecond:
		rows.OutOfRange(col)
	case f.kind == seconds:
		rows.Time(col, n*1e6)
	default:
		rows.Int(col, n)
	}
}
