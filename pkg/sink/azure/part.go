package azure

import (
	"cmp"
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
	body  []byte  // the rows, one behind the other
	ends  []int   // end in body of each row; a row without bytes is not sent
	times []int64 // when each row happened, microseconds since 1970

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

// newPart encodes the rows of a record into body. Rows that no call can carry
// are rejected here and never sent.
func newPart(record arrow.Record, body []byte, ended <-chan struct{}) (*part, error) {
	rows, err := rowjson.New(record)
	if err != nil {
		return nil, err
	}
	p := &part{
		body: body, ends: make([]int, rows.Len()), times: rowTimes(record),
		left: rows.Len(), ended: ended,
		gone: make(chan struct{}), done: make(chan struct{}), landed: make(chan struct{}, 1),
	}
	for i := range rows.Len() {
		start := len(p.body)
		p.body = rows.AppendRow(p.body, i)
		if size := len(p.body) - start; size+len("[]") > maxCallBytes {
			p.body = p.body[:start]
			p.reject(i, fault.RowTooLarge, fmt.Errorf("the row is %d bytes as JSON; a call carries at most %d", size, maxCallBytes))
		}
		p.ends[i] = len(p.body)
	}
	return p, nil
}

// rowTimes returns TimeGenerated of every row. The service puts the time of
// receipt where there is none.
func rowTimes(record arrow.Record) []int64 {
	times := make([]int64, record.NumRows())
	now := time.Now().UnixMicro()
	for i := range times {
		times[i] = now
	}
	at := record.Schema().FieldIndices("TimeGenerated")
	if len(at) == 0 {
		return times
	}
	column, ok := record.Column(at[0]).(*array.Timestamp)
	if !ok {
		return times
	}
	for i, t := range column.TimestampValues() {
		if column.IsValid(i) {
			times[i] = int64(t)
		}
	}
	return times
}

// size is what the part takes of a call: its rows, each with a comma.
func (p *part) size() int { return len(p.body) + p.left }

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

// row is one row of a part.
type row struct {
	part  *part
	index int
}

func (r row) json() []byte {
	start := 0
	if r.index > 0 {
		start = r.part.ends[r.index-1]
	}
	return r.part.body[start:r.part.ends[r.index]]
}

func (r row) time() int64 { return r.part.times[r.index] }

// rowsOf returns the rows of the parts that can be sent, in order.
func rowsOf(parts []*part) []row {
	var rows []row
	for _, p := range parts {
		for i := range p.ends {
			if r := (row{p, i}); len(r.json()) > 0 {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// callSize is the size of the rows as a JSON array.
func callSize(rows []row) int {
	size := len("[]") + max(len(rows)-1, 0)
	for _, r := range rows {
		size += len(r.json())
	}
	return size
}

// chunks cuts the rows into runs that each fit a call.
func chunks(rows []row) [][]row {
	var runs [][]row
	start, size := 0, len("[]")
	for i, r := range rows {
		need := len(r.json()) + len(",")
		if size+need-len(",") > maxCallBytes {
			runs = append(runs, rows[start:i])
			start, size = i, len("[]")
		}
		size += need
	}
	if start < len(rows) {
		runs = append(runs, rows[start:])
	}
	return runs
}

// halves cuts at the border between two parts that is nearest to the middle,
// or in the middle of the only part.
func halves(rows []row) [][]row {
	middle := len(rows) / 2
	for away := range middle {
		for _, at := range []int{middle - away, middle + away} {
			if at < len(rows) && rows[at-1].part != rows[at].part {
				return [][]row{rows[:at], rows[at:]}
			}
		}
	}
	return [][]row{rows[:middle], rows[middle:]}
}

// timeGroups sorts the rows by time and cuts them into groups that span no
// more than maxCallSpan.
func timeGroups(rows []row) [][]row {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b row) int { return cmp.Compare(a.time(), b.time()) })
	var groups [][]row
	start := 0
	for i, r := range sorted {
		if r.time()-sorted[start].time() > maxCallSpan.Microseconds() {
			groups = append(groups, sorted[start:i])
			start = i
		}
	}
	return append(groups, sorted[start:])
}
