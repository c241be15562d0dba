package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
)

// specFlags binds every field of a spec to a flag.
func specFlags(c *cobra.Command, s *onaws.Spec) {
	f := c.Flags()
	f.StringVar(&s.Name, "name", "", "`NAME` of the set-up, with which those of what it makes begin (default logferry-TYPE)")
	f.StringVar(&s.Type, "type", "", "`TYPE` of the logs: cloudtrail, vpcflow, guardduty, or any for a bucket whose logs are there already")
	f.StringVar(&s.Account, "account", "", "`ACCOUNT` to set up, which must be that of the credentials")
	f.StringVar(&s.Region, "region", "", "`REGION` of bucket and queue (default that of the credentials)")
	storageFlags(c, s)
	roleFlags(c, s)
	sourceFlags(c, s)
}

func storageFlags(c *cobra.Command, s *onaws.Spec) {
	f := c.Flags()
	f.StringVar(&s.Bucket, "bucket", "", "bucket `NAME` (default NAME-ACCOUNT-REGION)")
	f.BoolVar(&s.ExistingBucket, "existing-bucket", false, "the bucket must be there already")
	f.StringVar(&s.Prefix, "prefix", "", "`TEXT` that keys begin with before AWSLogs/")
	f.StringVar(&s.NotifyPrefix, "notify-prefix", "", "announce keys that begin with this `TEXT`; - for all")
	f.StringVar(&s.NotifySuffix, "notify-suffix", "", "announce keys that end in this `TEXT`; - for all")
	f.StringVar(&s.Via, "via", "", "`WAY` from bucket to queue: queue, topic or eventbridge (default queue)")
	f.StringVar(&s.Queue, "queue", "", "queue `NAME`")
	f.BoolVar(&s.ExistingQueue, "existing-queue", false, "the queue must be there already")
	f.StringVar(&s.Topic, "topic", "", "topic `NAME`, with --via topic")
	f.BoolVar(&s.ExistingTopic, "existing-topic", false, "the topic must be there already")
	f.StringVar(&s.Key, "key", "", "KMS key that encrypts the logs: an `ALIAS`, alias/..., or the ARN of one that is there")
}

func roleFlags(c *cobra.Command, s *onaws.Spec) {
	f := c.Flags()
	f.StringVar(&s.Role, "role", "", "role `NAME`")
	f.StringVar(&s.Principal, "principal", "", "`ARN` of the account root, role or user that runs Logferry, or an account (default that of the credentials)")
	f.StringVar(&s.ExternalID, "external-id", "", "`ID` that it must present (default one that is made up, or that the role has)")
	f.StringVar(&s.Tenant, "tenant", "", "Entra tenant `ID` whose tokens assume the role, in place of principal and external ID")
	f.StringVar(&s.Audience, "audience", "", "audience `URI` of these tokens")
	f.StringVar(&s.Subject, "subject", "", "subject `ID` of these tokens (default any)")
	f.StringVar(&s.SentinelWorkspace, "sentinel-workspace", "", "workspace `ID` whose own Sentinel connector may assume the role too")
	f.BoolVar(&s.SentinelGovernment, "sentinel-government", false, "that workspace is in Azure Government")
}

func sourceFlags(c *cobra.Command, s *onaws.Spec) {
	f := c.Flags()
	f.StringVar(&s.CloudTrail.Trail, "trail", "", "cloudtrail: trail `NAME`")
	f.BoolVar(&s.CloudTrail.ExistingTrail, "existing-trail", false, "cloudtrail: the trail must be there already")
	f.StringVar(&s.CloudTrail.Organization, "organization", "", "cloudtrail: `ID` (o-...) of the organisation that the trail covers")
	f.BoolVar(&s.CloudTrail.SingleRegion, "single-region", false, "cloudtrail: a new trail covers its region only")
	f.BoolVar(&s.CloudTrail.DataEvents, "data-events", false, "cloudtrail: reads and writes of S3 objects too")
	f.StringSliceVar(&s.CloudTrail.DataBuckets, "data-bucket", nil, "cloudtrail: those in these `BUCKETS` only")
	f.StringSliceVar(&s.VPCFlow.VPCs, "vpc", nil, "vpcflow: `IDS` of the VPCs, or all")
	f.StringSliceVar(&s.VPCFlow.Regions, "vpc-region", nil, "vpcflow: `REGIONS` of the VPCs (default that of the bucket)")
	f.StringVar(&s.VPCFlow.Traffic, "traffic", "", "vpcflow: `TRAFFIC` ALL, ACCEPT or REJECT (default ALL)")
	f.StringSliceVar(&s.VPCFlow.Fields, "field", nil, "vpcflow: `FIELDS` of the records, by AWS's names (default all that the table has columns for)")
	f.BoolVar(&s.VPCFlow.Parquet, "parquet", false, "vpcflow: write Parquet")
	f.BoolVar(&s.VPCFlow.Hive, "hive", false, "vpcflow: keys with Hive partitions")
	f.BoolVar(&s.VPCFlow.Hourly, "hourly", false, "vpcflow: a folder for each hour")
	f.IntVar(&s.VPCFlow.Interval, "interval", 0, "vpcflow: aggregate for `SECONDS`, 60 or 600 (default 600)")
	f.StringSliceVar(&s.GuardDuty.Regions, "guardduty-region", nil, "guardduty: `REGIONS` to publish from (default that of the bucket)")
	f.StringVar(&s.GuardDuty.Frequency, "frequency", "", "guardduty: publish every `TIME`: FIFTEEN_MINUTES, ONE_HOUR or SIX_HOURS")
}

