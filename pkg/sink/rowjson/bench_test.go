package rowjson

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/logferry/logferry/pkg/table"
)

// BenchmarkAppendRow encodes rows of the size and shape of real ones.
func BenchmarkAppendRow(b *testing.B) {
	b.Run("cloudtrail", func(b *testing.B) { benchmarkRows(b, records(b, "AWSCloudTrail", 700, event)) })
	b.Run("vpcflow", func(b *testing.B) { benchmarkRows(b, records(b, "AWSVPCFlow", 4000, flow)) })
}

func benchmarkRows(b *testing.B, record arrow.Record) {
	defer record.Release()
	rows, err := New(record)
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	for i := range rows.Len() {
		dst = rows.AppendRow(dst, i)
	}
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = dst[:0]
		for i := range rows.Len() {
			dst = rows.AppendRow(dst, i)
		}
	}
	b.ReportMetric(float64(len(dst))/float64(rows.Len()), "B/row")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows.Len()), "ns/row")
}

// BenchmarkNew measures what a batch costs before its first row.
func BenchmarkNew(b *testing.B) {
	record := records(b, "AWSCloudTrail", 3, event)
	defer record.Release()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(record); err != nil {
			b.Fatal(err)
		}
	}
}

// records returns rows of the table with the values that value gives them; a
// column without is null.
func records(b *testing.B, name string, n int, value func(column string, i int) string) arrow.Record {
	t, ok := table.Get(name)
	if !ok {
		b.Fatalf("there is no table %s", name)
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
			fill(rows, at, c, i, value(c.Name, i))
		}
		rows.Commit()
	}
	record, _ := rows.Take()
	return record
}

func fill(rows *table.Rows, at int, c table.Column, i int, text string) {
	switch c.Type {
	case table.DateTime:
		rows.Time(at, 1745228754000000+int64(i)*1000000)
	case table.Bool:
		rows.Bool(at, i%2 == 0)
	case table.Int, table.Long:
		rows.Int(at, int64(i)*7919%100_000)
	case table.String, table.Dynamic:
		if text != "" {
			rows.Text(at, []byte(text))
		}
	}
}

// event is a CloudTrail event of an assumed role: half of the columns are null,
// three hold JSON as text.
func event(column string, i int) string {
	switch column {
	case "AwsEventId", "AwsRequestId_":
		return fmt.Sprintf("%08x-%04x-4%03x-9c1e-%012x", uint32(i*2654435761), i%65536, i%4096, i*7919)
	case "EventVersion":
		return "1.09"
	case "EventSource":
		return "s3.amazonaws.com"
	case "EventTypeName":
		return "AwsApiCall"
	case "EventName":
		return []string{"GetObject", "PutObject", "AssumeRole", "DescribeInstances"}[i%4]
	case "UserIdentityType":
		return "AssumedRole"
	case "UserIdentityPrincipalid":
		return fmt.Sprintf("AROAZQ3DT4XMPL2EXAMPLE:session-%d", i%40)
	case "UserIdentityArn":
		return fmt.Sprintf("arn:aws:sts::072643944673:assumed-role/deploy/session-%d", i%40)
	case "UserIdentityAccountId", "SessionIssuerAccountId", "RecipientAccountId":
		return "072643944673"
	case "UserIdentityAccessKeyId":
		return "ASIAZQ3DT4XMPL2EXAMPLE"
	case "SessionIssuerType":
		return "Role"
	case "SessionIssuerArn":
		return "arn:aws:iam::072643944673:role/deploy"
	case "AWSRegion":
		return "eu-west-1"
	case "SourceIpAddress":
		return fmt.Sprintf("203.0.113.%d", i%250)
	case "UserAgent":
		return "[aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/s3#1.58.2]"
	case "RequestParameters":
		return fmt.Sprintf(`{"bucketName":"logs-%d","Host":"s3.eu-west-1.amazonaws.com","key":"AWSLogs/072643944673/CloudTrail/%d.json.gz","x-amz-acl":"bucket-owner-full-control"}`, i%20, i)
	case "ResponseElements":
		return fmt.Sprintf(`{"x-amz-server-side-encryption":"AES256","x-amz-request-id":"%X"}`, i*104729)
	case "Resources":
		return fmt.Sprintf(`[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::logs-%d/AWSLogs"},{"accountId":"072643944673","type":"AWS::S3::Bucket"}]`, i%20)
	case "TlsVersion":
		return "TLSv1.3"
	case "CipherSuite":
		return "TLS_AES_128_GCM_SHA256"
	}
	return ""
}

// flow is a line of a VPC flow log in its default fields.
func flow(column string, i int) string {
	switch column {
	case "AccountId":
		return "072643944673"
	case "InterfaceId":
		return fmt.Sprintf("eni-%017x", i%60)
	case "SrcAddr", "DstAddr":
		return fmt.Sprintf("10.%d.%d.%d", len(column)%5, i%200, i*7%250)
	case "Action":
		return []string{"ACCEPT", "REJECT"}[i%2]
	case "LogStatus":
		return "OK"
	}
	return ""
}

// BenchmarkReset is BenchmarkNew in the memory of the batch before.
func BenchmarkReset(b *testing.B) {
	record := records(b, "AWSCloudTrail", 3, event)
	defer record.Release()
	var rows Rows
	b.ReportAllocs()
	for b.Loop() {
		if err := rows.Reset(record); err != nil {
			b.Fatal(err)
		}
	}
}
