package parse

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/sink/rowjson"
)

// Forms of the rows.
const (
	JSONLines = "jsonl"
	Table     = "table"
	Parquet   = "parquet"
)

// Outputs lists the forms.
func Outputs() []string { return []string{JSONLines, Table, Parquet} }

// Output takes rows, in order.
type Output interface {
	// Write puts out the rows of a table. It does not release the record.
	Write(table string, record arrow.Record) error
	// Close completes the output. It does not close the writer beneath.
	Close() error
}

// NewOutput returns the output of that form, which must be one of [Outputs].
func NewOutput(form string, w io.Writer) (Output, error) {
	switch form {
	case JSONLines:
		return &lines{w: bufio.NewWriterSize(w, 64<<10)}, nil
	case Table:
		return &text{w: bufio.NewWriterSize(w, 64<<10)}, nil
	case Parquet:
		if app.IsTerminal(w) {
			return nil, errors.New("output parquet is not for a terminal; name a file with -o")
		}
		return &columns{w: w}, nil
	}
	return nil, fmt.Errorf("there is no output %q", form)
}

// lines writes a JSON object a row.
type lines struct {
	w   *bufio.Writer
	row []byte
}

// Write implements [Output].
func (l *lines) Write(_ string, record arrow.Record) error {
	rows, err := rowjson.New(record)
	if err != nil {
		return err
	}
	for i := range rows.Len() {
		l.row = append(rows.AppendRow(l.row[:0], i), '\n')
		if _, err := l.w.Write(l.row); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
	}
	return nil
}

// Close implements [Output].
func (l *lines) Close() error { return l.w.Flush() }

// columns writes a Parquet file, a row group for each record.
type columns struct {
	w      io.Writer
	table  string
	writer *pqarrow.FileWriter // nil before the first rows
}

// Write implements [Output].
func (c *columns) Write(table string, record arrow.Record) error {
	if c.writer != nil && c.table != table {
		return fmt.Errorf("a Parquet file holds the rows of one table: it has those of %s, and %s came next; parse them apart", c.table, table)
	}
	if c.writer == nil {
		properties := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDictionaryDefault(true))
		var err error
		// The writer closes what it writes to if it can be closed.
		c.writer, err = pqarrow.NewFileWriter(record.Schema(), struct{ io.Writer }{c.w}, properties, pqarrow.DefaultWriterProps())
		if err != nil {
			return fmt.Errorf("begin the Parquet file: %w", err)
		}
		c.table = table
	}
	if err := c.writer.Write(record); err != nil {
		return fmt.Errorf("write a row group: %w", err)
	}
	return nil
}

// Close implements [Output].
func (c *columns) Close() error {
	if c.writer == nil {
		return nil
	}
	return c.writer.Close()
}
