package story

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Count is what became of the rows of one table. The stand-in of the service
// tells rows apart by what they hold: one that comes twice is doubled, one
// that has not come is lost.
type Count struct {
	Table                            string
	Expected, Arrived, Lost, Doubled int64
}

// Counts returns what has become of the rows so far, a line for each table
// that expects some, by name.
func (s *Story) Counts() []Count {
	var counts []Count
	for _, table := range slices.Sorted(maps.Keys(s.Rows)) {
		got, want := s.Cloud.Ingestion.Stats(table), s.Rows[table]
		counts = append(counts, Count{
			Table: table, Expected: want, Arrived: got.Rows,
			Lost: want - (got.Rows - got.Duplicates), Doubled: got.Duplicates,
		})
	}
	return counts
}

// Window returns how many rows can be in the calls in flight of one writer: as
// many calls as are configured for every table, each as large as the largest
// of the last thousand. When a writer dies, so many rows may come twice.
func (s *Story) Window() int64 {
	largest := map[string]int{}
	for _, u := range s.Cloud.Ingestion.Uploads() {
		to := u.Rule + "/" + u.Stream
		largest[to] = max(largest[to], u.Rows)
	}
	var rows int64
	for _, n := range largest {
		rows += int64(n) * int64(s.Config.Writer.Calls)
	}
	return rows
}

// Delivered waits until every row has arrived and the queue is empty, and
// demands that nothing came twice and nothing was wrong with what came.
func (s *Story) Delivered() {
	s.t.Helper()
	Eventually(s.t, Patience, "every row and an empty queue", func() bool {
		for table, want := range s.Rows {
			if s.Cloud.Ingestion.Stats(table).Rows < want {
				return false
			}
		}
		waiting, _, err := s.AWS.Depth()
		return err == nil && waiting == 0
	})
	for table, want := range s.Rows {
		got := s.Cloud.Ingestion.Stats(table)
		if got.Rows != want || got.Duplicates != 0 || got.Refused != 0 || got.ColumnsDropped != 0 || got.TimeReplaced != 0 {
			s.t.Errorf("%s: %+v; want %d rows, each once and nothing amiss", table, got, want)
		}
	}
	s.noneGivenUp()
}

// Arrived waits until every row has arrived and the queue is empty. Rows may
// have come twice, and calls may have been refused: [Story.Counts] tells.
func (s *Story) Arrived() {
	s.t.Helper()
	var missing string
	defer func() {
		if s.t.Failed() {
			s.t.Logf("missing: %s", missing)
		}
	}()
	Eventually(s.t, Patience, "every row and an empty queue", func() bool {
		var left []string
		for _, c := range s.Counts() {
			if c.Lost != 0 {
				left = append(left, fmt.Sprintf("%s %d rows", c.Table, c.Lost))
			}
		}
		waiting, dead, err := s.AWS.Depth()
		missing = fmt.Sprintf("%s; on the queue %d, in its dead-letter queue %d, %v", strings.Join(left, ", "), waiting, dead, err)
		return err == nil && waiting == 0 && len(left) == 0
	})
	for table := range s.Rows {
		got := s.Cloud.Ingestion.Stats(table)
		s.t.Logf("%s: %d rows in %d calls, %d of them doubles", table, got.Rows, got.Calls, got.Duplicates)
		if got.ColumnsDropped != 0 || got.TimeReplaced != 0 {
			s.t.Errorf("%s: %+v; want nothing amiss", table, got)
		}
	}
	s.noneGivenUp()
}

// noneGivenUp demands that the queue has given up no message.
func (s *Story) noneGivenUp() {
	s.t.Helper()
	if _, dead, err := s.AWS.Depth(); err != nil || dead != 0 {
		s.t.Errorf("%d messages in the queue's own dead-letter queue, %v; want none", dead, err)
	}
}
