package azure

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink"
	"github.com/logferry/logferry/pkg/sink/rowjson"
)

// maxCallBytes is the most JSON that a call carries, brackets and commas
// included, before compression: the service's limit of 1 MB in its stricter
// reading.
const maxCallBytes = 1_000_000

// maxCallSpan is the most time that the rows of one call may span in a table
// of the Auxiliary plan.
const maxCallSpan = 30 * time.Minute

// part is the rows of one Write, as JSON. After it is queued it belongs to one
// worker, until done is closed; what the worker and the Write share is below mu.
type part struct {
	encoded

	left     int // rows neither accepted nor rejected
	rejected []sink.Rejected
	err      error // why the worker gave up, if it did

	// ended is closed when the Write is told to end.
	ended <-chan struct{}
	// gone is closed by the Write when it waits for the part no more.
	gone chan struct{}
	// done is closed by the worker when it has no more to do with the part.
	done chan struct{}
	// landed tells the Write that a call with rows of the part has ended. It
	// has room for one.
	landed chan struct{}

	mu       sync.Mutex // over done and gone: at most one of them comes first
	flying   bool       // a call with rows of the part is on its way
	accepted int        // rows
}

// encoded are the rows of a part that a call can carry.
type encoded struct {
	json   []byte // the rows, with commas between
	rows   []encodedRow
	reader *rowjson.Rows // has no rows, only memory
}

type encodedRow struct {
	end   int   // in json
	index int   // in the batch
	time  int64 // when it happened, microseconds since 1970
}

// newPart encodes the rows of a record into the buffers of into. Rows that no
// call can carry are rejected here and never sent.
func newPart(record arrow.Record, into encoded, ended <-chan struct{}) (*part, error) {
	rows := into.reader
	if rows == nil {
		rows = new(rowjson.Rows)
	}
	defer rows.Clear()
	if err := rows.Reset(record); err != nil {
		return nil, err
	}
	p := &part{
		encoded: encoded{into.json[:0], slices.Grow(into.rows[:0], rows.Len()), rows},
		left:    rows.Len(), ended: ended,
		gone: make(chan struct{}), done: make(chan struct{}), landed: make(chan struct{}, 1),
	}
	timeOf := rowTimes(record)
	for i := range rows.Len() {
		before := len(p.json)
		if before > 0 {
			p.json = append(p.json, ',')
		}
		start := len(p.json)
		p.json = rows.AppendRow(p.json, i)
		size := len(p.json) - start
		if size+len("[]") > maxCallBytes {
			p.json = p.json[:before]
			p.reject(i, fault.RowTooLarge, fmt.Errorf("the row is %d bytes as JSON; a call carries at most %d", size, maxCallBytes))
			continue
		}
		p.rows = append(p.rows, encodedRow{len(p.json), i, timeOf(i)})
		if len(p.rows) == 1 {
			p.json = slices.Grow(p.json, min(rows.Len()*size, maxCallBytes))
		}
	}
	return p, nil
}

// rowTimes tells TimeGenerated of every row. The service puts the time of
// receipt where there is none.
func rowTimes(record arrow.Record) func(row int) int64 {
	now := time.Now().UnixMicro()
	at := record.Schema().FieldIndices("TimeGenerated")
	if len(at) == 0 {
		return func(int) int64 { return now }
	}
	column, ok := record.Column(at[0]).(*array.Timestamp)
	if !ok {
		return func(int) int64 { return now }
	}
	return func(row int) int64 {
		if column.IsNull(row) {
			return now
		}
		return int64(column.Value(row))
	}
}

// size is what the part takes of a call: its rows and a comma.
func (p *part) size() int { return len(p.json) + len(",") }

// all is the run of all rows of the part.
func (p *part) all() run { return run{p, 0, len(p.rows)} }

func (p *part) reject(row int, reason fault.Reason, err error) {
	p.left--
	p.rejected = append(p.rejected, sink.Rejected{Row: row, Err: fault.Permanent(reason, err)})
}

// outcome is nil when every row is accepted or rejected.
func (p *part) outcome() error {
	if p.left > 0 && p.err == nil {
		return ErrClosed
	}
	return p.err
}
