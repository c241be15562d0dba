package onaws

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

var update = flag.Bool("update", false, "rewrite the blueprints in testdata")

// Each file holds a site, a specification and the blueprint that comes of them.
func TestBlueprints(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { testBlueprint(t, file) })
	}
}

func testBlueprint(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var site Site
	var spec Spec
	if err := yaml.UnmarshalWithOptions(archive.Files[0].Data, &site, yaml.Strict()); err != nil {
		t.Fatalf("site: %v", err)
	}
	if err := yaml.UnmarshalWithOptions(archive.Files[1].Data, &spec, yaml.Strict()); err != nil {
		t.Fatalf("spec: %v", err)
	}
	b, err := New(spec, site)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		archive.Files = append(archive.Files[:2], txtar.File{Name: "blueprint.json", Data: got})
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(archive.Files) != 3 || !bytes.Equal(got, archive.Files[2].Data) {
		t.Errorf("the blueprint differs; run go test -update and read the difference\ngot %s", got)
	}
}

// here is where the specifications of the tests are worked out.
func here() Site {
	return Site{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
}

func TestNewRefuses(t *testing.T) {
	f := func(s Spec, want ...string) {
		t.Helper()
		_, err := New(s, here())
		if got := lines(err); got != strings.Join(want, "\n") {
			t.Errorf("%+v:\ngot  %s\nwant %s", s, got, strings.Join(want, "\n"))
		}
	}
	trail := func(change func(*Spec)) Spec {
		s := Spec{Type: CloudTrailType}
		change(&s)
		return s
	}
	f(Spec{}, "type: must be one of cloudtrail, vpcflow, guardduty, any")
	f(Spec{Type: "waf"}, "type: must be one of cloudtrail, vpcflow, guardduty, any")
	// where
	f(trail(func(s *Spec) { s.Name = "Prod_1" }), "name: must be at most 64 small letters, digits and dashes, and begin with a letter, after each dash too; write one such as logferry-prod",
		`bucket: "Prod_1-111122223333-eu-west-1" is no bucket's name: 3 to 63 small letters, digits, dots and dashes, a letter or digit at both ends; write the bare name, without s3:// or prefix`)
	f(trail(func(s *Spec) { s.Account = "1111" }), "account: must be 12 digits")
	f(trail(func(s *Spec) { s.Account = "444455556666" }), "account: the credentials are of account 111122223333 and not of 444455556666; use those of that account, or drop this")
	f(trail(func(s *Spec) { s.Region = "Ireland"; s.Bucket = "logs" }), "region: is no AWS region; write one such as eu-west-1")
	f(trail(func(s *Spec) { s.Region = "us-gov-west-1" }), "region: us-gov-west-1 is of the partition aws-us-gov, and the credentials are of aws; use credentials of that partition")
	// buckets
	const bucketRules = " is no bucket's name: 3 to 63 small letters, digits, dots and dashes, a letter or digit at both ends; write the bare name, without s3:// or prefix"
	for _, name := range []string{"s3://logs", "Logs", "lo", "logs-", "a..b", "192.168.0.1", "xn--logs", "logs-s3alias", "logs/2024", strings.Repeat("a", 64)} {
		f(trail(func(s *Spec) { s.Bucket = name }), `bucket: "`+name+`"`+bucketRules)
	}
	f(Spec{Type: AnyType}, "bucket: is missing; write the name of the bucket that has the logs")
	// keys
	f(trail(func(s *Spec) { s.Prefix = "/org" }), "prefix: must have no / at its ends; drop it")
	f(trail(func(s *Spec) { s.Prefix = "org/" }), "prefix: must have no / at its ends; drop it")
	f(trail(func(s *Spec) { s.Prefix = "org/*" }), "prefix: may have letters, digits and !-_.'()=/ only; AWS knows no wildcards here")
	f(trail(func(s *Spec) { s.Prefix = "org/AWSLogs" }), "prefix: must not have AWSLogs, which the services add; write what stands before it")
	f(trail(func(s *Spec) { s.Prefix = strings.Repeat("a", 201) }), "prefix: must be at most 200 characters")
	const digests = "notify_prefix: would match the digests of CloudTrail (AWSLogs/111122223333/CloudTrail-Digest/) too; drop it, or end it with CloudTrail/"
	f(trail(func(s *Spec) { s.NotifyPrefix = "AWSLogs/111122223333/CloudTrail" }), digests)
	f(trail(func(s *Spec) { s.NotifyPrefix = "AWSLogs/" }), digests)
	f(trail(func(s *Spec) { s.NotifyPrefix = "-" }), digests)
	f(trail(func(s *Spec) { s.NotifyPrefix = "CloudTrail/" }), "notify_prefix: would match nothing, since the logs' keys begin with AWSLogs/; begin it with that")
	f(trail(func(s *Spec) { s.NotifyPrefix = "/AWSLogs/111122223333/CloudTrail/" }), "notify_prefix: must not begin with /: keys do not; drop it",
		"notify_prefix: would match nothing, since the logs' keys begin with AWSLogs/; begin it with that")
	// queue and topic
	f(trail(func(s *Spec) { s.Queue = "logs.fifo" }), "queue: must not be a FIFO queue: S3 does not send to those")
	f(trail(func(s *Spec) { s.Queue = "https://sqs.eu-west-1.amazonaws.com/111122223333/logs" }), "queue: must be at most 75 letters, digits, dashes and underscores; write the bare name, without URL or ARN")
	f(trail(func(s *Spec) { s.Via = "sns" }), "via: must be one of queue, topic, eventbridge")
	f(trail(func(s *Spec) { s.Topic = "a topic" }), "topic: must be at most 256 letters, digits, dashes and underscores; write the bare name, without ARN")
	f(trail(func(s *Spec) { s.ExistingTopic = true }), "existing_topic: has no effect with via queue; write via: topic, or drop this")
	// keys of KMS
	f(trail(func(s *Spec) { s.Key = "logs" }), "key: must be a key's ARN, or alias/ and a name")
	f(trail(func(s *Spec) { s.Key = "alias/aws/s3" }), "key: must not be a key that AWS manages: its policy cannot be changed; write an alias of yours")
	f(trail(func(s *Spec) { s.Key = "arn:aws-cn:kms:us-east-1:444455556666:key/1" }),
		"key: is of the partition aws-cn, and the credentials are of aws", "key: is of the region us-east-1; it must be of the bucket's, eu-west-1",
		"key: is of account 444455556666; write one of account 111122223333, whose policy can be changed")
	f(Spec{Type: AnyType, Bucket: "logs", Key: "alias/logs"}, "key: must be the ARN of the key that the bucket's logs are encrypted with")
}

func TestNewRefusesRoles(t *testing.T) {
	f := func(change func(*Spec), want ...string) {
		t.Helper()
		s := Spec{Type: CloudTrailType}
		change(&s)
		_, err := New(s, here())
		if got := lines(err); got != strings.Join(want, "\n") {
			t.Errorf("%+v:\ngot  %s\nwant %s", s, got, strings.Join(want, "\n"))
		}
	}
	const tenant, guid = "0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d-0000-4000-8000-000000000002"
	f(func(s *Spec) { s.Role = "arn:aws:iam::111122223333:role/logs" }, "role: must be at most 64 letters, digits and characters of +=,.@-_; write the bare name, without ARN")
	const principal = "principal: must be an account's 12 digits or the ARN of its root, a role or a user, such as arn:aws:iam::111122223333:role/logferry"
	f(func(s *Spec) { s.Principal = "*" }, principal)
	f(func(s *Spec) { s.Principal = "1234" }, principal)
	f(func(s *Spec) { s.Principal = "arn:aws:sts::111122223333:assumed-role/runner/i-1" },
		"principal: is the session of a role; write the role's own ARN, arn:aws:iam::<account>:role/<name>")
	f(func(s *Spec) { s.Principal = "arn:aws-us-gov:iam::111122223333:root" },
		"principal: is of another partition than aws, and roles are not assumed across partitions; use tenant and audience instead")
	f(func(s *Spec) { s.ExternalID = "a b" }, "external_id: must be 2 to 1224 letters, digits and characters of +=,.@:/-_")
	f(func(s *Spec) { s.Audience = "api://x"; s.Subject = guid }, "audience: is only used with tenant; add tenant, or drop this", "subject: is only used with tenant; add tenant, or drop this")
	const audience = "audience: must be the application ID URI that tokens are for, such as api://1111aaaa-...; tenant needs it"
	f(func(s *Spec) { s.Tenant = "contoso.com" }, "tenant: must be the tenant's id: 32 small hexadecimal digits in five groups", audience)
	f(func(s *Spec) { s.Tenant = tenant; s.Audience = "api://*" }, audience)
	f(func(s *Spec) { s.Tenant, s.Audience, s.Subject = tenant, "api://x", "*" }, "subject: must be the object id of the identity, without wildcards")
	f(func(s *Spec) {
		s.Tenant, s.Audience, s.Principal, s.ExternalID = tenant, "api://x", "111122223333", "id"
	},
		"principal: is not used with tenant, whose tokens take its place; drop one of both", "external_id: is not used with tenant, whose tokens take its place; drop one of both")
	f(func(s *Spec) { s.SentinelWorkspace = "my-workspace" }, "sentinel_workspace: must be the workspace's id: 32 small hexadecimal digits in five groups")
	f(func(s *Spec) { s.SentinelWorkspace = guid; s.Role = "logs" }, "role: must begin with OIDC_, or Sentinel's connector does not take it")
	f(func(s *Spec) { s.SentinelGovernment = true }, "sentinel_government: is only used with sentinel_workspace; add that, or drop this")
}

func TestNewRefusesServices(t *testing.T) {
	f := func(s Spec, want ...string) {
		t.Helper()
		site := here()
		site.VPCs = map[string][]string{"eu-west-1": {"vpc-0000000a"}, "us-east-1": {"vpc-0000000b"}}
		_, err := New(s, site)
		if got := lines(err); got != strings.Join(want, "\n") {
			t.Errorf("%+v:\ngot  %s\nwant %s", s, got, strings.Join(want, "\n"))
		}
	}
	trail := func(c CloudTrail) Spec { return Spec{Type: CloudTrailType, Bucket: "logs-here", CloudTrail: c} }
	f(trail(CloudTrail{Trail: "a--b"}), "cloudtrail.trail: must be 3 to 128 letters, digits, dots, dashes and underscores, with no two of these together")
	f(trail(CloudTrail{Organization: "111122223333"}), "cloudtrail.organization: must be the organisation's id, such as o-a1b2c3d4e5")
	f(trail(CloudTrail{SingleRegion: true, ExistingTrail: true}), "cloudtrail.single_region: has no effect on an existing trail, which keeps its regions; drop it")
	f(trail(CloudTrail{DataBuckets: []string{"data"}}), "cloudtrail.data_buckets: has no effect without data_events; add that, or drop this")
	f(trail(CloudTrail{DataEvents: true, DataBuckets: []string{"data", "logs-here"}}), "cloudtrail.data_buckets[1]: is where the logs are: each log that is read would make another; drop it")

	flows := func(v VPCFlow) Spec { return Spec{Type: VPCFlowType, VPCFlow: v} }
	one := []string{"vpc-0000000a"}
	f(flows(VPCFlow{}), "vpcflow.vpcs: is missing; name the VPCs, or write all")
	f(flows(VPCFlow{VPCs: []string{"all", "vpc-0000000a"}}), "vpcflow.vpcs: names VPCs beside all; drop them, or all")
	f(flows(VPCFlow{VPCs: []string{"my-vpc"}}), "vpcflow.vpcs[0]: is no VPC's id, such as vpc-0123456789abcdef0")
	f(flows(VPCFlow{VPCs: []string{"vpc-0000000c"}, Regions: []string{"eu-west-1", "us-east-1"}}), "vpcflow.vpcs[0]: vpc-0000000c is in none of the regions eu-west-1, us-east-1")
	f(flows(VPCFlow{VPCs: []string{"all"}, Regions: []string{"eu-west-1", "eu-west-2"}}), "vpcflow.vpcs: there is no VPC in eu-west-2; drop the region")
	f(flows(VPCFlow{VPCs: one, Regions: []string{"cn-north-1"}}), "vpcflow.regions[0]: cn-north-1 is of the partition aws-cn, and the credentials are of aws; use credentials of that partition")
	f(flows(VPCFlow{VPCs: one, Regions: []string{"eu-west-1", "eu-west-1"}}), "vpcflow.regions[1]: eu-west-1 is given twice; drop one")
	f(flows(VPCFlow{VPCs: one, Traffic: "all"}), "vpcflow.traffic: must be ALL, ACCEPT or REJECT")
	f(flows(VPCFlow{VPCs: one, Interval: 300}), "vpcflow.interval: must be 60 or 600 seconds")
	f(flows(VPCFlow{VPCs: one, Fields: []string{"srcaddr"}}), "vpcflow.fields: must have start, which is the time of each row; add it")
	known := strings.Join(append(columnFields(), moreFields...), ", ")
	f(flows(VPCFlow{VPCs: one, Fields: []string{"start", "source"}}), `vpcflow.fields[1]: "source" is no field of VPC flow logs; known are `+known)

	guard := func(g GuardDuty) Spec { return Spec{Type: GuardDutyType, GuardDuty: g} }
	f(guard(GuardDuty{Frequency: "HOURLY"}), "guardduty.frequency: must be one of FIFTEEN_MINUTES, ONE_HOUR, SIX_HOURS")
	f(guard(GuardDuty{Regions: []string{"eu-west-1", "eu-west-1"}}), "guardduty.regions[1]: eu-west-1 is given twice; drop one")
	f(Spec{Type: GuardDutyType, Region: "eu-south-1", GuardDuty: GuardDuty{Regions: []string{"eu-west-1"}}},
		"guardduty.regions[0]: GuardDuty of eu-west-1 cannot write to a bucket in eu-south-1, a region that accounts opt in to; choose another region for the bucket, or make a set-up for each")
}

// lines is the text of an error, empty when there is none.
func lines(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNewRefusesLongPolicies(t *testing.T) {
	s := Spec{Type: CloudTrailType, ExternalID: strings.Repeat("x", 1224)}
	s.Principal = "arn:aws:iam::111122223333:role/" + strings.Repeat("p", 900)
	_, err := New(s, here())
	if !errors.Is(err, policy.ErrTooLarge) || !strings.Contains(err.Error(), "trust policy of role logferry-cloudtrail") {
		t.Errorf("got %v; want the trust policy refused as too large", err)
	}
}

func TestExternalIDs(t *testing.T) {
	made, err := New(Spec{Type: CloudTrailType}, here())
	if err != nil {
		t.Fatal(err)
	}
	other, err := New(Spec{Type: CloudTrailType}, here())
	if err != nil {
		t.Fatal(err)
	}
	if len(made.ExternalID) < 20 || made.ExternalID == other.ExternalID {
		t.Errorf("got external ids %q and %q; want long ones that differ", made.ExternalID, other.ExternalID)
	}
	if got := ExternalID(made.Role.Trust); got != made.ExternalID {
		t.Errorf("the trust policy asks for %q; want %q", got, made.ExternalID)
	}
	// The one that a role asks for is kept, unless another is given.
	site := here()
	site.ExternalID = ExternalID(made.Role.Trust)
	if again, _ := New(Spec{Type: CloudTrailType}, site); again.ExternalID != made.ExternalID {
		t.Errorf("got %q the second time; want %q", again.ExternalID, made.ExternalID)
	}
	if given, _ := New(Spec{Type: CloudTrailType, ExternalID: "mine"}, site); given.ExternalID != "mine" {
		t.Errorf("got %q; want the one that was given", given.ExternalID)
	}
	if got := ExternalID(policy.New()); got != "" {
		t.Errorf("got %q of an empty policy", got)
	}
}
