package writer

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/table"
)

// timeColumn is the column of every table that says when a row happened.
const timeColumn = "TimeGenerated"

// keepsTime is how old TimeGenerated may be: Log Analytics replaces an older
// one by the time at which the row arrived.
const keepsTime = 48 * time.Hour

// withEventTime returns a batch of the rows of b with one column more, of that
// name, which holds TimeGenerated again. It has the rows as they are when column
// is empty, is there already, or when they have no TimeGenerated. It shares b's
// memory and leaves b alone: the caller releases both, each once.
func withEventTime(b *batch.Batch, column string) *batch.Batch {
	r := b.Record
	times := timesOf(r)
	if column == "" || times == nil || r.Schema().HasField(column) {
		r.Retain()
		return &batch.Batch{Meta: b.Meta, Record: r}
	}
	added := table.Schema(b.Meta.Table, []table.Column{{Name: column, Type: table.DateTime}}).Field(0)
	// Full slices: the fields and columns of r are not to be written over.
	fields, columns := r.Schema().Fields(), r.Columns()
	fields = append(fields[:len(fields):len(fields)], added)
	columns = append(columns[:len(columns):len(columns)], times)
	meta := r.Schema().Metadata()
	return &batch.Batch{Meta: b.Meta, Record: array.NewRecord(arrow.NewSchema(fields, &meta), columns, r.NumRows())}
}

// olderThan counts the rows whose TimeGenerated is so old at the time now that
// Log Analytics will replace it.
func olderThan(record arrow.Record, now time.Time) int {
	times := timesOf(record)
	if times == nil {
		return 0
	}
	oldest, n := arrow.Timestamp(now.Add(-keepsTime).UnixMicro()), 0
	for i, t := range times.TimestampValues() {
		if t < oldest && times.IsValid(i) {
			n++
		}
	}
	return n
}

// timesOf returns TimeGenerated of the rows; nil when they have none. It belongs
// to the record.
func timesOf(record arrow.Record) *array.Timestamp {
	at := record.Schema().FieldIndices(timeColumn)
	if len(at) == 0 {
		return nil
	}
	times, _ := record.Column(at[0]).(*array.Timestamp)
	return times
}
