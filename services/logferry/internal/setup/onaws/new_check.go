package onaws

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/logferry/logferry/pkg/connection"
)

// What AWS takes for names. Queues, roles and so on have their own rules, by
// their API references; a set-up's name begins a bucket's.
var (
	namePattern     = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$`)
	accountPattern  = regexp.MustCompile(`^\d{12}$`)
	regionPattern   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`)
	bucketPattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	addressPattern  = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)
	queuePattern    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,75}$`)
	topicPattern    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
	rolePattern     = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	trailPattern    = regexp.MustCompile(`^[A-Za-z0-9]([._-]?[A-Za-z0-9]+)*$`)
	aliasPattern    = regexp.MustCompile(`^alias/[A-Za-z0-9/_-]{1,250}$`)
	keyPattern      = regexp.MustCompile(`^arn:(aws[a-z-]*):kms:([a-z0-9-]+):(\d{12}):key/[A-Za-z0-9-]+$`)
	principals      = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::\d{12}:(root|(role|user)/[\w+=,.@/-]+)$`)
	externalPattern = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	guidPattern     = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	orgPattern      = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	vpcPattern      = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	keyTextPattern  = regexp.MustCompile(`^[\w!.'()=/ -]*$`)
)

// maxPrefix is the longest prefix that CloudTrail takes, and maxName the
// longest name of a rule.
const (
	maxPrefix = 200
	maxName   = 64
)

// checker gathers what is wrong with a spec whose defaults are filled in.
type checker struct {
	Spec
	where    Site
	problems []error
}

// require notes a problem with a field unless ok.
func (c *checker) require(ok bool, field, text string, args ...any) {
	if !ok {
		c.problems = append(c.problems, fmt.Errorf("%s: %s", field, fmt.Sprintf(text, args...)))
	}
}

// check returns everything that is wrong with the spec.
func (s Spec) check(where Site) error {
	c := &checker{Spec: s, where: where}
	types := []string{CloudTrailType, VPCFlowType, GuardDutyType, AnyType}
	if !slices.Contains(types, s.Type) {
		return fmt.Errorf("type: must be one of %s", strings.Join(types, ", "))
	}
	c.place()
	c.bucket()
	c.keys()
	c.queue()
	c.key()
	c.role()
	switch s.Type {
	case CloudTrailType:
		c.cloudTrail()
	case VPCFlowType:
		c.vpcFlow()
	case GuardDutyType:
		c.guardDuty()
	}
	return errors.Join(c.problems...)
}

// place checks that the credentials are of where the set-up is wanted.
func (c *checker) place() {
	c.require(namePattern.MatchString(c.Name) && len(c.Name) <= maxName, "name",
		"must be at most %d small letters, digits and dashes, and begin with a letter, after each dash too; write one such as logferry-prod", maxName)
	digits := accountPattern.MatchString(c.Account)
	c.require(digits, "account", "must be 12 digits")
	c.require(!digits || c.Account == c.where.Account, "account",
		"the credentials are of account %s and not of %s; use those of that account, or drop this", c.where.Account, c.Account)
	c.region("region", c.Region)
}

// region checks that a region exists and is of the credentials' partition.
func (c *checker) region(field, region string) {
	if !regionPattern.MatchString(region) {
		c.require(false, field, "is no AWS region; write one such as eu-west-1")
		return
	}
	c.require(connection.Partition(region) == c.where.Partition, field,
		"%s is of the partition %s, and the credentials are of %s; use credentials of that partition", region, connection.Partition(region), c.where.Partition)
}

func (c *checker) regions(field string, regions []string) {
	for i, region := range regions {
		field := fmt.Sprintf("%s[%d]", field, i)
		c.region(field, region)
		c.require(slices.Index(regions, region) == i, field, "%s is given twice; drop one", region)
	}
}

// bucket checks the name by the rules of S3, and what follows from the type.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func (c *checker) bucket() {
	if c.Bucket == "" {
		c.require(false, "bucket", "is missing; write the name of the bucket that has the logs")
		return
	}
	ok := bucketPattern.MatchString(c.Bucket) && !strings.Contains(c.Bucket, "..") && !addressPattern.MatchString(c.Bucket)
	for _, reserved := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		ok = ok && !strings.HasPrefix(c.Bucket, reserved)
	}
	for _, reserved := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		ok = ok && !strings.HasSuffix(c.Bucket, reserved)
	}
	c.require(ok, "bucket", "%q is no bucket's name: 3 to 63 small letters, digits, dots and dashes, a letter or digit at both ends; write the bare name, without s3:// or prefix", c.Bucket)
}

