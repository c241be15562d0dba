package onaws

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/logferry/logferry/pkg/format/vpcflow"
)

// allVPCs stands for every VPC of the regions; none for no filter at all.
const (
	allVPCs = "all"
	none    = "-"
)

// deadSuffix is what the name of the dead-letter queue ends in.
const deadSuffix = "-dead"

// root is what the logs' keys begin with before AWSLogs.
func (s Spec) root() string {
	if s.Prefix == "" {
		return ""
	}
	return s.Prefix + "/"
}

// owner is the folder below AWSLogs whose logs are wanted: the account's, or
// that of the organisation, below which each account has its own.
func (s Spec) owner() string {
	if s.Type == CloudTrailType && s.CloudTrail.Organization != "" {
		return s.CloudTrail.Organization
	}
	return s.Account
}

// keyPrefix is what the keys of the wanted objects begin with.
func (s Spec) keyPrefix() string {
	switch {
	case s.NotifyPrefix == none:
		return ""
	case s.NotifyPrefix != "":
		return s.NotifyPrefix
	}
	return s.logsPrefix()
}

// logsPrefix is where the service puts the logs of the type.
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html,
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html,
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html
func (s Spec) logsPrefix() string {
	logs := s.root() + "AWSLogs/" + s.owner() + "/"
	switch {
	case s.Type == CloudTrailType && s.CloudTrail.Organization != "":
		return logs // the accounts' folders come next, so no longer one fits all
	case s.Type == CloudTrailType:
		return logs + "CloudTrail/"
	case s.Type == VPCFlowType && s.VPCFlow.Hive:
		return s.root() + "AWSLogs/aws-account-id=" + s.Account + "/aws-service=vpcflowlogs/"
	case s.Type == VPCFlowType:
		return logs + "vpcflowlogs/"
	case s.Type == GuardDutyType:
		return logs + "GuardDuty/"
	}
	return s.root()
}

// keySuffix is what the keys of the wanted objects end in.
func (s Spec) keySuffix() string {
	switch {
	case s.NotifySuffix == none:
		return ""
	case s.NotifySuffix != "":
		return s.NotifySuffix
	case s.Type == CloudTrailType:
		return ".json.gz"
	case s.Type == VPCFlowType && s.VPCFlow.Parquet:
		return ".log.parquet"
	case s.Type == VPCFlowType:
		return ".log.gz"
	case s.Type == GuardDutyType:
		return ".jsonl.gz"
	}
	return ""
}

// notification is the bucket's entry for the queue or the topic. EventBridge
// gets all events and filters them by its rule.
func (d draft) notification() *Notification {
	n := &Notification{
		ID:     "logferry-" + strings.TrimPrefix(d.Name, "logferry-"),
		Prefix: d.keyPrefix(), Suffix: d.keySuffix(), TargetARN: d.queueARN(),
	}
	switch d.Via {
	case ViaTopic:
		n.TargetARN = d.topicARN()
	case ViaEventBridge:
		n.TargetARN = ""
	}
	return n
}

// pattern is the pattern of the events that the rule hands on.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func (d draft) pattern() string {
	detail := map[string]any{"bucket": map[string]any{"name": []string{d.Bucket}}}
	if filter := d.keyFilter(); filter != nil {
		detail["object"] = map[string]any{"key": []any{filter}}
	}
	return compact(map[string]any{"source": []string{"aws.s3"}, "detail-type": []string{"Object Created"}, "detail": detail})
}

