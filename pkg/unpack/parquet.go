package unpack

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"

	"github.com/logferry/logferry/pkg/fault"
)

// batchRows is how many rows of a Parquet file are rendered at a time.
const batchRows = 1024

// lines renders a Parquet file as the text log it stands for: a header line of
// the column names with hyphens, then one line a row, values between spaces.
// A null or empty value is "-".
type lines struct {
	spool *os.File
	file  *file.Reader
	names []string

	group   int // the next row group
	left    int64
	columns []*column

	text []byte // rendered
	read int    // of text
}

// openParquet copies the file to a temporary one, because its index is at its
// end.
func openParquet(_ *Pool, r *bufio.Reader, limits Limits) (io.Reader, func(), error) {
	spool, err := os.CreateTemp("", "logferry-*.parquet")
	if err != nil {
		return nil, nil, fmt.Errorf("spool parquet object: %w", err)
	}
	done := func() {
		spool.Close()
		os.Remove(spool.Name())
	}
	l, err := readLines(spool, r, limits)
	if err != nil {
		done()
		return nil, nil, err
	}
	return l, done, nil
}

func readLines(spool *os.File, r io.Reader, limits Limits) (*lines, error) {
	size, err := fill(spool, r, limits.MaxSpool)
	if err != nil {
		return nil, err
	}
	if err := checkFooter(spool, size); err != nil {
		return nil, err
	}
	l := new(lines)
	err = guard(func() error { return l.open(spool) })
	return l, err
}

// fill copies r to the spool file, at most limit bytes.
func fill(spool *os.File, r io.Reader, limit int64) (int64, error) {
	if limit > 0 {
		r = io.LimitReader(r, limit+1)
	}
	size, err := io.Copy(spool, r)
	if err != nil {
		return 0, fmt.Errorf("spool parquet object: %w", err)
	}
	if limit > 0 && size > limit {
		return 0, fault.Permanent(fault.TooLarge, fmt.Errorf("the parquet object is larger than %d bytes", limit))
	}
	return size, nil
}

func (l *lines) open(spool *os.File) error {
	properties := parquet.NewReaderProperties(new(bounded))
	f, err := file.NewParquetReader(spool, file.WithReadProps(properties))
	if err != nil {
		return err
	}
	l.spool, l.file = spool, f
	schema := f.MetaData().Schema
	for i := range schema.NumColumns() {
		c := schema.Column(i)
		if c.MaxRepetitionLevel() > 0 || c.MaxDefinitionLevel() > 1 || strings.Contains(c.Path(), ".") {
			return unsupported("column %s is nested", c.Path())
		}
		if strings.ContainsAny(c.Name(), " \r\n") || c.Name() == "" {
			return unsupported("column name %q", c.Name())
		}
		l.names = append(l.names, strings.ReplaceAll(c.Name(), "_", "-"))
	}
	if len(l.names) == 0 || len(l.names) > maxColumns {
		return unsupported("it has %d columns", len(l.names))
	}
	l.text = append(l.text, strings.Join(l.names, " ")...)
	l.text = append(l.text, '\n')
	return nil
}

// Read implements [io.Reader].
func (l *lines) Read(p []byte) (int, error) {
	for l.read == len(l.text) {
		l.text, l.read = l.text[:0], 0
		if err := guard(l.render); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.text[l.read:])
	l.read += n
	return n, nil
}

// render renders the next rows. It returns [io.EOF] after the last.
func (l *lines) render() error {
	for l.left == 0 {
		if l.group == l.file.NumRowGroups() {
			return io.EOF
		}
		if err := l.openGroup(); err != nil {
			return fmt.Errorf("row group %d: %w", l.group, err)
		}
		l.group++
	}
	rows := int(min(l.left, batchRows))
	room := maxText
	for _, c := range l.columns {
		if err := c.fill(rows, room); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
		room -= len(c.text)
	}
	for row := range rows {
		for i, c := range l.columns {
			if i > 0 {
				l.text = append(l.text, ' ')
			}
			l.text = append(l.text, c.value(row)...)
		}
		l.text = append(l.text, '\n')
	}
	l.left -= int64(rows)
	return nil
}

func (l *lines) openGroup() error {
	group := l.file.RowGroup(l.group)
	if group.NumColumns() != len(l.names) || group.NumRows() < 0 {
		return errors.New("its index contradicts the schema")
	}
	l.left, l.columns = group.NumRows(), l.columns[:0]
	for i, name := range l.names {
		meta, err := group.MetaData().ColumnChunk(i)
		if err != nil {
			return err
		}
		switch codec := meta.Compression(); codec {
		case compress.Codecs.Uncompressed, compress.Codecs.Gzip:
		default:
			return unsupported("column %s is compressed with %v, not gzip", name, codec)
		}
		pages, err := file.NewPageReader(openPages(l.spool, meta), meta.NumValues(), meta.Compression(), new(bounded), nil)
		if err != nil {
			return err
		}
		c, err := newColumn(name, l.file.MetaData().Schema.Column(i), pages)
		if err != nil {
			return err
		}
		l.columns = append(l.columns, c)
	}
	return nil
}

func unsupported(format string, args ...any) error {
	return fault.Permanent(fault.Unsupported, fmt.Errorf("parquet object: "+format, args...))
}

// guard turns a panic of the Parquet reader, which malformed files provoke,
// into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("parquet reader: %v", p)
			if cause, ok := p.(error); ok && fault.IsPermanent(cause) {
				err = cause
			}
		}
	}()
	return f()
}
