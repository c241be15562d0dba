package cloudtrail_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// logFile returns a log file of n events as an account with some traffic has
// them: no two alike, about 1.3 KB each, most by an assumed role, with members
// that come and go.
func logFile(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	events := make([]string, n)
	for i := range events {
		events[i] = event(r, i)
	}
	return []byte(`{"Records":[` + strings.Join(events, ",") + `]}`)
}

func event(r *rand.Rand, i int) string {
	id := func() string {
		return fmt.Sprintf("%08x-%04x-4e1d-9d7a-%012x", r.Uint32(), r.Uint32()>>16, r.Uint64()>>16)
	}
	c := calls[min(r.IntN(len(calls)), r.IntN(len(calls)))] // the first are more frequent
	parameters := strings.NewReplacer("#", fmt.Sprint(i), "$", fmt.Sprintf("%017x", r.Uint64()>>4)).Replace(c.parameters)
	outcome := ""
	if r.IntN(10) == 0 {
		outcome = `"errorCode":"AccessDenied","errorMessage":"User is not authorized to perform: ` + c.name + ` because no identity-based policy allows \"` + c.name + `\"",`
	}
	return fmt.Sprintf(`{"eventVersion":"1.%02d","userIdentity":%s,"eventTime":"2026-03-01T%02d:%02d:%02dZ","eventSource":"%s.amazonaws.com","eventName":"%s",`+
		`"awsRegion":"eu-central-1","sourceIPAddress":"198.51.100.%d","userAgent":"%s",%s"requestParameters":%s,"responseElements":%s,`+
		`"requestID":"%s","eventID":"%s","readOnly":%t,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333",`+
		`"eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"%s.eu-central-1.amazonaws.com"}}`,
		8+r.IntN(4), identity(r), 9+i/3600%12, i/60%60, i%60, c.service, c.name, r.IntN(256), agents[r.IntN(len(agents))], outcome, parameters, c.response,
		id(), id(), c.response == "null", c.service)
}

func identity(r *rand.Rand) string {
	who := r.IntN(1000)
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf(`{"type":"IAMUser","principalId":"AIDAEXAMPLE%010d","arn":"arn:aws:iam::111122223333:user/user-%[1]d","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE%08[1]d","userName":"user-%[1]d"}`, who)
	case 1:
		return `{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}`
	}
	return fmt.Sprintf(`{"type":"AssumedRole","principalId":"AROAEXAMPLEROLEID0001:task-%d","arn":"arn:aws:sts::111122223333:assumed-role/deploy/task-%[1]d","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE%08[1]d",`+
		`"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEROLEID0001","arn":"arn:aws:iam::111122223333:role/deploy","accountId":"111122223333","userName":"deploy"},`+
		`"attributes":{"creationDate":"2026-03-01T09:%02[2]d:11Z","mfaAuthenticated":"false"}}}`, who, r.IntN(60))
}

var agents = []string{
	"AWS Internal",
	"aws-cli/2.15.30 md/Botocore#1.34.69 ua/2.0 os/linux#6.1 md/arch#x86_64 lang/python#3.11.8",
	"Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#5.10 md/arch#aarch64 lang/python#3.12.2 exec-env/AWS_Lambda_python3.12",
	"APN/1.0 HashiCorp/1.0 Terraform/1.7.4 (+https://www.terraform.io) terraform-provider-aws/5.40.0 aws-sdk-go-v2/1.25.3",
}

// In parameters # is a number and $ an id, other ones each time.
var calls = []struct{ service, name, parameters, response string }{
	{"ec2", "DescribeInstances", `{"instancesSet":{"items":[{"instanceId":"i-$"}]},"filterSet":{"items":[{"name":"tag:Name","valueSet":{"items":[{"value":"web-#"}]}}]},"maxResults":1000}`, "null"},
	{"sts", "AssumeRole", `{"roleArn":"arn:aws:iam::111122223333:role/deploy","roleSessionName":"task-#","durationSeconds":3600,"externalId":"$"}`,
		`{"credentials":{"accessKeyId":"ASIAEXAMPLEACCESSKEY","sessionToken":"IQoJb3JpZ2luX2VjEGEXAMPLEaCXVzLWVhc3QtMSJHMEUCIQDEXAMPLE","expiration":"Mar 1, 2026, 11:02:33 AM"},"assumedRoleUser":{"assumedRoleId":"AROAEXAMPLEROLEID0001:task","arn":"arn:aws:sts::111122223333:assumed-role/deploy/task"}}`},
	{"s3", "ListBuckets", `{"Host":"s3.eu-central-1.amazonaws.com"}`, "null"},
	{"kms", "Decrypt", `{"encryptionContext":{"aws:lambda:FunctionArn":"arn:aws:lambda:eu-central-1:111122223333:function:job-#"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, "null"},
	{"logs", "CreateLogStream", `{"logGroupName":"/aws/lambda/job-#","logStreamName":"2026/03/01/$"}`, "null"},
	{"ec2", "AuthorizeSecurityGroupIngress", `{"groupId":"sg-$","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"groups":{},"ipRanges":{"items":[{"cidrIp":"203.0.113.0/24"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}`,
		`{"requestId":"3f1b0a52-7c51-4f0e-9d7a-6f6f0f3c1a77","_return":true}`},
}
