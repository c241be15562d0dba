package formattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/logferry/logferry/pkg/table"
)

// Lines renders the rows of a batch, each as a JSON object: columns in order,
// without nulls, times in RFC 3339, the JSON of dynamic columns as it is. A
// very long text is shortened in the middle.
func Lines(record arrow.Record) []string {
	lines := make([]string, record.NumRows())
	for row := range lines {
		lines[row] = line(record, row)
	}
	return lines
}

func line(record arrow.Record, row int) string {
	var b bytes.Buffer
	for i, column := range record.Columns() {
		if column.IsNull(row) {
			continue
		}
		if b.Len() == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		field := record.Schema().Field(i)
		fmt.Fprintf(&b, "%q:", field.Name)
		kind, _ := field.Metadata.GetValue(table.TypeKey)
		b.WriteString(value(column, row, table.Type(kind)))
	}
	if b.Len() == 0 {
		return "{}"
	}
	return b.String() + "}"
}

func value(column arrow.Array, row int, kind table.Type) string {
	switch a := column.(type) {
	case *array.String:
		text := shorten(a.Value(row))
		if kind == table.Dynamic && json.Valid([]byte(text)) {
			return text
		}
		return quote(text)
	case *array.Int32:
		return strconv.FormatInt(int64(a.Value(row)), 10)
	case *array.Int64:
		return strconv.FormatInt(a.Value(row), 10)
	case *array.Float64:
		return strconv.FormatFloat(a.Value(row), 'g', -1, 64)
	case *array.Boolean:
		return strconv.FormatBool(a.Value(row))
	case *array.Timestamp:
		return quote(time.UnixMicro(int64(a.Value(row))).UTC().Format(time.RFC3339Nano))
	}
	return quote(fmt.Sprintf("a column of type %s", column.DataType()))
}

// quote is json.Marshal without the escapes for HTML.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

// shorten keeps both ends of a text that would swamp a golden file.
func shorten(text string) string {
	const most, end = 4000, 60
	if len(text) <= most {
		return text
	}
	head, tail := strings.ToValidUTF8(text[:end], ""), strings.ToValidUTF8(text[len(text)-end:], "")
	return fmt.Sprintf("%s<%d bytes>%s", head, len(text)-len(head)-len(tail), tail)
}
