package cloudtrail_test

import (
	"testing"

	"github.com/logferry/logferry/pkg/format/cloudtrail"
)

func TestSniff(t *testing.T) {
	sniff := cloudtrail.Format().Sniff
	f := func(head string, want bool) {
		t.Helper()
		if got := sniff([]byte(head)); got != want {
			t.Errorf("%s: got %t; want %t", head, got, want)
		}
	}
	// Events, alone, in a log file, an array, an envelope; cut off anywhere
	// after what tells them.
	f(`{"eventVersion":"1.09","userId`, true)
	f(`{"Records":[{"eventVersion":"1.07"`, true)
	f("[\n {\"awsRegion\":\"us-east-1\",\"eventSource\":\"s3.amazonaws.com\"", true)
	f(`{"version":"0","detail-type":"AWS API Call via CloudTrail"`, true)
	f(`{"account":"111122223333","detail":{"awsRegion":"us-east-1","eventVersion":"1.08"`, true)
	// Log files without events, and digests.
	f(`{"Records":[]}`, true)
	f("{\n  \"Records\": [\n  ]\n}\n", true)
	f(`{"awsAccountId":"111122223333","digestStartTime":"2026-03-01T09:00:00Z"`, true)
	// Others: a notification of S3, a finding, an event of another service,
	// lines of text, nothing.
	f(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1"`, false)
	f(`{"schemaVersion":"2.0","accountId":"111122223333","arn":"arn:aws:guardduty:us-east-1:111122223333:detector/1"}`, false)
	f(`{"version":"0","detail-type":"GuardDuty Finding","detail":{}}`, false)
	f("version account-id interface-id\n", false)
	f(`{"Records":null}`, false)
	f(`[]`, false)
	f(``, false)
}
