package guard

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/batch/batchtest"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/cloudtrail"
	"github.com/logferry/logferry/pkg/format/guardduty"
	"github.com/logferry/logferry/pkg/format/vpcflow"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/sink/rowjson"
	"github.com/logferry/logferry/pkg/table"
)

// What is done for every record and every row takes no memory of its own.
// Allocations can be counted exactly, so this is a test and needs no yardstick.
func TestAllocations(t *testing.T) {
	g := samplelog.New(1, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	f := func(f *format.Format, object samplelog.Object) {
		t.Helper()
		layout, records := split(t, f, object)
		parse, err := f.Parser(layout)
		if err != nil {
			t.Fatal(err)
		}
		rows := table.NewRows(f.Schema())
		all := func() {
			for _, record := range records {
				if err := parse(record, rows); err != nil {
					t.Fatal(err)
				}
				rows.Rollback()
			}
		}
		all()
		if got := testing.AllocsPerRun(5, all); got != 0 {
			t.Errorf("%s: %v allocations for %d records; want none", f.Name, got, len(records))
		}
	}
	f(cloudtrail.Format(), g.CloudTrail(500))
	f(vpcflow.Format(), g.VPCFlow(500))
	f(guardduty.Format(), g.GuardDuty(100))

	_, record := batchtest.Part(t, batchtest.Records)
	rows, err := rowjson.New(record)
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	all := func() {
		body = body[:0]
		for i := range rows.Len() {
			body = rows.AppendRow(body, i)
		}
	}
	all()
	if got := testing.AllocsPerRun(5, all); got != 0 {
		t.Errorf("JSON: %v allocations for %d rows; want none", got, rows.Len())
	}
}

// split unpacks an object and cuts it into records.
func split(t *testing.T, f *format.Format, object samplelog.Object) (layout string, records [][]byte) {
	plain, err := gzip.NewReader(bytes.NewReader(object.Body))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Split(plain)
	for {
		record, err := s.Next()
		if err == io.EOF {
			return s.Layout(), records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, bytes.Clone(record.Bytes))
	}
}
