package rowjson

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/logferry/logferry/pkg/table"
)

// BenchmarkAppendRow encodes rows of the size and shape of CloudTrail events,
// about 1.4 KB of JSON with nested values as escaped text.
func BenchmarkAppendRow(b *testing.B) {
	record := cloudTrailLike(b, 700)
	defer record.Release()
	rows, err := New(record)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, 4096)
	size := len(rows.AppendRow(nil, 1))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	row := 0
	for b.Loop() {
		dst = rows.AppendRow(dst[:0], row)
		if row++; row == 700 {
			row = 0
		}
	}
	b.ReportMetric(float64(size), "B/row")
}

// BenchmarkNew measures what a batch costs before its first row.
func BenchmarkNew(b *testing.B) {
	record := cloudTrailLike(b, 1)
	defer record.Release()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(record); err != nil {
			b.Fatal(err)
		}
	}
}

func cloudTrailLike(b *testing.B, n int) arrow.Record {
	t, ok := table.Get("AWSCloudTrail")
	if !ok {
		b.Fatal("there is no table AWSCloudTrail")
	}
	var columns []table.Column
	for _, c := range t.Columns {
		if !c.System {
			columns = append(columns, c)
		}
	}
	rows := table.NewRows(table.Schema(t.Name, columns))
	for i := range n {
		for at, c := range columns {
			fill(rows, at, c, i)
		}
		rows.Commit()
	}
	record, _ := rows.Take()
	return record
}

func fill(rows *table.Rows, at int, c table.Column, i int) {
	switch c.Type {
	case table.DateTime:
		rows.Time(at, 1745228754000000+int64(i)*1000)
	case table.Bool:
		rows.Bool(at, i%2 == 0)
	case table.String:
		switch c.Name {
		case "RequestParameters", "ResponseElements":
			rows.Text(at, fmt.Appendf(nil, `{"bucketName":"logs-%d","Host":"s3.amazonaws.com","key":"AWSLogs/072643944673/x.json.gz"}`, i))
		case "UserIdentityArn":
			rows.Text(at, fmt.Appendf(nil, "arn:aws:sts::072643944673:assumed-role/deploy/session-%d", i))
		default:
			rows.Text(at, []byte("ec2.amazonaws"))
		}
	}
}
