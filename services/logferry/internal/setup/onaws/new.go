package onaws

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// Types of logs that a set-up can be asked for.
const (
	CloudTrailType = "cloudtrail"
	VPCFlowType    = "vpcflow"
	GuardDutyType  = "guardduty"
	AnyType        = "any"
)

// Ways from the bucket to the queue.
const (
	ViaQueue       = "queue"
	ViaTopic       = "topic"
	ViaEventBridge = "eventbridge"
)

// tables are where the rows of each type go.
var tables = map[string]string{
	CloudTrailType: "AWSCloudTrail",
	VPCFlowType:    "AWSVPCFlow",
	GuardDutyType:  "AWSGuardDuty",
}

// Site is what is known of where a set-up is made, without which a [Spec] says
// too little.
type Site struct {
	// Partition, Account and Region are those of the credentials.
	Partition, Account, Region string
	// Management is the management account of the organisation, which owns its
	// trails whoever makes them; empty: Account.
	Management string
	// VPCs are the VPCs of each region; needed for "all" and when VPCs of several
	// regions are asked for.
	VPCs map[string][]string
	// ExternalID is the one that the role asks for already: it is kept when the
	// spec names none. See [ExternalID].
	ExternalID string
}

// ExternalID returns the external id that a trust policy asks for, or the empty
// string.
func ExternalID(trust policy.Document) string {
	for _, s := range trust.Statement {
		if id := s.Condition["StringEquals"]["sts:ExternalId"]; len(id) == 1 {
			return id[0]
		}
	}
	return ""
}

// New works a specification out. Its error names every field that is wrong,
// and what to write instead. The same spec and site give the same blueprint,
// except for an external id that is made up because neither has one.
func New(s Spec, where Site) (Blueprint, error) {
	s = s.filled(where)
	if err := s.check(where); err != nil {
		return Blueprint{}, err
	}
	if s.ExternalID == "" && s.Tenant == "" {
		s.ExternalID = "logferry-" + rand.Text()
	}
	d := draft{Spec: s, where: where}
	b := d.blueprint()
	return b, checkSizes(b)
}

// filled returns the spec with the defaults that do not need the site's lists.
func (s Spec) filled(where Site) Spec {
	s.Name = cmp.Or(s.Name, "logferry-"+s.Type)
	s.Account = cmp.Or(s.Account, where.Account)
	s.Region = cmp.Or(s.Region, where.Region)
	// Logs of any type are there already: so is their bucket.
	s.ExistingBucket = s.ExistingBucket || s.Type == AnyType
	if !s.ExistingBucket {
		s.Bucket = cmp.Or(s.Bucket, fmt.Sprintf("%s-%s-%s", s.Name, s.Account, s.Region))
	}
	s.Via = cmp.Or(s.Via, ViaQueue)
	s.Queue = cmp.Or(s.Queue, s.Name)
	s.Topic = cmp.Or(s.Topic, s.Name)
	role := s.Name
	if s.SentinelWorkspace != "" {
		role = sentinelRolePrefix + role
	}
	s.Role = cmp.Or(s.Role, role)
	if s.Tenant == "" {
		s.ExternalID = cmp.Or(s.ExternalID, where.ExternalID)
		s.Principal = cmp.Or(s.Principal, where.Account)
	}
	if accountPattern.MatchString(s.Principal) {
		s.Principal = fmt.Sprintf("arn:%s:iam::%s:root", where.Partition, s.Principal)
	}
	if s.Type == GuardDutyType {
		s.Key = cmp.Or(s.Key, "alias/"+s.Name)
	}
	s.CloudTrail.Trail = cmp.Or(s.CloudTrail.Trail, s.Name)
	s.VPCFlow.Traffic = cmp.Or(s.VPCFlow.Traffic, "ALL")
	s.VPCFlow.Interval = cmp.Or(s.VPCFlow.Interval, 600)
	if len(s.VPCFlow.Regions) == 0 {
		s.VPCFlow.Regions = []string{s.Region}
	}
	if len(s.VPCFlow.Fields) == 0 {
		s.VPCFlow.Fields = columnFields()
	}
	if len(s.GuardDuty.Regions) == 0 {
		s.GuardDuty.Regions = []string{s.Region}
	}
	s.GuardDuty.Frequency = cmp.Or(s.GuardDuty.Frequency, "FIFTEEN_MINUTES")
	return s
}

// draft is a blueprint in the making: a spec that is complete and right.
type draft struct {
	Spec
	where Site
}

// arn returns the ARN of a resource in the set-up's region and account.
func (d draft) arn(service, resource string) string {
	return d.arnIn(service, d.Region, resource)
}

func (d draft) arnIn(service, region, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", d.where.Partition, service, region, d.Account, resource)
}

// roleARN and bucketARN name no region; a bucket's names no account either.
func (d draft) roleARN() string   { return d.arnIn("iam", "", "role/"+d.Role) }
func (d draft) bucketARN() string { return fmt.Sprintf("arn:%s:s3:::%s", d.where.Partition, d.Bucket) }

// logsARN is the bucket, or the folder in it, that services are told to write
// to.
func (d draft) logsARN() string {
	if d.Prefix == "" {
		return d.bucketARN()
	}
	return d.bucketARN() + "/" + d.Prefix
}

func (d draft) queueARN() string     { return d.arn("sqs", d.Queue) }
func (d draft) deadQueueARN() string { return d.arn("sqs", d.Queue+deadSuffix) }
func (d draft) topicARN() string     { return d.arn("sns", d.Topic) }
func (d draft) ruleARN() string      { return d.arn("events", "rule/"+d.Name) }