// keys checks the filters of keys.
func (c *checker) keys() {
	filters := []struct{ field, value string }{
		{"prefix", c.Prefix}, {"notify_prefix", c.NotifyPrefix}, {"notify_suffix", c.NotifySuffix},
	}
	for _, f := range filters {
		c.require(keyTextPattern.MatchString(f.value), f.field, "may have letters, digits and !-_.'()=/ only; AWS knows no wildcards here")
	}
	c.require(!strings.HasPrefix(c.Prefix, "/") && !strings.HasSuffix(c.Prefix, "/"), "prefix", "must have no / at its ends; drop it")
	c.require(!strings.HasPrefix(c.NotifyPrefix, "/"), "notify_prefix", "must not begin with /: keys do not; drop it")
	c.require(len(c.Prefix) <= maxPrefix, "prefix", "must be at most %d characters", maxPrefix)
	c.require(!slices.Contains(strings.Split(c.Prefix, "/"), "AWSLogs"), "prefix", "must not have AWSLogs, which the services add; write what stands before it")
	digests := c.root() + "AWSLogs/" + c.owner() + "/CloudTrail-Digest/"
	c.require(c.Type != CloudTrailType || c.NotifyPrefix == "" || !strings.HasPrefix(digests, c.keyPrefix()), "notify_prefix",
		"would match the digests of CloudTrail (%s) too; drop it, or end it with CloudTrail/", digests)
	logs := c.root() + "AWSLogs/"
	c.require(c.Type == AnyType || strings.HasPrefix(c.keyPrefix(), logs) || strings.HasPrefix(logs, c.keyPrefix()), "notify_prefix",
		"would match nothing, since the logs' keys begin with %s; begin it with that", logs)
}

// queue checks queue and topic, and that only what is used is given.
func (c *checker) queue() {
	ways := []string{ViaQueue, ViaTopic, ViaEventBridge}
	c.require(slices.Contains(ways, c.Via), "via", "must be one of %s", strings.Join(ways, ", "))
	c.require(!strings.HasSuffix(c.Queue, ".fifo"), "queue", "must not be a FIFO queue: S3 does not send to those")
	c.require(queuePattern.MatchString(c.Queue) || strings.HasSuffix(c.Queue, ".fifo"), "queue",
		"must be at most 75 letters, digits, dashes and underscores; write the bare name, without URL or ARN")
	c.require(topicPattern.MatchString(c.Topic), "topic",
		"must be at most 256 letters, digits, dashes and underscores; write the bare name, without ARN")
	c.require(!c.ExistingTopic || c.Via == ViaTopic, "existing_topic", "has no effect with via %s; write via: topic, or drop this", c.Via)
}

func (c *checker) key() {
	if c.Key == "" {
		return
	}
	arn := keyPattern.FindStringSubmatch(c.Key)
	if arn == nil {
		c.require(c.Type != AnyType, "key", "must be the ARN of the key that the bucket's logs are encrypted with")
		c.require(aliasPattern.MatchString(c.Key), "key", "must be a key's ARN, or alias/ and a name")
		c.require(!strings.HasPrefix(c.Key, "alias/aws/"), "key", "must not be a key that AWS manages: its policy cannot be changed; write an alias of yours")
		return
	}
	c.require(arn[1] == c.where.Partition, "key", "is of the partition %s, and the credentials are of %s", arn[1], c.where.Partition)
	c.require(arn[2] == c.Region, "key", "is of the region %s; it must be of the bucket's, %s", arn[2], c.Region)
	c.require(arn[3] == c.Account, "key", "is of account %s; write one of account %s, whose policy can be changed", arn[3], c.Account)
}

// role checks who may assume the role.
func (c *checker) role() {
	c.require(rolePattern.MatchString(c.Role), "role", "must be at most 64 letters, digits and characters of +=,.@-_; write the bare name, without ARN")
	if c.Tenant == "" {
		c.principal()
		c.require(c.Audience == "", "audience", "is only used with tenant; add tenant, or drop this")
		c.require(c.Subject == "", "subject", "is only used with tenant; add tenant, or drop this")
	} else {
		const instead = "is not used with tenant, whose tokens take its place; drop one of both"
		c.require(guidPattern.MatchString(c.Tenant), "tenant", "must be the tenant's id: 32 small hexadecimal digits in five groups")
		c.require(c.Audience != "" && len(c.Audience) <= 255 && !strings.ContainsAny(c.Audience, "*? "), "audience",
			"must be the application ID URI that tokens are for, such as api://1111aaaa-...; tenant needs it")
		c.require(!strings.ContainsAny(c.Subject, "*? "), "subject", "must be the object id of the identity, without wildcards")
		c.require(c.Principal == "", "principal", instead)
		c.require(c.ExternalID == "", "external_id", instead)
	}
	if c.SentinelWorkspace == "" {
		c.require(!c.SentinelGovernment, "sentinel_government", "is only used with sentinel_workspace; add that, or drop this")
		return
	}
	c.require(guidPattern.MatchString(c.SentinelWorkspace), "sentinel_workspace", "must be the workspace's id: 32 small hexadecimal digits in five groups")
	c.require(strings.HasPrefix(c.Role, sentinelRolePrefix), "role", "must begin with %s, or Sentinel's connector does not take it", sentinelRolePrefix)
}

