package cloudtrail_test

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/format/cloudtrail"
	"github.com/logferry/logferry/pkg/format/formattest"
)

func TestFormat(t *testing.T) { formattest.Run(t, cloudtrail.Format(), all.Formats()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, cloudtrail.Format()) }

func BenchmarkFormat(b *testing.B) {
	records := strings.TrimSuffix(strings.Repeat(event+",", 1000), ",")
	formattest.Benchmark(b, cloudtrail.Format(), []byte(`{"Records":[`+records+`]}`))
}

// event is of the usual size.
const event = `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEROLEID0001:deploy","arn":"arn:aws:sts::111122223333:assumed-role/deploy/deploy","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEACCESSKEY","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEROLEID0001","arn":"arn:aws:iam::111122223333:role/deploy","accountId":"111122223333","userName":"deploy"},"webIdFederationData":{},"attributes":{"creationDate":"2026-03-01T09:58:11Z","mfaAuthenticated":"false"}}},"eventTime":"2026-03-01T10:02:33Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"eu-central-1","sourceIPAddress":"198.51.100.17","userAgent":"aws-cli/2.15.30 md/Botocore#1.34.69 ua/2.0 os/linux#6.1 md/arch#x86_64 lang/python#3.11.8","requestParameters":{"instancesSet":{},"filterSet":{"items":[{"name":"tag:Name","valueSet":{"items":[{"value":"web-*"}]}}]},"maxResults":1000},"responseElements":null,"requestID":"3f1b0a52-7c51-4f0e-9d7a-6f6f0f3c1a77","eventID":"9c3c3a1e-8a55-47a6-a6a2-2b2f8c1e5d10","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"ec2.eu-central-1.amazonaws.com"}}`
