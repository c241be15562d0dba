package formattest

import (
	"bytes"
	"testing"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/table"
)

const (
	// maxBody is the bus's default limit of a message, less what its headers
	// may take: a key of 1,024 bytes and a layout, both escaped.
	maxBody = 1<<20 - 20<<10
	// partCases is of how many records of a case parts are made.
	partCases = 20
)

// testParts tests that parts made of the case's records fit the bus.
func testParts(t *testing.T, f *format.Format, c *goldenCase) {
	records, layout, _ := cuts(f, bytes.NewReader(c.object))
	for _, r := range records[:min(len(records), partCases)] {
		if r.Error == "" {
			Part(t, f, layout, r.Record)
		}
	}
}

// Part tests that a part of nothing but copies of a record gives rows that fit
// a message on the bus, uncompressed: whatever a log holds, its rows can be
// stored. It returns how many rows there were.
func Part(t testing.TB, f *format.Format, layout, record string) int64 {
	t.Helper()
	parse, err := f.Parser(layout)
	if err != nil {
		t.Fatal(err)
	}
	rows := table.NewRows(f.Schema())
	for range max(1, f.PartBytes/f.Weight([]byte(record))) {
		if parse.Row([]byte(record), rows) != nil {
			break
		}
	}
	batchOf, _ := rows.Take()
	defer batchOf.Release()
	body, err := batch.Encode(batchOf)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > maxBody {
		t.Errorf("%d rows of %.200q take %d bytes; a message has %d", batchOf.NumRows(), record, len(body), maxBody)
	}
	return batchOf.NumRows()
}
