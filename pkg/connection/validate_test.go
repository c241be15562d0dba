package connection

import "testing"

// The golden files of package app cover the rest.
func TestQueueRegion(t *testing.T) {
	f := func(host, want string) {
		t.Helper()
		if got := queueRegion(host); got != want {
			t.Errorf("%s: got %q; want %q", host, got, want)
		}
	}
	// Today's hosts, in every partition.
	f("sqs.eu-west-1.amazonaws.com", "eu-west-1")
	f("SQS.EU-West-1.amazonaws.com", "eu-west-1")
	f("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1")
	f("sqs.us-gov-west-1.amazonaws.com", "us-gov-west-1")
	f("sqs.us-iso-east-1.c2s.ic.gov", "us-iso-east-1")
	f("sqs.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1")
	f("sqs.eu-west-1.api.aws", "eu-west-1")
	f("sqs-fips.us-east-2.amazonaws.com", "us-east-2")
	f("vpce-0abc-1def.sqs.eu-west-1.vpce.amazonaws.com", "eu-west-1")
	// Those of the first years.
	f("queue.amazonaws.com", "us-east-1")
	f("eu-west-1.queue.amazonaws.com", "eu-west-1")
	// Others tell nothing.
	f("localhost", "")
	f("127.0.0.1", "")
	f("elasticmq.internal", "")
	f("my-proxy-1.example.com", "")
	f("", "")
}

func TestPartition(t *testing.T) {
	f := func(region, want string) {
		t.Helper()
		if got := partition(region); got != want {
			t.Errorf("%s: got %q; want %q", region, got, want)
		}
	}
	f("eu-west-1", "aws")
	f("cn-northwest-1", "aws-cn")
	f("us-gov-east-1", "aws-us-gov")
	f("us-iso-west-1", "aws-iso")
	f("us-isob-east-1", "aws-iso-b")
	f("eusc-de-east-1", "aws-eusc")
}
