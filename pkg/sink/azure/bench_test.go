package azure

import (
	"fmt"
	"testing"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/table"
)

// cloudTrail returns rows of the size and variety of CloudTrail events.
func cloudTrail(b *testing.B, n int) *batch.Batch {
	b.Helper()
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
			switch {
			case c.Type == table.DateTime:
				rows.Time(at, 1745228754000000+int64(i)*977)
			case c.Type == table.Bool:
				rows.Bool(at, i%3 == 0)
			case c.Type == table.String:
				rows.Text(at, value(c.Name, i))
			}
		}
		rows.Commit()
	}
	record, _ := rows.Take()
	return &batch.Batch{Meta: batch.Meta{Table: t.Name}, Record: record}
}

func value(column string, i int) []byte {
	switch column {
	case "AwsEventId", "AwsRequestId_", "SharedEventId":
		return fmt.Appendf(nil, "%08x-%04x-4%03x-9c1e-%012x", uint32(i*2654435761), i%65536, i%4096, i*7919)
	case "RequestParameters":
		return fmt.Appendf(nil, `{"bucketName":"logs-%d","Host":"s3.amazonaws.com","key":"AWSLogs/072643944673/%d.json.gz"}`, i%20, i)
	case "ResponseElements":
		return fmt.Appendf(nil, `{"x-amz-request-id":"%X","x-amz-expiration":"never"}`, i*104729)
	case "UserIdentityArn", "SessionIssuerArn":
		return fmt.Appendf(nil, "arn:aws:sts::072643944673:assumed-role/deploy-%d/session", i%40)
	case "SourceIpAddress":
		return fmt.Appendf(nil, "203.0.113.%d", i%250)
	case "EventName":
		return []byte([]string{"GetObject", "PutObject", "AssumeRole", "DescribeInstances"}[i%4])
	}
	return nil
}
