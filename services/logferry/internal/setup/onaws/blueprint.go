package onaws

import "github.com/logferry/logferry/services/logferry/internal/setup/policy"

// Tag is on everything that a set-up makes, with the name of the set-up as its
// value. Only what has it is ever removed.
const Tag = "logferry-setup"

// Blueprint is all that a set-up wants in AWS, worked out from a [Spec]: names,
// ARNs and policies in full. What the set-up applies, what it writes as
// CloudFormation, Terraform or policy files, and what it verifies are made from
// it and from nothing else. A nil part is not wanted.
type Blueprint struct {
	// Setup is the name of the set-up, the value of [Tag].
	Setup string
	// Partition, Account and Region are where the resources are; Region is that
	// of bucket, queue and key.
	Partition, Account, Region string
	// Type is cloudtrail, vpcflow, guardduty or any.
	Type string

	Key          *Key
	Bucket       Bucket
	DeadQueue    Queue // without a name: not wanted
	Queue        Queue
	Topic        *Topic
	Rule         *EventRule
	Notification *Notification
	Providers    []Provider
	Role         Role
	Trail        *Trail
	FlowLogs     []FlowLog
	Detectors    []Detector

	// Table is the Log Analytics table that a person is told of; empty for any.
	Table string
	// ExternalID is what whoever assumes the role presents; empty when tokens of
	// a tenant do.
	ExternalID string
}

// Key is the KMS key that the service encrypts its logs with.
type Key struct {
	// Alias is the alias's name, with "alias/".
	Alias string
	// ARN is that of an existing key; empty until the key is made.
	ARN string
	// Statements are what its policy must hold beside what is there.
	Statements []policy.Statement
}

// Bucket is where the logs are.
type Bucket struct {
	Name, ARN string
	// Existing says that it must be there already; otherwise it is made when it
	// is not.
	Existing bool
	// Encrypted says that a new bucket encrypts what comes with the [Key] by
	// itself, because the service that writes its logs is told of no key.
	Encrypted bool
	// Statements are what its policy must hold beside what is there.
	Statements []policy.Statement
}

// Queue is an SQS queue.
type Queue struct {
	Name, ARN string
	// Existing says that it must be there already: then its attributes stay as
	// they are, and verify warns of those that differ.
	Existing bool
	// Attributes are the attributes as SQS names them, but for Policy.
	Attributes map[string]string
	// Statements are what its policy must hold beside what is there.
	Statements []policy.Statement
}

// Topic is an SNS topic between bucket and queue, for several readers of one
// bucket. The queue subscribes with raw delivery.
type Topic struct {
	Name, ARN string
	// Existing says that it must be there already.
	Existing   bool
	Statements []policy.Statement
}

// EventRule is an EventBridge rule between bucket and queue.
type EventRule struct {
	Name, ARN string
	// Pattern is the event pattern, JSON.
	Pattern string
}

// Notification is one entry of the bucket's event notifications.
type Notification struct {
	// ID names the entry. It begins with "logferry-": entries of other names
	// are never changed.
	ID string
	// Prefix and Suffix filter keys; both may be empty.
	Prefix, Suffix string
	// TargetARN is the queue's or the topic's; empty with an [EventRule]: then
	// the bucket's EventBridge switch is turned on.
	TargetARN string
}

// Provider is an OpenID Connect provider whose tokens assume the role.
type Provider struct {
	// URL is the issuer, with its trailing slash where the issuer has one.
	URL, ARN string
	// Audience is the client id to allow.
	Audience string
}

// Role is what the running services assume.
type Role struct {
	Name, ARN string
	// Trust is who may assume it, as a whole document.
	Trust policy.Document
	// Policy is what it may do: an inline policy of the name PolicyName.
	PolicyName string
	Policy     policy.Document
}

// Trail is a CloudTrail trail.
type Trail struct {
	Name, ARN string
	// Existing says that it must be there already; only what is listed here is
	// changed of it.
	Existing bool
	// KeyPrefix is the prefix of its objects in the bucket.
	KeyPrefix string
	// MultiRegion and Organization say what it covers; false leaves an existing
	// trail as it is.
	MultiRegion, Organization bool
	// DataEvents are ARN prefixes of S3 objects, such as "arn:aws:s3", whose data
	// events are added to what the trail selects.
	DataEvents []string
}

// FlowLog is the flow log of one VPC.
type FlowLog struct {
	VPC, Region string
	// Traffic is ALL, ACCEPT or REJECT.
	Traffic string
	// Format is the log format, fields as ${version}; empty: AWS's default.
	Format string
	// Parquet, Hive and Hourly are the destination options.
	Parquet, Hive, Hourly bool
	// Destination is the bucket's ARN, with the prefix below it if there is one.
	Destination string
	// Interval is the aggregation interval in seconds, 60 or 600.
	Interval int
}

// Detector is GuardDuty in one region, publishing its findings to the bucket.
type Detector struct {
	Region string
	// Frequency is FIFTEEN_MINUTES, ONE_HOUR or SIX_HOURS.
	Frequency string
	// Destination is the bucket's ARN, with the prefix below it if there is one.
	Destination string
}