// readSpec reads a spec from a file, if one is named. Flags that are given win.
func readSpec(path string, given onaws.Spec) (onaws.Spec, error) {
	if path == "" {
		return given, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return given, fmt.Errorf("read the specification: %w", err)
	}
	var s onaws.Spec
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
		return given, fmt.Errorf("%s: %w", path, err)
	}
	flags, err := yaml.MarshalWithOptions(given, yaml.OmitEmpty())
	if err != nil {
		return given, fmt.Errorf("read the flags: %w", err)
	}
	if err := yaml.Unmarshal(flags, &s); err != nil {
		return given, fmt.Errorf("read the flags: %w", err)
	}
	return s, nil
}

// saveSpec writes a spec that the next call reads with --spec.
func saveSpec(path string, s onaws.Spec) error {
	text, err := yaml.MarshalWithOptions(s, yaml.OmitEmpty())
	if err != nil {
		return fmt.Errorf("write the specification: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write the specification: %w", err)
	}
	return nil
}

// lacksAnswers reports whether the spec lacks what cannot be worked out.
func lacksAnswers(s onaws.Spec) bool {
	return s.Type == "" || s.Type == onaws.AnyType && s.Bucket == "" || s.Type == onaws.VPCFlowType && len(s.VPCFlow.VPCs) == 0
}

// askSpec asks a person for what the spec lacks, and for what mostly differs.
func askSpec(d *dialogue, s onaws.Spec) (onaws.Spec, error) {
	types := []string{onaws.CloudTrailType, onaws.VPCFlowType, onaws.GuardDutyType, onaws.AnyType}
	questions := []struct {
		when  func() bool
		text  string
		usual string
		check func(string) error
		set   func(string)
	}{
		{
			func() bool { return s.Type == "" }, "Type of the logs: " + strings.Join(types, ", "), types[0],
			func(a string) error { return oneOf("type", a, types...) }, func(a string) { s.Type = a },
		},
		{
			func() bool { return s.Bucket == "" && s.Type == onaws.AnyType }, "Bucket where the logs are", "",
			given("a bucket"), func(a string) { s.Bucket = a },
		},
		{
			func() bool { return s.Bucket == "" && s.Type != onaws.AnyType }, "Bucket that is there already, or - for a new one", "-",
			given("a bucket"), func(a string) {
				if a != "-" {
					s.Bucket, s.ExistingBucket = a, true
				}
			},
		},
		{
			func() bool { return s.Type == onaws.VPCFlowType && len(s.VPCFlow.VPCs) == 0 }, "VPCs, with commas between, or all", "all",
			given("a VPC"), func(a string) { s.VPCFlow.VPCs = strings.Split(a, ",") },
		},
		{
			func() bool { return s.Type == onaws.CloudTrailType && s.CloudTrail.Organization == "" }, "Organisation (o-...) that the trail covers, or - for this account only", "-",
			given("an organisation"), func(a string) {
				if a != "-" {
					s.CloudTrail.Organization = a
				}
			},
		},
		{
			func() bool { return s.Principal == "" && s.Tenant == "" }, "Account, role or user that runs Logferry, or - for this account", "-",
			given("an account"), func(a string) {
				if a != "-" {
					s.Principal = a
				}
			},
		},
	}
	for _, q := range questions {
		if !q.when() {
			continue
		}
		answer, err := d.ask(q.text, q.usual, q.check)
		if err != nil {
			return s, err
		}
		q.set(answer)
	}
	return s, nil
}

// given refuses an empty answer.
func given(what string) func(string) error {
	return func(answer string) error {
		if answer == "" {
			return fmt.Errorf("name %s", what)
		}
		return nil
	}
}
