package ingestion

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/pkg/table"
)

// parse reads the body, an array of objects, into rows and counts what is odd
// about them. An error means that the call is to be refused whole.
func (b *buffer) parse(stream stream, now time.Time, stats *Stats) error {
	clear(b.rows)
	b.rows, b.values = b.rows[:0], b.values[:0]
	body := b.body.Bytes()
	if !utf8.Valid(body) {
		return errors.New("the body is not UTF-8")
	}
	s := &scanner{in: body}
	if err := s.take('['); err != nil {
		return fmt.Errorf("the body is not an array: %w", err)
	}
	for s.peek() != ']' {
		if len(b.rows) > 0 {
			if err := s.take(','); err != nil {
				return err
			}
		}
		row, err := b.row(s, stream, now, stats)
		if err != nil {
			return fmt.Errorf("row %d: %w", len(b.rows), err)
		}
		b.rows = append(b.rows, row)
	}
	s.at++
	if c := s.peek(); c != 0 || s.at < len(body) {
		return s.errorf("%q after the array", c)
	}
	stats.Rows = int64(len(b.rows))
	return nil
}

// row reads one row.
func (b *buffer) row(s *scanner, stream stream, now time.Time, stats *Stats) (Row, error) {
	n := len(stream.inOrder)
	first := len(b.values)
	b.values = slices.Grow(b.values, n)[:first+n]
	row := Row{columns: stream.columns, values: b.values[first : first+n : first+n]}
	clear(row.values)
	s.peek()
	start := s.at
	last := n // no column came before the first one
	err := s.object(0, func(name, raw []byte, k kind, size int) error {
		c, ok := b.column(stream, name, last)
		if !ok {
			stats.ColumnsDropped++
			return nil
		}
		last = c.index
		if row.values[c.index] != nil {
			return fmt.Errorf("%s is there twice", name)
		}
		if size > maxField {
			stats.FieldsCut++
		}
		row.values[c.index] = raw
		if err := check(c.kind, raw, k); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	row.JSON = s.in[start:s.at]
	checkTime(row.Value("TimeGenerated"), now, stats)
	return row, err
}

// column finds the column of a name. Mostly it is the one that followed the
// last one, by its index, in a row before.
func (b *buffer) column(stream stream, name []byte, last int) (*column, bool) {
	if n := len(stream.inOrder); len(b.follows) != n+1 {
		b.follows = make([]int, n+1)
	}
	if i := b.follows[last]; i < len(stream.inOrder) {
		if c := stream.inOrder[i]; c.name == string(name) {
			return c, true
		}
	}
	c, ok := stream.columns[string(name)]
	if ok {
		b.follows[last] = c.index
	}
	return c, ok
}

// check reports whether a value fits a column of the type. Null fits all.
func check(t table.Type, raw []byte, k kind) error {
	if k == null {
		return nil
	}
	want := number
	switch t {
	case table.Dynamic:
		return nil
	case table.String:
		want = text
	case table.Bool:
		want = truth
	case table.DateTime:
		want = text
	}
	if k != want {
		return fmt.Errorf("%s in a column of type %s", k, t)
	}
	var err error
	switch t {
	case table.DateTime:
		_, err = parseTime(raw)
	case table.Int:
		_, err = strconv.ParseInt(string(raw), 10, 32)
	case table.Long:
		_, err = strconv.ParseInt(string(raw), 10, 64)
	}
	return err
}

func parseTime(raw []byte) (time.Time, error) {
	return time.Parse(time.RFC3339, string(raw[1:len(raw)-1]))
}

// checkTime counts a time that the service would replace.
func checkTime(raw []byte, now time.Time, stats *Stats) {
	if len(raw) == 0 || string(raw) == "null" {
		stats.TimeMissing++
		return
	}
	t, err := parseTime(raw)
	if err == nil && (t.Before(now.Add(-maxPast)) || t.After(now.Add(maxFuture))) {
		stats.TimeReplaced++
	}
}
