package guardduty_test

import (
	"testing"

	"github.com/logferry/logferry/pkg/format/guardduty"
)

func TestSniff(t *testing.T) {
	sniff := guardduty.Format().Sniff
	f := func(head string, want bool) {
		t.Helper()
		if got := sniff([]byte(head)); got != want {
			t.Errorf("%s: got %t; want %t", head, got, want)
		}
	}
	// Findings, alone and in an envelope, in every partition.
	f(`{"schemaVersion":"2.0","arn":"arn:aws:guardduty:us-east-1:111122223333:detector/1/finding/2"`, true)
	f(`{"arn":"arn:aws-us-gov:guardduty:us-gov-west-1:111122223333:detector/1/finding/2"`, true)
	f(`{"version":"0","detail-type":"GuardDuty Finding"`, true)
	f(`{"account":"111122223333","detail":{"arn":"arn:aws-cn:guardduty:cn-north-1:111122223333:detector/1"`, true)
	// Others: calls of GuardDuty's API, findings of others, lines, nothing.
	f(`{"detail-type":"AWS API Call via CloudTrail","source":"aws.guardduty"}`, false)
	f(`{"SchemaVersion":"2018-10-08","ProductArn":"arn:aws:securityhub:us-east-1::product/aws/guardduty"}`, false)
	f(`{"arn":"arn:aws:iam::111122223333:user/guardduty"}`, false)
	f("2 111122223333 eni-1\n", false)
	f(``, false)
}
