package emit

import (
	"slices"
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// person is what whoever runs `logferry setup aws` for this blueprint must be
// allowed to do: each call of package onaws, on the resources of the blueprint.
// Calls on what has no name before it is made are allowed on all, and creation
// on what carries the set-up's tag where the service knows that condition.
func person(b onaws.Blueprint) []policy.Statement {
	statements := []policy.Statement{
		allow("Who", everything, "sts:GetCallerIdentity"),
		allow("Role", policy.Values{b.Role.ARN}, "iam:GetRole", "iam:CreateRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy",
			"iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies",
			"iam:DeleteRole", "sts:AssumeRole"),
		bucketPerson(b),
		allow("Objects", policy.Values{b.Bucket.ARN + "/*"}, "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
		allow("Queues", queueARNs(b), "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ListQueueTags", "sqs:CreateQueue", "sqs:TagQueue",
			"sqs:SetQueueAttributes", "sqs:DeleteQueue"),
	}
	var providers policy.Values
	for _, p := range b.Providers {
		providers = append(providers, p.ARN)
	}
	if len(providers) > 0 {
		statements = append(statements, allow("Providers", providers, "iam:GetOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider",
			"iam:TagOpenIDConnectProvider", "iam:AddClientIDToOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider"))
	}
	if b.Key != nil {
		statements = append(statements, keyPerson(b)...)
	}
	if b.Topic != nil {
		statements = append(statements, allow("Topic", policy.Values{b.Topic.ARN, b.Topic.ARN + ":*"}, "sns:GetTopicAttributes", "sns:ListTagsForResource",
			"sns:CreateTopic", "sns:TagResource", "sns:SetTopicAttributes", "sns:DeleteTopic", "sns:ListSubscriptionsByTopic",
			"sns:GetSubscriptionAttributes", "sns:Subscribe", "sns:Unsubscribe"))
	}
	if b.Rule != nil {
		statements = append(statements, allow("Rule", policy.Values{b.Rule.ARN}, "events:DescribeRule", "events:ListTagsForResource", "events:PutRule",
			"events:TagResource", "events:ListTargetsByRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule"))
	}
	statements = append(statements, trailPerson(b)...)
	statements = append(statements, flowLogPerson(b)...)
	return append(statements, detectorPerson(b)...)
}

// everything is any resource, for calls that are not about one.
var everything = policy.Values{"*"}

func allow(sid string, resources policy.Values, actions ...string) policy.Statement {
	return policy.Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

func bucketPerson(b onaws.Blueprint) policy.Statement {
	return allow("Bucket", policy.Values{b.Bucket.ARN}, "s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:CreateBucket", "s3:DeleteBucket",
		"s3:GetBucketTagging", "s3:PutBucketTagging", "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy",
		"s3:GetBucketNotification", "s3:PutBucketNotification", "s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration")
}

func queueARNs(b onaws.Blueprint) policy.Values {
	arns := policy.Values{b.Queue.ARN}
	if b.DeadQueue.Name != "" {
		arns = append(arns, b.DeadQueue.ARN)
	}
	return arns
}

// keyPerson allows keys of the account, since a new one has no id yet, and the
// alias.
func keyPerson(b onaws.Blueprint) []policy.Statement {
	keys := policy.Values{b.Key.ARN}
	if b.Key.ARN == "" {
		keys = policy.Values{
			"arn:" + b.Partition + ":kms:" + b.Region + ":" + b.Account + ":key/*",
			"arn:" + b.Partition + ":kms:" + b.Region + ":" + b.Account + ":" + b.Key.Alias,
		}
	}
	// Decrypt and GenerateDataKey are for the object that verify puts and gets.
	statements := []policy.Statement{allow("Key", keys, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:ListResourceTags",
		"kms:TagResource", "kms:CreateAlias", "kms:DeleteAlias", "kms:ScheduleKeyDeletion", "kms:GenerateDataKey", "kms:Decrypt")}
	if b.Key.ARN == "" {
		statements = append(statements, allow("NewKey", everything, "kms:CreateKey"))
	}
	return statements
}

// trailPerson allows what CloudTrail itself calls for an organisation's trail,
// too.
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-an-organizational-trail-prepare.html
func trailPerson(b onaws.Blueprint) []policy.Statement {
	if b.Trail == nil {
		return nil
	}
	statements := []policy.Statement{allow("Trail", policy.Values{b.Trail.ARN}, "cloudtrail:GetTrail", "cloudtrail:ListTags", "cloudtrail:CreateTrail",
		"cloudtrail:AddTags", "cloudtrail:UpdateTrail", "cloudtrail:GetTrailStatus", "cloudtrail:StartLogging", "cloudtrail:StopLogging",
		"cloudtrail:GetEventSelectors", "cloudtrail:PutEventSelectors", "cloudtrail:DeleteTrail")}
	if b.Trail.Organization {
		statements = append(statements, allow("Organization", everything, "organizations:DescribeOrganization", "organizations:ListAWSServiceAccessForOrganization",
			"organizations:EnableAWSServiceAccess", "organizations:ListAccounts", "iam:CreateServiceLinkedRole"))
	}
	return statements
}

// flowLogPerson allows what EC2 calls in the person's name: the delivery of
// logs and, for the fields of containers, to look at those.
// Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-create-flow-log.html,
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
func flowLogPerson(b onaws.Blueprint) []policy.Statement {
	if len(b.FlowLogs) == 0 {
		return nil
	}
	actions := []string{"ec2:DescribeVpcs", "ec2:DescribeFlowLogs", "ec2:CreateFlowLogs", "ec2:CreateTags", "ec2:DeleteFlowLogs",
		"logs:CreateLogDelivery", "logs:DeleteLogDelivery"}
	if slices.ContainsFunc(b.FlowLogs, func(f onaws.FlowLog) bool { return strings.Contains(f.Format, "${ecs-") }) {
		actions = append(actions, "ecs:ListClusters", "ecs:ListContainerInstances", "ecs:ListServices", "ecs:ListTaskDefinitions", "ecs:ListTasks")
	}
	return []policy.Statement{allow("FlowLogs", everything, actions...)}
}

// detectorPerson allows what GuardDuty needs when it is turned on for the first
// time, too.
// Source: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_settingup.html
func detectorPerson(b onaws.Blueprint) []policy.Statement {
	if len(b.Detectors) == 0 {
		return nil
	}
	return []policy.Statement{allow("GuardDuty", everything, "guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:CreateDetector",
		"guardduty:TagResource", "guardduty:UpdateDetector", "guardduty:DeleteDetector", "guardduty:ListPublishingDestinations",
		"guardduty:DescribePublishingDestination", "guardduty:CreatePublishingDestination", "guardduty:UpdatePublishingDestination",
		"guardduty:DeletePublishingDestination", "iam:CreateServiceLinkedRole")}
}
