package vpcflow

import (
	"bytes"
	"errors"
	"fmt"
	"math"
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
	kind table.Type // "" for a field that no column holds
	cols []int      // start fills two columns
}

// fieldsByName returns the fields that have columns.
func fieldsByName(f *format.Format) map[string]field {
	t, _ := table.Get(f.Table)
	fields := make(map[string]field, len(f.Columns))
	for i, c := range f.Columns {
		column, _ := t.Column(c.Name)
		fields[c.From] = field{name: c.From, kind: column.Type, cols: append(fields[c.From].cols, i)}
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
	n := 0
	for rest := record; len(rest) > 0; {
		value := rest
		if i := bytes.IndexByte(rest, ' '); i >= 0 {
			value, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		if len(value) == 0 {
			continue // a run of spaces
		}
		if n < len(fields) {
			if err := fields[n].set(value, rows); err != nil {
				return err
			}
		}
		n++
	}
	if n != len(fields) {
		return fault.Permanent(fault.BadRecord, fmt.Errorf("the line has %d fields; the header wants %d", n, len(fields)))
	}
	return nil
}

// set sets the columns of a field. "-" stays as it is in texts and is null
// elsewhere.
func (f *field) set(value []byte, rows *table.Rows) error {
	switch f.kind {
	case "":
		return nil
	case table.String:
		for _, col := range f.cols {
			rows.Text(col, value)
		}
		return nil
	}
	if len(value) == 1 && value[0] == '-' {
		return nil
	}
	number, ok := parseNumber(value)
	if !ok {
		return fault.Permanent(fault.BadRecord, fmt.Errorf("field %s is no number: %.40q", f.name, value))
	}
	for _, col := range f.cols {
		switch {
		case number == tooLarge || f.kind == table.DateTime && number > lastSecond:
			rows.OutOfRange(col)
		case f.kind == table.DateTime:
			rows.Time(col, number*1e6)
		default:
			rows.Int(col, number)
		}
	}
	return nil
}

// tooLarge stands for a number that no column can hold.
const tooLarge = -1

// parseNumber reads a number without sign.
func parseNumber(text []byte) (number int64, ok bool) {
	for _, c := range text {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 {
			return 0, false
		}
		if number == tooLarge || number > (math.MaxInt64-digit)/10 {
			number = tooLarge
			continue
		}
		number = number*10 + digit
	}
	return number, true
}
