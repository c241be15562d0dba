package onaws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// Service principals. They are the same in every partition: amazonaws.com in
// China and in the sovereign clouds too, where endpoints have other suffixes.
// Source: determineConfiguration in aws-cdk's region-info/lib/default.ts, where
// these services are "universal"; the policies in docs.amazonaws.cn agree.
const (
	s3Service         = "s3.amazonaws.com"
	snsService        = "sns.amazonaws.com"
	eventsService     = "events.amazonaws.com"
	cloudTrailService = "cloudtrail.amazonaws.com"
	deliveryService   = "delivery.logs.amazonaws.com"
	guardDutyService  = "guardduty.amazonaws.com"
)

// sid names a statement of this set-up, so that several can share a bucket:
// the set-up's name in capitals and what the statement is for.
func (d draft) sid(what string) string {
	var id strings.Builder
	for word := range strings.SplitSeq(d.Name, "-") {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String() + what
}

func service(names ...string) policy.Principal { return policy.Principal{"Service": names} }

func (d draft) roleItself() policy.Principal { return policy.Principal{"AWS": {d.roleARN()}} }

// bucketStatements let the service write its logs, and nobody talk to a new
// bucket in the clear. The role needs none: it is of the bucket's account.
func (d draft) bucketStatements() []policy.Statement {
	var statements []policy.Statement
	switch d.Type {
	case CloudTrailType:
		statements = d.cloudTrailBucket()
	case VPCFlowType:
		statements = d.vpcFlowBucket()
	case GuardDutyType:
		statements = d.guardDutyBucket()
	}
	if d.ExistingBucket {
		return statements
	}
	return append(statements, policy.Statement{
		Sid: d.sid("DenyInsecureTransport"), Effect: "Deny", Principal: policy.Principal{"*": {"*"}},
		Action: policy.Values{"s3:*"}, Resource: policy.Values{d.bucketARN(), d.bucketARN() + "/*"},
		Condition: policy.Conditions{"Bool": {"aws:SecureTransport": {"false"}}},
	})
}

// cloudTrailBucket is the policy that CloudTrail documents, for one account
// and, below it, for an organisation.
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
func (d draft) cloudTrailBucket() []policy.Statement {
	write := func(sid, owner string) policy.Statement {
		return policy.Statement{
			Sid: d.sid(sid), Effect: "Allow", Principal: service(cloudTrailService),
			Action: policy.Values{"s3:PutObject"}, Resource: policy.Values{d.logsARN() + "/AWSLogs/" + owner + "/*"},
			Condition: policy.Conditions{"StringEquals": {
				"aws:SourceArn": {d.trailARN()}, "s3:x-amz-acl": {"bucket-owner-full-control"},
			}},
		}
	}
	statements := []policy.Statement{{
		Sid: d.sid("AclCheck"), Effect: "Allow", Principal: service(cloudTrailService),
		Action: policy.Values{"s3:GetBucketAcl"}, Resource: policy.Values{d.bucketARN()},
		Condition: policy.Conditions{"StringEquals": {"aws:SourceArn": {d.trailARN()}}},
	}}
	if d.CloudTrail.Organization == "" {
		return append(statements, write("Write", d.Account))
	}
	// The owner's own folder stays open for the day the trail is narrowed to it.
	owner := strings.Split(d.trailARN(), ":")[4]
	return append(statements, write("Write", owner), write("OrganizationWrite", d.CloudTrail.Organization))
}

// vpcFlowBucket is the policy that EC2 would add by itself where it may.
// Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
func (d draft) vpcFlowBucket() []policy.Statement {
	sources := d.deliverySources()
	folder := "/AWSLogs/" + d.Account + "/*"
	if d.VPCFlow.Hive {
		folder = "/AWSLogs/aws-account-id=" + d.Account + "/*"
	}
	return []policy.Statement{
		{
			Sid: d.sid("AclCheck"), Effect: "Allow", Principal: service(deliveryService),
			Action: policy.Values{"s3:GetBucketAcl", "s3:ListBucket"}, Resource: policy.Values{d.bucketARN()},
			Condition: policy.Conditions{
				"StringEquals": {"aws:SourceAccount": {d.Account}},
				"ArnLike":      {"aws:SourceArn": sources},
			},
		},
		{
			Sid: d.sid("Write"), Effect: "Allow", Principal: service(deliveryService),
			Action: policy.Values{"s3:PutObject"}, Resource: policy.Values{d.logsARN() + folder},
			Condition: policy.Conditions{
				"StringEquals": {"aws:SourceAccount": {d.Account}, "s3:x-amz-acl": {"bucket-owner-full-control"}},
				"ArnLike":      {"aws:SourceArn": sources},
			},
		},
	}
}

// deliverySources are whom the log delivery service acts for, a region each.
func (d draft) deliverySources() policy.Values {
	var sources policy.Values
	for _, region := range d.VPCFlow.Regions {
		sources = append(sources, d.arnIn("logs", region, "*"))
	}
	return sources
}

// guardDutyBucket is the policy that GuardDuty documents, but for its denials
// of other keys: the detectors are told the key.
// Source: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html
func (d draft) guardDutyBucket() []policy.Statement {
	return []policy.Statement{
		{
			Sid: d.sid("Location"), Effect: "Allow", Principal: d.guardDuty(),
			Action: policy.Values{"s3:GetBucketLocation"}, Resource: policy.Values{d.bucketARN()},
			Condition: d.fromDetectors(),
		},
		{
			Sid: d.sid("Write"), Effect: "Allow", Principal: d.guardDuty(),
			Action: policy.Values{"s3:PutObject"}, Resource: policy.Values{d.logsARN() + "/*"},
			Condition: d.fromDetectors(),
		},
	}
}

// guardDuty are the names that GuardDuty has: one of its own in each region
// that accounts must opt in to.
// Source: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html
func (d draft) guardDuty() policy.Principal {
	var names policy.Values
	for _, region := range d.GuardDuty.Regions {
		name := guardDutyService
		if isOptIn(region) {
			name = "guardduty." + region + ".amazonaws.com"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return service(names...)
}

// fromDetectors holds for the detectors of the account; their ids are not known
// before they are made.
func (d draft) fromDetectors() policy.Conditions {
	var sources policy.Values
	for _, region := range d.GuardDuty.Regions {
		sources = append(sources, d.arnIn("guardduty", region, "detector/*"))
	}
	return policy.Conditions{
		"StringEquals": {"aws:SourceAccount": {d.Account}},
		"ArnLike":      {"aws:SourceArn": sources},
	}
}

// defaultRegions are the regions of the partition aws that every account has.
// All that came after March 2019 have to be opted in to, so the list is closed.
// Source: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
const defaultRegions = " us-east-1 us-east-2 us-west-1 us-west-2 ap-south-1 ap-northeast-1 ap-northeast-2 ap-northeast-3" +
	" ap-southeast-1 ap-southeast-2 ca-central-1 eu-central-1 eu-west-1 eu-west-2 eu-west-3 eu-north-1 sa-east-1 "

// queueStatements let the bucket, topic or rule send, and the role receive.
// The ARN of a bucket names no account, so the account is asked for too.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html,
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
func (d draft) queueStatements() []policy.Statement {
	sender, source := s3Service, d.bucketARN()
	switch d.Via {
	case ViaTopic:
		sender, source = snsService, d.topicARN()
	case ViaEventBridge:
		sender, source = eventsService, d.ruleARN()
	}
	condition := policy.Conditions{"ArnEquals": {"aws:SourceArn": {source}}}
	if sender == s3Service {
		condition["StringEquals"] = map[string]policy.Values{"aws:SourceAccount": {d.Account}}
	}
	return []policy.Statement{
		{
			Sid: d.sid("Send"), Effect: "Allow", Principal: service(sender),
			Action: policy.Values{"sqs:SendMessage"}, Resource: policy.Values{d.queueARN()}, Condition: condition,
		},
		{
			Sid: d.sid("Receive"), Effect: "Allow", Principal: d.roleItself(),
			Action: queueActions(), Resource: policy.Values{d.queueARN()},
		},
	}
}

// queueActions are what a poller calls.
func queueActions() policy.Values {
	return policy.Values{
		"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
	}
}

// topicStatements let the bucket publish.
func (d draft) topicStatements() []policy.Statement {
	return []policy.Statement{{
		Sid: d.sid("Publish"), Effect: "Allow", Principal: service(s3Service),
		Action: policy.Values{"sns:Publish"}, Resource: policy.Values{d.topicARN()},
		Condition: policy.Conditions{
			"ArnEquals":    {"aws:SourceArn": {d.bucketARN()}},
			"StringEquals": {"aws:SourceAccount": {d.Account}},
		},
	}}
}

// key is the KMS key, if there is to be one.
func (d draft) key() *Key {
	if d.Key == "" {
		return nil
	}
	k := &Key{Alias: d.Key}
	if strings.HasPrefix(d.Key, "arn:") {
		k = &Key{ARN: d.Key}
	}
	switch d.Type {
	case CloudTrailType:
		k.Statements = d.cloudTrailKey()
	case VPCFlowType:
		k.Statements = d.vpcFlowKey()
	case GuardDutyType:
		k.Statements = []policy.Statement{{
			Sid: d.sid("Encrypt"), Effect: "Allow", Principal: d.guardDuty(),
			Action: policy.Values{"kms:GenerateDataKey"}, Resource: policy.Values{"*"}, Condition: d.fromDetectors(),
		}}
	}
	k.Statements = append(k.Statements, policy.Statement{
		Sid: d.sid("Decrypt"), Effect: "Allow", Principal: d.roleItself(),
		Action: policy.Values{"kms:Decrypt"}, Resource: policy.Values{"*"}, Condition: d.throughS3(),
	})
	return k
}

// cloudTrailKey lets the trail encrypt.
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
func (d draft) cloudTrailKey() []policy.Statement {
	parts := strings.Split(d.trailARN(), ":")
	anyTrail := fmt.Sprintf("arn:%s:cloudtrail:*:%s:trail/*", parts[1], parts[4])
	return []policy.Statement{
		{
			Sid: d.sid("Encrypt"), Effect: "Allow", Principal: service(cloudTrailService),
			Action: policy.Values{"kms:GenerateDataKey*"}, Resource: policy.Values{"*"},
			Condition: policy.Conditions{
				"StringEquals": {"aws:SourceArn": {d.trailARN()}},
				"StringLike":   {"kms:EncryptionContext:aws:cloudtrail:arn": {anyTrail}},
			},
		},
		{
			Sid: d.sid("Describe"), Effect: "Allow", Principal: service(cloudTrailService),
			Action: policy.Values{"kms:DescribeKey"}, Resource: policy.Values{"*"},
			Condition: policy.Conditions{"StringEquals": {"aws:SourceArn": {d.trailARN()}}},
		},
	}
}

// vpcFlowKey lets log delivery write to a bucket that encrypts with the key.
// Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-cmk-policy.html
func (d draft) vpcFlowKey() []policy.Statement {
	return []policy.Statement{{
		Sid: d.sid("Encrypt"), Effect: "Allow", Principal: service(deliveryService),
		Action:   policy.Values{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"},
		Resource: policy.Values{"*"},
		Condition: policy.Conditions{
			"StringEquals": {"aws:SourceAccount": {d.Account}},
			"ArnLike":      {"aws:SourceArn": d.deliverySources()},
		},
	}}
}

// throughS3 holds for decryption that S3 does for whoever reads an object.
// Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
func (d draft) throughS3() policy.Conditions {
	return policy.Conditions{"StringEquals": {"kms:ViaService": {"s3." + d.Region + "." + DNSSuffix(d.where.Partition)}}}
}

// DNSSuffix returns where AWS serves its endpoints in a partition.
// Source: partitions.json of the SDKs (aws-sdk-go-v2/internal/endpoints/awsrulesfn).
func DNSSuffix(partition string) string {
	switch partition {
	case "aws-cn":
		return "amazonaws.com.cn"
	case "aws-eusc":
		return "amazonaws.eu"
	case "aws-iso":
		return "c2s.ic.gov"
	case "aws-iso-b":
		return "sc2s.sgov.gov"
	case "aws-iso-e":
		return "cloud.adc-e.uk"
	case "aws-iso-f":
		return "csp.hci.ic.gov"
	}
	return "amazonaws.com"
}
