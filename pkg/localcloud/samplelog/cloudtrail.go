package samplelog

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// trail are the templates of CloudTrail events.
type trail struct {
	identities []template
	calls      []template // that succeed
	denied     []template // the same calls, refused
	whole      []template // events with an identity of their own
}

func newTrail() trail {
	var t trail
	for _, text := range identities {
		t.identities = append(t.identities, compile(text))
	}
	for _, c := range calls {
		t.calls = append(t.calls, compile(c.text("")))
		t.denied = append(t.denied, compile(c.text(c.denial())))
	}
	for _, text := range wholeEvents {
		t.whole = append(t.whole, compile(text))
	}
	return t
}

func (t *trail) identity(r *rand.Rand) template { return t.identities[r.IntN(len(t.identities))] }

// event appends one event: mostly calls that its caller makes often, one in
// sixteen of them refused, and one event in twenty that is no plain call.
func (g *Generator) event(b []byte) []byte {
	g.next()
	r := g.random
	from, i := g.trail.calls, g.record.calls[r.IntN(len(g.record.calls))]
	if r.IntN(8) == 0 {
		i = r.IntN(len(from))
	}
	switch n := r.IntN(80); {
	case n < 5:
		from = g.trail.denied
	case n < 9:
		from = g.trail.whole
		i = r.IntN(len(from))
	}
	return g.write(b, from[i])
}

// call is an API call that CloudTrail records.
type call struct {
	service, name string
	read          bool
	// request and response are JSON; extra follows the response.
	request, response, extra string
	data                     bool // a data event
}

