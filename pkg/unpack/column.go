package unpack

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// column reads one column of a row group and renders its values.
type column struct {
	name     string
	optional bool
	// load reads up to so many rows: their levels (0: null) go to levels, their
	// values, nulls left out, to where render finds them.
	load   func(rows int64, levels []int16) (int64, int, error)
	render func(dst []byte, i int) []byte

	levels [batchRows]int16
	text   []byte // the values of the current rows, one behind the other
	ends   [batchRows + 1]int
}

// reader is what the typed column readers have in common.
type reader[T any] interface {
	ReadBatch(batch int64, values []T, defs, reps []int16) (total int64, read int, err error)
}

func newColumn(name string, desc *schema.Column, pages file.PageReader) (*column, error) {
	c := &column{name: name, optional: desc.MaxDefinitionLevel() > 0}
	switch r := file.NewColumnReader(desc, pages, new(bounded), nil).(type) {
	case *file.Int32ColumnChunkReader:
		bind(c, r, func(dst []byte, v int32) []byte { return strconv.AppendInt(dst, int64(v), 10) })
	case *file.Int64ColumnChunkReader:
		bind(c, r, func(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) })
	case *file.ByteArrayColumnChunkReader:
		bind(c, r, func(dst []byte, v parquet.ByteArray) []byte { return append(dst, v...) })
	case *file.BooleanColumnChunkReader:
		bind(c, r, strconv.AppendBool)
	case *file.Float32ColumnChunkReader:
		bind(c, r, func(dst []byte, v float32) []byte { return strconv.AppendFloat(dst, float64(v), 'f', -1, 32) })
	case *file.Float64ColumnChunkReader:
		bind(c, r, func(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'f', -1, 64) })
	default:
		return nil, unsupported("column %s has type %v", name, desc.PhysicalType())
	}
	return c, nil
}

func bind[T any](c *column, r reader[T], render func(dst []byte, v T) []byte) {
	values := make([]T, batchRows)
	c.load = func(rows int64, levels []int16) (int64, int, error) { return r.ReadBatch(rows, values, levels, nil) }
	c.render = func(dst []byte, i int) []byte { return render(dst, values[i]) }
}

// fill reads and renders the next rows, in room bytes at most. A dictionary
// lets few bytes stand for many.
func (c *column) fill(rows, room int) error {
	c.text = c.text[:0]
	for done := 0; done < rows; {
		total, values, err := c.load(int64(rows-done), c.levels[:rows-done])
		if err != nil {
			return err
		}
		if total <= 0 {
			return fmt.Errorf("has fewer rows than the index says")
		}
		if err := c.append(done, int(total), values, room); err != nil {
			return err
		}
		done += int(total)
	}
	return nil
}

// append renders rows that have just been read, values of them not null.
func (c *column) append(from, rows, values, room int) error {
	next := 0
	for row := range rows {
		start := len(c.text)
		if !c.optional || c.levels[row] > 0 {
			if next == values {
				return fmt.Errorf("has fewer values than rows that are not null")
			}
			c.text = c.render(c.text, next)
			next++
		}
		for _, b := range c.text[start:] {
			if b == ' ' || b == '\n' || b == '\r' {
				return unsupported("a value of column %s holds white space", c.name)
			}
		}
		if len(c.text) > room {
			return unsupported("%d rows are longer than %d bytes", batchRows, maxText)
		}
		if len(c.text) == start {
			c.text = append(c.text, '-')
		}
		c.ends[from+row+1] = len(c.text)
	}
	return nil
}

// value returns a rendered value of the current rows.
func (c *column) value(row int) []byte { return c.text[c.ends[row]:c.ends[row+1]] }
