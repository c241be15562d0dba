package connection

import "testing"

func TestQueueRegion(t *testing.T) {
	f := func(queueURL, want string) {
		t.Helper()
		if got := QueueRegion(queueURL); got != want {
			t.Errorf("%s: got %q; want %q", queueURL, got, want)
		}
	}
	// today's hosts, in every partition
	f("https://sqs.us-east-1.amazonaws.com/123456789012/q", "us-east-1")
	f("https://sqs.us-gov-west-1.amazonaws.com/123456789012/q", "us-gov-west-1")
	f("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1")
	f("https://sqs.eusc-de-east-1.amazonaws.eu/123456789012/q", "eusc-de-east-1")
	f("https://sqs.us-iso-east-1.c2s.ic.gov/123456789012/q", "us-iso-east-1")
	f("https://SQS.EU-WEST-1.amazonaws.com/123456789012/q", "eu-west-1")
	// FIPS and dual-stack
	f("https://sqs-fips.us-east-2.amazonaws.com/1/q", "us-east-2")
	f("https://sqs.ap-southeast-2.api.aws/1/q", "ap-southeast-2")
	f("https://sqs-fips.us-west-2.api.aws/1/q", "us-west-2")
	f("https://sqs.cn-northwest-1.api.amazonwebservices.com.cn/1/q", "cn-northwest-1")
	// the older hosts
	f("https://queue.amazonaws.com/1/q", "us-east-1")
	f("https://eu-central-1.queue.amazonaws.com/1/q", "eu-central-1")
	f("https://cn-north-1.queue.amazonaws.com.cn/1/q", "cn-north-1")
	// VPC endpoints, regional and zonal
	f("https://vpce-0a1-b2c.sqs.us-east-1.vpce.amazonaws.com/1/q", "us-east-1")
	f("https://vpce-0a1-b2c-us-east-1a.sqs.us-east-1.vpce.amazonaws.com/1/q", "us-east-1")
	f("https://vpce-0a1.sqs.cn-north-1.vpce.amazonaws.com.cn/1/q", "cn-north-1")
	// hosts that tell nothing
	f("http://127.0.0.1:4566/000000000000/q", "")
	f("http://sqs.us-east-1.localhost:4566/0/q", "")
	f("https://sqs.us-east-1.amazonaws.com.example.org/1/q", "")
	f("https://s3.us-east-1.amazonaws.com/q", "")
	f("https://sqs.nowhere.amazonaws.com/1/q", "")
	f("q", "")
	f("", "")
	f("://", "")
	// more of each
	f("https://eu-west-1.queue.amazonaws.com/1/q", "eu-west-1")
	f("https://sqs.eu-west-1.api.aws/1/q", "eu-west-1")
	f("http://localhost/1/q", "")
	f("https://elasticmq.internal/1/q", "")
	f("https://my-proxy-1.example.com/1/q", "")
}

func TestPartition(t *testing.T) {
	f := func(region, want string) {
		t.Helper()
		if got := Partition(region); got != want {
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

func FuzzQueueRegion(f *testing.F) {
	f.Add("https://sqs.us-east-1.amazonaws.com/1/q")
	f.Add("https://vpce-0a1.sqs.us-east-1.vpce.amazonaws.com/1/q")
	f.Add("http://127.0.0.1:4566/0/q")
	f.Fuzz(func(t *testing.T, queueURL string) {
		if region := QueueRegion(queueURL); region != "" && Partition(region) == "" {
			t.Errorf("%q: region %q is of no partition", queueURL, region)
		}
	})
}