// keyFilter is the filter of keys in the terms of EventBridge, nil for all
// keys. Unlike a bucket's notification it has wildcards, so the digests of an
// organisation's trail stay out.
// Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
func (d draft) keyFilter() map[string]string {
	literal := strings.NewReplacer(`\`, `\\`, `*`, `\*`)
	prefix, suffix := d.keyPrefix(), d.keySuffix()
	switch {
	case d.Type == CloudTrailType && d.CloudTrail.Organization != "" && d.NotifyPrefix == "":
		return map[string]string{"wildcard": literal.Replace(prefix) + "*/CloudTrail/*" + literal.Replace(suffix)}
	case prefix == "" && suffix == "":
		return nil
	case suffix == "":
		return map[string]string{"prefix": prefix}
	case prefix == "":
		return map[string]string{"suffix": suffix}
	}
	return map[string]string{"wildcard": literal.Replace(prefix) + "*" + literal.Replace(suffix)}
}

// compact returns a value of texts, numbers, lists and maps as JSON.
func compact(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error() // there is no such value
	}
	return string(text)
}

// readPrefixes are what the keys that the role may read begin with: where the
// service puts the logs, and what the notifications name if that is elsewhere.
func (s Spec) readPrefixes() []string {
	logs, named := s.logsPrefix(), s.keyPrefix()
	switch {
	case strings.HasPrefix(named, logs) && s.Type != AnyType:
		return []string{logs}
	case strings.HasPrefix(logs, named) || s.Type == AnyType:
		return []string{named}
	}
	return []string{logs, named}
}

// Times of the queue. A message that Logferry holds is kept hidden for as long
// as it takes; the visibility timeout is how long it stays so after a crash.
// Messages wait a week for a Logferry that is down. What is taken out has two
// weeks, counted from when it was first sent, to be looked at: one at least.
const (
	visibilitySeconds = 300
	waitSeconds       = 20
	retentionSeconds  = 7 * 24 * 60 * 60
	deadSeconds       = 14 * 24 * 60 * 60
	// maxReceives is high, since an outage of Azure brings messages back too;
	// what is wrong with an object makes a dead letter of Logferry at once.
	maxReceives = 50
)

// deadQueue is where SQS puts what is received again and again. An existing
// queue keeps the one it has, or has none.
func (d draft) deadQueue() Queue {
	if d.ExistingQueue {
		return Queue{}
	}
	return Queue{
		Name: d.Queue + deadSuffix, ARN: d.deadQueueARN(),
		Attributes: map[string]string{
			"MessageRetentionPeriod": strconv.Itoa(deadSeconds),
			"RedriveAllowPolicy": compact(map[string]any{
				"redrivePermission": "byQueue", "sourceQueueArns": []string{d.queueARN()},
			}),
			"SqsManagedSseEnabled": "true",
		},
	}
}

// queue is the queue that Logferry polls. Its encryption is named although it
// is the default: Control Tower refuses queues that do not name it, and S3
// needs no grant for it, as it would for a key.
func (d draft) queue() Queue {
	attributes := map[string]string{
		"VisibilityTimeout":             strconv.Itoa(visibilitySeconds),
		"ReceiveMessageWaitTimeSeconds": strconv.Itoa(waitSeconds),
		"MessageRetentionPeriod":        strconv.Itoa(retentionSeconds),
		"SqsManagedSseEnabled":          "true",
	}
	if !d.ExistingQueue {
		attributes["RedrivePolicy"] = compact(map[string]any{
			"deadLetterTargetArn": d.deadQueueARN(), "maxReceiveCount": maxReceives,
		})
	}
	return Queue{
		Name: d.Queue, ARN: d.queueARN(), Existing: d.ExistingQueue,
		Attributes: attributes, Statements: d.queueStatements(),
	}
}

// columnFields are the fields of flow logs that the table has columns for, each
// once.
func columnFields() []string {
	var fields []string
	for _, c := range vpcflow.Format().Columns {
		if !slices.Contains(fields, c.From) {
			fields = append(fields, c.From)
		}
	}
	return fields
}

// moreFields are fields of VPC flow logs that the table has no columns for.
// Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
var moreFields = []string{"reject-reason", "resource-id", "encryption-status"}

// flowLogFormat writes fields as EC2 takes them.
func flowLogFormat(fields []string) string {
	words := make([]string, len(fields))
	for i, field := range fields {
		words[i] = "${" + field + "}"
	}
	return strings.Join(words, " ")
}
