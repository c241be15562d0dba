// Package onaws makes AWS ready for a connection: bucket, queue, notification,
// role and what writes the logs.
//
//	Spec ──New──▶ Blueprint ──Resources──▶ []setup.Resource ──▶ AWS
//	                       └──emit──▶ CloudFormation, Terraform, policy files
package onaws

// Spec is what a person asks for, by flags, a file or answers. Empty fields are
// worked out; [New] says what is wrong with the others.
type Spec struct {
	// Name names the set-up and begins the names of what it makes; empty:
	// "logferry-<type>".
	Name string `yaml:"name,omitempty"`
	// Type is cloudtrail, vpcflow, guardduty or any: any wires a bucket whose
	// logs are already there.
	Type string `yaml:"type"`
	// Account is the account of the bucket and the queue, and Region their
	// region; empty: those of the credentials.
	Account string `yaml:"account,omitempty"`
	Region  string `yaml:"region,omitempty"`

	// Bucket is the bucket's name; empty: "<name>-<account>-<region>", unless it
	// must be there already, as it must for any.
	Bucket string `yaml:"bucket,omitempty"`
	// ExistingBucket, ExistingQueue, ExistingTopic and ExistingTrail say that
	// these must be there already.
	ExistingBucket bool `yaml:"existing_bucket,omitempty"`
	// Prefix is what log keys begin with before AWSLogs/, as the service was or
	// is to be told; usually empty.
	Prefix string `yaml:"prefix,omitempty"`
	// NotifyPrefix and NotifySuffix replace the filters that follow from type,
	// accounts and format; "-" stands for none.
	NotifyPrefix string `yaml:"notify_prefix,omitempty"`
	NotifySuffix string `yaml:"notify_suffix,omitempty"`
	// Via is queue (the default), topic or eventbridge.
	Via string `yaml:"via,omitempty"`
	// Queue and Topic are names; empty: the set-up's name.
	Queue         string `yaml:"queue,omitempty"`
	ExistingQueue bool   `yaml:"existing_queue,omitempty"`
	Topic         string `yaml:"topic,omitempty"`
	ExistingTopic bool   `yaml:"existing_topic,omitempty"`
	// Key is a KMS key's alias (made when it is not there) or ARN (must be
	// there); empty: the bucket's own encryption or, for GuardDuty, which needs a
	// key, "alias/<name>".
	Key string `yaml:"key,omitempty"`

	// Role is the role's name; empty: the set-up's name, with OIDC_ before it if
	// Sentinel's connector is to assume it.
	Role string `yaml:"role,omitempty"`
	// Principal is the ARN of the account root, role or user that runs Logferry,
	// or the account's 12 digits; empty: the account of the credentials.
	Principal string `yaml:"principal,omitempty"`
	// ExternalID is what it must present; empty: one is made up and printed.
	ExternalID string `yaml:"external_id,omitempty"`
	// Tenant, Audience and Subject replace principal and external ID: tokens of
	// this Entra tenant for this audience (and subject, unless it is empty)
	// assume the role.
	Tenant   string `yaml:"tenant,omitempty"`
	Audience string `yaml:"audience,omitempty"`
	Subject  string `yaml:"subject,omitempty"`
	// SentinelWorkspace is a workspace id: Microsoft's own connector may then
	// assume the role too, as its set-up script would let it, and
	// SentinelGovernment says that it is one of Azure Government.
	SentinelWorkspace  string `yaml:"sentinel_workspace,omitempty"`
	SentinelGovernment bool   `yaml:"sentinel_government,omitempty"`

	CloudTrail CloudTrail `yaml:"cloudtrail,omitempty"`
	VPCFlow    VPCFlow    `yaml:"vpcflow,omitempty"`
	GuardDuty  GuardDuty  `yaml:"guardduty,omitempty"`
}

// CloudTrail is what a set-up of type cloudtrail is asked besides.
type CloudTrail struct {
	// Trail is the trail's name; empty: the set-up's name.
	Trail         string `yaml:"trail,omitempty"`
	ExistingTrail bool   `yaml:"existing_trail,omitempty"`
	// Organization is the id (o-...) of the organisation that the trail covers;
	// empty: the account only.
	Organization string `yaml:"organization,omitempty"`
	// SingleRegion keeps a new trail to the region.
	SingleRegion bool `yaml:"single_region,omitempty"`
	// DataEvents adds the data events of all S3 objects, or of these buckets.
	DataEvents  bool     `yaml:"data_events,omitempty"`
	DataBuckets []string `yaml:"data_buckets,omitempty"`
}

// VPCFlow is what a set-up of type vpcflow is asked besides.
type VPCFlow struct {
	// VPCs are ids; "all" stands for every VPC of the regions.
	VPCs []string `yaml:"vpcs,omitempty"`
	// Regions are where they are; empty: the set-up's region.
	Regions []string `yaml:"regions,omitempty"`
	// Traffic is ALL (the default), ACCEPT or REJECT.
	Traffic string `yaml:"traffic,omitempty"`
	// Fields are the fields of the records, by AWS's names; empty: all that the
	// table has columns for.
	Fields []string `yaml:"fields,omitempty"`
	// Parquet, Hive and Hourly choose how objects are written.
	Parquet bool `yaml:"parquet,omitempty"`
	Hive    bool `yaml:"hive,omitempty"`
	Hourly  bool `yaml:"hourly,omitempty"`
	// Interval is the aggregation interval in seconds: 60 or 600 (the default).
	Interval int `yaml:"interval,omitempty"`
}

// GuardDuty is what a set-up of type guardduty is asked besides.
type GuardDuty struct {
	// Regions are where GuardDuty publishes; empty: the set-up's region.
	Regions []string `yaml:"regions,omitempty"`
	// Frequency is FIFTEEN_MINUTES (the default), ONE_HOUR or SIX_HOURS.
	Frequency string `yaml:"frequency,omitempty"`
}