func (c *checker) principal() {
	m := principals.FindStringSubmatch(c.Principal)
	c.require(!strings.Contains(c.Principal, ":assumed-role/"), "principal",
		"is the session of a role; write the role's own ARN, arn:%s:iam::<account>:role/<name>", c.where.Partition)
	c.require(m != nil || strings.Contains(c.Principal, ":assumed-role/"), "principal",
		"must be an account's 12 digits or the ARN of its root, a role or a user, such as arn:%s:iam::111122223333:role/logferry", c.where.Partition)
	c.require(m == nil || m[1] == c.where.Partition, "principal",
		"is of another partition than %s, and roles are not assumed across partitions; use tenant and audience instead", c.where.Partition)
	c.require(c.ExternalID == "" || externalPattern.MatchString(c.ExternalID) && len(c.ExternalID) <= 1224, "external_id",
		"must be 2 to 1224 letters, digits and characters of +=,.@:/-_")
}

func (c *checker) cloudTrail() {
	t := c.CloudTrail
	ok := trailPattern.MatchString(t.Trail) && len(t.Trail) >= 3 && len(t.Trail) <= 128 && !addressPattern.MatchString(t.Trail)
	c.require(ok, "cloudtrail.trail", "must be 3 to 128 letters, digits, dots, dashes and underscores, with no two of these together")
	c.require(t.Organization == "" || orgPattern.MatchString(t.Organization), "cloudtrail.organization", "must be the organisation's id, such as o-a1b2c3d4e5")
	c.require(t.Organization == "" || c.where.Management == "" || accountPattern.MatchString(c.where.Management), "cloudtrail.organization", "its management account is not known")
	c.require(!t.SingleRegion || !t.ExistingTrail, "cloudtrail.single_region", "has no effect on an existing trail, which keeps its regions; drop it")
	c.require(len(t.DataBuckets) == 0 || t.DataEvents, "cloudtrail.data_buckets", "has no effect without data_events; add that, or drop this")
	for i, bucket := range t.DataBuckets {
		field := fmt.Sprintf("cloudtrail.data_buckets[%d]", i)
		c.require(bucketPattern.MatchString(bucket), field, "is no bucket's name; write the bare name")
		c.require(bucket != c.Bucket, field, "is where the logs are: each log that is read would make another; drop it")
	}
}

func (c *checker) vpcFlow() {
	v := c.VPCFlow
	c.regions("vpcflow.regions", v.Regions)
	c.vpcs()
	c.require(slices.Contains([]string{"ALL", "ACCEPT", "REJECT"}, v.Traffic), "vpcflow.traffic", "must be ALL, ACCEPT or REJECT")
	c.require(v.Interval == 60 || v.Interval == 600, "vpcflow.interval", "must be 60 or 600 seconds")
	known := slices.Concat(columnFields(), moreFields)
	for i, field := range v.Fields {
		c.require(slices.Contains(known, field), fmt.Sprintf("vpcflow.fields[%d]", i), "%q is no field of VPC flow logs; known are %s", field, strings.Join(known, ", "))
	}
	c.require(slices.Contains(v.Fields, "start"), "vpcflow.fields", "must have start, which is the time of each row; add it")
}

// vpcs checks that each VPC asked for is in one of the regions.
func (c *checker) vpcs() {
	v := c.VPCFlow
	c.require(len(v.VPCs) > 0, "vpcflow.vpcs", "is missing; name the VPCs, or write all")
	all := slices.Contains(v.VPCs, allVPCs)
	c.require(!all || len(v.VPCs) == 1, "vpcflow.vpcs", "names VPCs beside all; drop them, or all")
	for i, vpc := range v.VPCs {
		field := fmt.Sprintf("vpcflow.vpcs[%d]", i)
		if all || !vpcPattern.MatchString(vpc) {
			c.require(all, field, "is no VPC's id, such as vpc-0123456789abcdef0")
			continue
		}
		found := len(v.Regions) == 1
		for _, region := range v.Regions {
			found = found || slices.Contains(c.where.VPCs[region], vpc)
		}
		c.require(found, field, "%s is in none of the regions %s", vpc, strings.Join(v.Regions, ", "))
	}
	for _, region := range v.Regions {
		c.require(!all || len(c.where.VPCs[region]) > 0, "vpcflow.vpcs", "there is no VPC in %s; drop the region", region)
	}
}

// guardDuty checks the regions too: findings of a region that every account
// has cannot be exported to a bucket in one that must be opted in to.
// Source: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html
func (c *checker) guardDuty() {
	g := c.GuardDuty
	c.regions("guardduty.regions", g.Regions)
	for i, region := range g.Regions {
		field := fmt.Sprintf("guardduty.regions[%d]", i)
		c.require(region == c.Region || !isOptIn(c.Region), field,
			"GuardDuty of %s cannot write to a bucket in %s, a region that accounts opt in to; choose another region for the bucket, or make a set-up for each", region, c.Region)
	}
	frequencies := []string{"FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS"}
	c.require(slices.Contains(frequencies, g.Frequency), "guardduty.frequency", "must be one of %s", strings.Join(frequencies, ", "))
}

// isOptIn reports whether accounts have the region only after they opted in.
func isOptIn(region string) bool {
	return connection.Partition(region) == "aws" && !strings.Contains(defaultRegions, " "+region+" ")
}