// trailARN is owned by the management account when the trail is its
// organisation's.
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html
func (d draft) trailARN() string {
	owner := d.Account
	if d.CloudTrail.Organization != "" {
		owner = cmp.Or(d.where.Management, owner)
	}
	return fmt.Sprintf("arn:%s:cloudtrail:%s:%s:trail/%s", d.where.Partition, d.Region, owner, d.CloudTrail.Trail)
}

func (d draft) blueprint() Blueprint {
	b := Blueprint{
		Setup: d.Name, Partition: d.where.Partition, Account: d.Account, Region: d.Region, Type: d.Type,
		Table: tables[d.Type], ExternalID: d.ExternalID,
		Key: d.key(),
		Bucket: Bucket{
			Name: d.Bucket, ARN: d.bucketARN(), Existing: d.ExistingBucket, Statements: d.bucketStatements(),
		},
		DeadQueue:    d.deadQueue(),
		Queue:        d.queue(),
		Notification: d.notification(),
		Providers:    d.providers(),
		Role: Role{
			Name: d.Role, ARN: d.roleARN(), Trust: d.trust(), PolicyName: "logferry", Policy: d.rolePolicy(),
		},
	}
	switch d.Via {
	case ViaTopic:
		b.Topic = &Topic{Name: d.Topic, ARN: d.topicARN(), Existing: d.ExistingTopic, Statements: d.topicStatements()}
	case ViaEventBridge:
		b.Rule = &EventRule{Name: d.Name, ARN: d.ruleARN(), Pattern: d.pattern()}
	}
	switch d.Type {
	case CloudTrailType:
		b.Trail = d.trail()
	case VPCFlowType:
		b.FlowLogs = d.flowLogs()
		b.Bucket.Encrypted = b.Key != nil
	case GuardDutyType:
		b.Detectors = d.detectors()
	}
	return b
}

func (d draft) trail() *Trail {
	t := &Trail{
		Name: d.CloudTrail.Trail, ARN: d.trailARN(), Existing: d.CloudTrail.ExistingTrail, KeyPrefix: d.Prefix,
		MultiRegion:  !d.CloudTrail.SingleRegion && !d.CloudTrail.ExistingTrail,
		Organization: d.CloudTrail.Organization != "",
	}
	if d.CloudTrail.DataEvents && len(d.CloudTrail.DataBuckets) == 0 {
		t.DataEvents = []string{fmt.Sprintf("arn:%s:s3", d.where.Partition)}
	}
	for _, bucket := range d.CloudTrail.DataBuckets {
		t.DataEvents = append(t.DataEvents, fmt.Sprintf("arn:%s:s3:::%s/", d.where.Partition, bucket))
	}
	return t
}

func (d draft) flowLogs() []FlowLog {
	var logs []FlowLog
	for _, region := range d.VPCFlow.Regions {
		for _, vpc := range d.vpcs(region) {
			logs = append(logs, FlowLog{
				VPC: vpc, Region: region, Traffic: d.VPCFlow.Traffic, Format: flowLogFormat(d.VPCFlow.Fields),
				Parquet: d.VPCFlow.Parquet, Hive: d.VPCFlow.Hive, Hourly: d.VPCFlow.Hourly,
				Destination: d.logsARN(), Interval: d.VPCFlow.Interval,
			})
		}
	}
	return logs
}

// vpcs are the wanted VPCs of a region. One region has all that are named, so
// nobody needs to have asked EC2.
func (s Spec) vpcsOf(region string, where Site) []string {
	switch {
	case slices.Contains(s.VPCFlow.VPCs, allVPCs):
		return where.VPCs[region]
	case len(s.VPCFlow.Regions) == 1:
		return s.VPCFlow.VPCs
	}
	var here []string
	for _, vpc := range s.VPCFlow.VPCs {
		if slices.Contains(where.VPCs[region], vpc) {
			here = append(here, vpc)
		}
	}
	return here
}

func (d draft) vpcs(region string) []string { return d.vpcsOf(region, d.where) }

func (d draft) detectors() []Detector {
	var detectors []Detector
	for _, region := range d.GuardDuty.Regions {
		detectors = append(detectors, Detector{Region: region, Frequency: d.GuardDuty.Frequency, Destination: d.logsARN()})
	}
	return detectors
}

// checkSizes refuses policies that are too long on their own. What is there
// already counts too: that is checked when they are merged.
func checkSizes(b Blueprint) error {
	var problems []error
	check := func(what string, limit int, d policy.Document) {
		if err := d.CheckSize(limit); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", what, err))
		}
	}
	check("bucket policy of "+b.Bucket.Name, policy.MaxBucket, policy.New(b.Bucket.Statements...))
	check("queue policy of "+b.Queue.Name, policy.MaxQueue, policy.New(b.Queue.Statements...))
	check("trust policy of role "+b.Role.Name, policy.MaxTrust, b.Role.Trust)
	check("policy of role "+b.Role.Name, policy.MaxInline, b.Role.Policy)
	if b.Topic != nil {
		check("topic policy of "+b.Topic.Name, policy.MaxTopic, policy.New(b.Topic.Statements...))
	}
	if b.Key != nil {
		check("key policy of "+b.Key.Alias, policy.MaxKey, policy.New(b.Key.Statements...))
	}
	return errors.Join(problems...)
}