// text returns the template of the call's event. A denial replaces the
// response.
func (c call) text(denial string) string {
	response, category := c.response, "Management"
	if denial != "" {
		response = "null"
	}
	if c.data {
		category = "Data"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"eventVersion":"1.10","userIdentity":${identity},"eventTime":"${time}","eventSource":"%s.amazonaws.com",`, c.service)
	fmt.Fprintf(&b, `"eventName":"%s","awsRegion":"${region}","sourceIPAddress":"${ip}","userAgent":"${agent}",%s`, c.name, denial)
	fmt.Fprintf(&b, `"requestParameters":%s,"responseElements":%s,%s`, c.request, response, c.extra)
	fmt.Fprintf(&b, `"requestID":"${uuid}","eventID":"${event}","readOnly":%t,"eventType":"AwsApiCall","managementEvent":%t,`, c.read, !c.data)
	fmt.Fprintf(&b, `"recipientAccountId":"${account}","eventCategory":"%s",`, category)
	fmt.Fprintf(&b, `"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"%s.${region}.amazonaws.com"}}`, c.service)
	return b.String()
}

// denial is what an event says of a call that was refused.
func (c call) denial() string {
	return fmt.Sprintf(`"errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::${account}:assumed-role/${role}/i-0${instance} is not authorized to perform: %s:%s because no identity-based policy allows the %s:%s action",`,
		c.service, c.name, c.service, c.name)
}

var identities = []string{
	`{"type":"IAMUser","principalId":"AIDA${session}","arn":"arn:aws:iam::${account}:user/${user}","accountId":"${account}","accessKeyId":"AKIA${session}","userName":"${user}"}`,
	`{"type":"IAMUser","principalId":"AIDA${session}","arn":"arn:aws:iam::${account}:user/${user}","accountId":"${account}","accessKeyId":"ASIA${session}","userName":"${user}","sessionContext":{"attributes":{"creationDate":"${earlier}","mfaAuthenticated":"true"}}}`,
	`{"type":"AssumedRole","principalId":"AROA${session}:i-0${instance}","arn":"arn:aws:sts::${account}:assumed-role/${role}/i-0${instance}","accountId":"${account}","accessKeyId":"ASIA${session}","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA${session}","arn":"arn:aws:iam::${account}:role/${role}","accountId":"${account}","userName":"${role}"},"attributes":{"creationDate":"${earlier}","mfaAuthenticated":"false"},"ec2RoleDelivery":"2.0"}}`,
	`{"type":"AssumedRole","principalId":"AROA${session}:${user}","arn":"arn:aws:sts::${account}:assumed-role/${role}/${user}","accountId":"${account}","accessKeyId":"ASIA${session}","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA${session}","arn":"arn:aws:iam::${account}:role/aws-reserved/sso.amazonaws.com/${role}","accountId":"${account}","userName":"${role}"},"webIdFederationData":{},"attributes":{"creationDate":"${earlier}","mfaAuthenticated":"false"}}}`,
	`{"type":"AssumedRole","principalId":"AROA${session}:botocore-session-${unix}","arn":"arn:aws:sts::${account}:assumed-role/${role}/botocore-session-${unix}","accountId":"${account}","accessKeyId":"ASIA${session}","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA${session}","arn":"arn:aws:iam::${account}:role/${role}","accountId":"${account}","userName":"${role}"},"webIdFederationData":{"federatedProvider":"arn:aws:iam::${account}:oidc-provider/oidc.eks.${region}.amazonaws.com/id/${hex32}","attributes":{}},"attributes":{"creationDate":"${earlier}","mfaAuthenticated":"false"}}}`,
	`{"type":"Root","principalId":"${account}","arn":"arn:aws:iam::${account}:root","accountId":"${account}","accessKeyId":"","sessionContext":{"sessionIssuer":{},"webIdFederationData":{},"attributes":{"creationDate":"${earlier}","mfaAuthenticated":"true"}}}`,
	`{"type":"FederatedUser","principalId":"${account}:${user}","arn":"arn:aws:sts::${account}:federated-user/${user}","accountId":"${account}","accessKeyId":"ASIA${session}","sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"AIDA${session}","arn":"arn:aws:iam::${account}:user/${user}","accountId":"${account}","userName":"${user}"},"attributes":{"creationDate":"${earlier}","mfaAuthenticated":"false"}}}`,
	`{"type":"IdentityCenterUser","accountId":"${account}","onBehalfOf":{"userId":"544894e8-80c1-707f-60e3-3ba6510dfac1","identityStoreArn":"arn:aws:identitystore::${account}:identitystore/d-9067642ac7"},"credentialId":"${hex32}"}`,
	`{"type":"AWSAccount","principalId":"AROA${session}:${user}","accountId":"210987654321"}`,
	`{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}`,
}

var calls = []call{
	{service: "ec2", name: "DescribeInstances", read: true, request: `{"instancesSet":{"items":[{"instanceId":"i-0${hex}"},{"instanceId":"i-0${hex}"}]},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"}]}}]},"maxResults":1000}`, response: "null"},
	{service: "ec2", name: "DescribeNetworkInterfaces", read: true, request: `{"networkInterfaceIdSet":{},"filterSet":{"items":[{"name":"group-id","valueSet":{"items":[{"value":"sg-0${hex}"}]}}]}}`, response: "null"},
	{service: "ec2", name: "RunInstances", request: `{"instancesSet":{"items":[{"imageId":"ami-0${hex}","minCount":1,"maxCount":${small},"keyName":"ops"}]},"instanceType":"m6i.large","blockDeviceMapping":{},"monitoring":{"enabled":false},"disableApiTermination":false,"subnetId":"subnet-0${hex}"}`, response: `{"requestId":"${uuid}","reservationId":"r-0${hex}","ownerId":"${account}","groupSet":{},"instancesSet":{"items":[{"instanceId":"i-0${hex}","imageId":"ami-0${hex}","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-0-1-17.ec2.internal","keyName":"ops","amiLaunchIndex":0,"instanceType":"m6i.large","launchTime":${unix}000,"privateIpAddress":"${private}"}]}}`},
	{service: "ec2", name: "TerminateInstances", request: `{"instancesSet":{"items":[{"instanceId":"i-0${instance}"}]}}`, response: `{"requestId":"${uuid}","instancesSet":{"items":[{"instanceId":"i-0${instance}","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}`},
	{service: "ec2", name: "AuthorizeSecurityGroupIngress", request: `{"groupId":"sg-0${hex}","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0","description":"temporary, remove"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}`, response: `{"requestId":"${uuid}","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"${account}","groupId":"sg-0${hex}","securityGroupRuleId":"sgr-0${hex}","isEgress":false,"ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIpv4":"0.0.0.0/0"}]}}`},
	{service: "ec2", name: "CreateTags", request: `{"resourcesSet":{"items":[{"resourceId":"i-0${hex}"}]},"tagSet":{"items":[{"key":"Name","value":"web \"blue\" <1>"},{"key":"team","value":"plätze & räume"}]}}`, response: `{"requestId":"${uuid}","_return":true}`},
	{service: "s3", name: "GetObject", read: true, data: true, request: `{"bucketName":"${bucket}","Host":"${bucket}.s3.${region}.amazonaws.com","key":"${object}"}`, response: "null", extra: `"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"ECDHE-RSA-AES128-GCM-SHA256","bytesTransferredIn":0,"SSEApplied":"Default_SSE_S3","AuthenticationMethod":"AuthHeader","x-amz-id-2":"${hex32}${hex32}=","bytesTransferredOut":${bytes}},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::${bucket}/${object}"},{"accountId":"${account}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::${bucket}"}],`},
	{service: "s3", name: "PutObject", data: true, request: `{"bucketName":"${bucket}","Host":"${bucket}.s3.${region}.amazonaws.com","key":"${object}","x-amz-storage-class":"STANDARD"}`, response: `{"x-amz-server-side-encryption":"AES256"}`, extra: `"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":${bytes},"SSEApplied":"Default_SSE_S3","AuthenticationMethod":"AuthHeader","x-amz-id-2":"${hex32}${hex32}=","bytesTransferredOut":0.0},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::${bucket}/${object}"},{"accountId":"${account}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::${bucket}"}],`},
	{service: "s3", name: "ListBuckets", read: true, request: `{"Host":"s3.${region}.amazonaws.com"}`, response: "null", extra: `"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"${hex32}=","bytesTransferredOut":1431},"vpcEndpointId":"vpce-0${hex}",`},
	{service: "s3", name: "PutBucketPolicy", request: `{"bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::${bucket}","arn:aws:s3:::${bucket}/*"],"Condition":{"IpAddress":{"aws:SourceIp":"${ip}/32"}}}]},"bucketName":"${bucket}","Host":"${bucket}.s3.amazonaws.com","policy":""}`, response: "null"},
	{service: "sts", name: "AssumeRole", read: true, request: `{"roleArn":"arn:aws:iam::${account}:role/${role}","roleSessionName":"${user}","durationSeconds":3600,"externalId":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, response: `{"credentials":{"accessKeyId":"ASIA${id}","sessionToken":"${hex32}${hex32}${hex32}","expiration":"${time}"},"assumedRoleUser":{"assumedRoleId":"AROA${id}:${user}","arn":"arn:aws:sts::${account}:assumed-role/${role}/${user}"}}`, extra: `"resources":[{"accountId":"${account}","type":"AWS::IAM::Role","ARN":"arn:aws:iam::${account}:role/${role}"}],`},
	{service: "sts", name: "GetCallerIdentity", read: true, request: "null", response: "null"},
	{service: "iam", name: "CreateUser", request: `{"userName":"${user}","tags":[]}`, response: `{"user":{"path":"/","userName":"${user}","userId":"AIDA${id}","arn":"arn:aws:iam::${account}:user/${user}","createDate":"Nov 1, 2026 9:10:00 AM"}}`},
	{service: "iam", name: "AttachRolePolicy", request: `{"roleName":"${role}","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`, response: "null"},
	{service: "iam", name: "ListAccessKeys", read: true, request: `{"userName":"${user}"}`, response: "null"},
	{service: "kms", name: "Decrypt", read: true, request: `{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::${bucket}/${object}"}}`, response: "null", extra: `"resources":[{"accountId":"${account}","type":"AWS::KMS::Key","ARN":"arn:aws:kms:${region}:${account}:key/7d6c5b4a-1234-4321-8765-0123456789ab"}],`},
	{service: "kms", name: "GenerateDataKey", read: true, request: `{"keyId":"arn:aws:kms:${region}:${account}:key/7d6c5b4a-1234-4321-8765-0123456789ab","keySpec":"AES_256","encryptionContext":{"aws:cloudtrail:arn":"arn:aws:cloudtrail:${region}:${account}:trail/main"}}`, response: "null", extra: `"resources":[{"accountId":"${account}","type":"AWS::KMS::Key","ARN":"arn:aws:kms:${region}:${account}:key/7d6c5b4a-1234-4321-8765-0123456789ab"}],`},
	{service: "lambda", name: "Invoke", data: true, request: `{"functionName":"arn:aws:lambda:${region}:${account}:function:orders","invocationType":"RequestResponse","sourceArn":"arn:aws:apigateway:${region}::/apis/${session}"}`, response: "null", extra: `"additionalEventData":{"functionVersion":"arn:aws:lambda:${region}:${account}:function:orders:$LATEST"},"resources":[{"accountId":"${account}","type":"AWS::Lambda::Function","ARN":"arn:aws:lambda:${region}:${account}:function:orders"}],`},
	{service: "lambda", name: "UpdateFunctionCode20150331v2", request: `{"functionName":"orders","publish":true,"dryRun":false}`, response: `{"functionName":"orders","functionArn":"arn:aws:lambda:${region}:${account}:function:orders","runtime":"python3.12","role":"arn:aws:iam::${account}:role/${role}","handler":"app.handler","codeSize":${bytes},"timeout":30,"memorySize":512,"lastModified":"${time}","codeSha256":"${hex32}=","version":"${small}"}`},
	{service: "dynamodb", name: "DescribeTable", read: true, request: `{"tableName":"orders"}`, response: "null", extra: `"resources":[{"accountId":"${account}","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:${region}:${account}:table/orders"}],`},
	{service: "logs", name: "CreateLogStream", request: `{"logGroupName":"/aws/lambda/orders","logStreamName":"2026/11/23/[$LATEST]${hex32}"}`, response: "null"},
	{service: "monitoring", name: "PutMetricAlarm", request: `{"alarmName":"cpu-high","comparisonOperator":"GreaterThanThreshold","evaluationPeriods":3,"metricName":"CPUUtilization","namespace":"AWS/EC2","period":300,"statistic":"Average","threshold":80.5,"dimensions":[{"name":"InstanceId","value":"i-0${instance}"}]}`, response: "null"},
	{service: "secretsmanager", name: "GetSecretValue", read: true, request: `{"secretId":"prod/orders/db"}`, response: "null", extra: `"vpcEndpointId":"vpce-0${hex}","vpcEndpointAccountId":"${account}",`},
	{service: "ecr", name: "BatchGetImage", read: true, request: `{"registryId":"${account}","repositoryName":"orders","imageIds":[{"imageTag":"v1.${small}.0"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json"]}`, response: "null", extra: `"resources":[{"accountId":"${account}","ARN":"arn:aws:ecr:${region}:${account}:repository/orders"}],`},
	{service: "ssm", name: "StartSession", request: `{"target":"i-0${instance}","documentName":"AWS-StartInteractiveCommand","parameters":{"command":["bash -c \"echo 'hi' | tee /tmp/x\""]}}`, response: `{"sessionId":"${user}-0${hex}","tokenValue":"Value hidden due to security reasons.","streamUrl":"wss://ssmmessages.${region}.amazonaws.com/v1/data-channel/${user}-0${hex}?role=publish_subscribe"}`},
	{service: "rds", name: "ModifyDBInstance", request: `{"dBInstanceIdentifier":"orders-db","masterUserPassword":"****","applyImmediately":true,"allowMajorVersionUpgrade":false,"backupRetentionPeriod":14}`, response: `{"dBInstanceIdentifier":"orders-db","dBInstanceClass":"db.r6g.large","engine":"postgres","dBInstanceStatus":"modifying","allocatedStorage":200,"multiAZ":true,"storageEncrypted":true,"endpoint":{"address":"orders-db.c0ffee.${region}.rds.amazonaws.com","port":5432}}`},
	{service: "cloudtrail", name: "LookupEvents", read: true, request: `{"startTime":"Nov 1, 2026 9:10:00 AM","maxResults":50}`, response: "null"},
	{service: "eks", name: "DescribeCluster", read: true, request: `{"name":"prod"}`, response: "null"},
}

var wholeEvents = []string{
	`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDA${session}","arn":"arn:aws:iam::${account}:user/${user}","accountId":"${account}","userName":"${user}"},"eventTime":"${time}","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"${ip}","userAgent":"${agent}","requestParameters":null,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgsFromTB_${region}","MobileVersion":"No","MFAIdentifier":"arn:aws:iam::${account}:mfa/${user}","MFAUsed":"Yes"},"eventID":"${event}","readOnly":false,"eventType":"AwsConsoleSignIn","managementEvent":true,"recipientAccountId":"${account}","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"signin.aws.amazon.com"}}`,
	`{"eventVersion":"1.08","userIdentity":{"type":"Root","principalId":"${account}","arn":"arn:aws:iam::${account}:root","accountId":"${account}","accessKeyId":""},"eventTime":"${time}","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"${ip}","userAgent":"${agent}","errorMessage":"Failed authentication","requestParameters":null,"responseElements":{"ConsoleLogin":"Failure"},"additionalEventData":{"MFAUsed":"No","MobileVersion":"No","LoginTo":"https://console.aws.amazon.com/"},"eventID":"${event}","readOnly":false,"eventType":"AwsConsoleSignIn","managementEvent":true,"recipientAccountId":"${account}","eventCategory":"Management"}`,
	`{"eventVersion":"1.08","userIdentity":{"accountId":"${account}","invokedBy":"spot.amazonaws.com"},"eventTime":"${time}","eventSource":"ec2.amazonaws.com","eventName":"BidEvictedEvent","awsRegion":"${region}","sourceIPAddress":"spot.amazonaws.com","userAgent":"spot.amazonaws.com","requestParameters":null,"responseElements":null,"eventID":"${event}","readOnly":false,"eventType":"AwsServiceEvent","managementEvent":true,"recipientAccountId":"${account}","serviceEventDetails":{"instanceIdSet":["i-0${instance}"]},"eventCategory":"Management"}`,
	`{"eventVersion":"1.08","userIdentity":{"accountId":"${account}","invokedBy":"AWS Internal"},"eventTime":"${time}","eventSource":"kms.amazonaws.com","eventName":"RotateKey","awsRegion":"${region}","sourceIPAddress":"AWS Internal","userAgent":"AWS Internal","requestParameters":null,"responseElements":null,"eventID":"${event}","readOnly":false,"resources":[{"accountId":"${account}","type":"AWS::KMS::Key","ARN":"arn:aws:kms:${region}:${account}:key/7d6c5b4a-1234-4321-8765-0123456789ab"}],"eventType":"AwsServiceEvent","managementEvent":true,"recipientAccountId":"${account}","serviceEventDetails":{"rotationType":"AUTOMATIC","keyId":"7d6c5b4a-1234-4321-8765-0123456789ab"},"eventCategory":"Management"}`,
	`{"eventVersion":"1.08","userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"},"eventTime":"${time}","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"${region}","sourceIPAddress":"ec2.amazonaws.com","userAgent":"ec2.amazonaws.com","requestParameters":{"roleArn":"arn:aws:iam::${account}:role/${role}","roleSessionName":"i-0${instance}"},"responseElements":{"credentials":{"accessKeyId":"ASIA${id}","sessionToken":"${hex32}${hex32}","expiration":"${time}"}},"requestID":"${uuid}","eventID":"${event}","readOnly":true,"resources":[{"accountId":"${account}","type":"AWS::IAM::Role","ARN":"arn:aws:iam::${account}:role/${role}"}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"${account}","sharedEventID":"${uuid}","eventCategory":"Management"}`,
	`{"eventVersion":"1.09","userIdentity":{"type":"SAMLUser","principalId":"cmVkaXJlY3Q=:${user}","userName":"${user}","identityProvider":"cmVkaXJlY3Q="},"eventTime":"${time}","eventSource":"sts.amazonaws.com","eventName":"AssumeRoleWithSAML","awsRegion":"${region}","sourceIPAddress":"${ip}","userAgent":"${agent}","requestParameters":{"sAMLAssertionID":"_${uuid}","roleSessionName":"${user}","durationSeconds":3600,"roleArn":"arn:aws:iam::${account}:role/${role}","principalArn":"arn:aws:iam::${account}:saml-provider/entra"},"responseElements":{"subjectType":"persistent","issuer":"https://sts.windows.net/00000000-0000-4000-8000-0000000000cc/","audience":"https://signin.aws.amazon.com/saml","subject":"${user}","nameQualifier":"x0Wd="},"requestID":"${uuid}","eventID":"${event}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"${account}","eventCategory":"Management"}`,
	`{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROA${session}:${user}","arn":"arn:aws:sts::${account}:assumed-role/${role}/${user}","accountId":"${account}","accessKeyId":"ASIA${session}","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA${session}","arn":"arn:aws:iam::${account}:role/${role}","accountId":"${account}","userName":"${role}"},"attributes":{"creationDate":"${earlier}","mfaAuthenticated":"true"},"sourceIdentity":"${user}"}},"eventTime":"${time}","eventSource":"ec2.amazonaws.com","eventName":"DeleteFlowLogs","awsRegion":"${region}","sourceIPAddress":"AWS Internal","userAgent":"AWS Internal","requestParameters":{"DeleteFlowLogsRequest":{"FlowLogId":{"tag":1,"content":"fl-0${hex}"}}},"responseElements":{"DeleteFlowLogsResponse":{"xmlns":"http://ec2.amazonaws.com/doc/2016-11-15/","unsuccessful":"","requestId":"${uuid}"}},"requestID":"${uuid}","eventID":"${event}","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"${account}","eventCategory":"Management","sessionCredentialFromConsole":"true"}`,
}
