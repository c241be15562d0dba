package emit

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// actions are what IAM calls the calls that it does not call as the API does,
// or that need more than one.
// Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var actions = map[string][]string{
	"s3:HeadBucket":                         {"s3:ListBucket"},
	"s3:ListObjectVersions":                 {"s3:ListBucketVersions"},
	"s3:DeleteObjects":                      {"s3:DeleteObject", "s3:DeleteObjectVersion"},
	"s3:GetBucketEncryption":                {"s3:GetEncryptionConfiguration"},
	"s3:PutBucketEncryption":                {"s3:PutEncryptionConfiguration"},
	"s3:GetBucketNotificationConfiguration": {"s3:GetBucketNotification"},
	"s3:PutBucketNotificationConfiguration": {"s3:PutBucketNotification"},
	"iam:CreateRole":                        {"iam:CreateRole", "iam:TagRole"},
	"iam:CreateOpenIDConnectProvider":       {"iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"},
	"kms:CreateKey":                         {"kms:CreateKey", "kms:TagResource"},
	"sqs:CreateQueue":                       {"sqs:CreateQueue", "sqs:TagQueue"},
	"sns:CreateTopic":                       {"sns:CreateTopic", "sns:TagResource"},
	"cloudtrail:CreateTrail":                {"cloudtrail:CreateTrail", "cloudtrail:AddTags"},
	"guardduty:CreateDetector":              {"guardduty:CreateDetector", "guardduty:TagResource"},
	"ec2:CreateFlowLogs":                    {"ec2:CreateFlowLogs", "ec2:CreateTags", "logs:CreateLogDelivery"},
	"ec2:DeleteFlowLogs":                    {"ec2:DeleteFlowLogs", "logs:DeleteLogDelivery"},
	"eventbridge:PutRule":                   {"events:PutRule", "events:TagResource"},
}

var input = regexp.MustCompile(`\b([a-z0-9]+)\.([A-Z]\w+)Input\{`)

// Every call that package onaws makes is allowed by the policy for the person
// who sets up, for some blueprint, and the policy allows little besides.
func TestPersonMayCall(t *testing.T) {
	allowed := map[string]bool{}
	cases, err := filepath.Glob("../onaws/testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		for _, s := range person(blueprint(t, file)) {
			for _, action := range s.Action {
				allowed[action] = true
			}
		}
	}
	needed := calls(t)
	for _, action := range slices.Sorted(maps.Keys(needed)) {
		if !allowed[action] {
			t.Errorf("%s is called and not allowed", action)
		}
	}
	// What services call in the person's name, or verify does through others.
	besides := []string{"iam:CreateServiceLinkedRole", "organizations:", "ecs:", "kms:GenerateDataKey", "kms:Decrypt", "s3:GetBucketLocation"}
	for _, action := range slices.Sorted(maps.Keys(allowed)) {
		known := slices.ContainsFunc(besides, func(prefix string) bool { return strings.HasPrefix(action, prefix) })
		if !needed[action] && !known {
			t.Errorf("%s is allowed and never called", action)
		}
	}
}

// calls returns the actions of all calls in the source of package onaws.
func calls(t *testing.T) map[string]bool {
	files, err := filepath.Glob("../onaws/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	needed := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range input.FindAllStringSubmatch(string(source), -1) {
			call := m[1] + ":" + m[2]
			if mapped, ok := actions[call]; ok {
				for _, action := range mapped {
					needed[action] = true
				}
				continue
			}
			needed[strings.Replace(call, "eventbridge:", "events:", 1)] = true
		}
	}
	return needed
}

// The policies for people and roles are within what IAM takes inline.
func TestPersonSize(t *testing.T) {
	cases, _ := filepath.Glob("../onaws/testdata/*.txtar")
	for _, file := range cases {
		// A managed policy takes less than the inline ones of a role.
		const managed = 6_144
		if err := policy.New(person(blueprint(t, file))...).CheckSize(managed); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// A person who sets up flow logs may only do that.
func TestPersonHasNoMore(t *testing.T) {
	f := func(spec onaws.Spec, service string, want bool) {
		t.Helper()
		b, err := onaws.New(spec, onaws.Site{Partition: "aws", Account: "111122223333", Region: "eu-west-1"})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(person(b), func(s policy.Statement) bool {
			return slices.ContainsFunc(s.Action, func(a string) bool { return strings.HasPrefix(a, service) })
		})
		if got != want {
			t.Errorf("%s, %s: got %t; want %t", spec.Type, service, got, want)
		}
	}
	flows := onaws.Spec{Type: onaws.VPCFlowType, VPCFlow: onaws.VPCFlow{VPCs: []string{"vpc-0000000a"}}}
	f(flows, "ec2:", true)
	f(flows, "ecs:", true)
	f(flows, "cloudtrail:", false)
	f(flows, "kms:", false)
	flows.VPCFlow.Fields = []string{"start", "srcaddr"}
	f(flows, "ecs:", false)
	f(onaws.Spec{Type: onaws.GuardDutyType}, "kms:", true)
	f(onaws.Spec{Type: onaws.CloudTrailType}, "organizations:", false)
	f(onaws.Spec{Type: onaws.CloudTrailType, Via: onaws.ViaTopic}, "sns:", true)
	f(onaws.Spec{Type: onaws.CloudTrailType, Tenant: "0a1b2c3d-0000-4000-8000-000000000001", Audience: "api://x"}, "iam:GetOpenID", true)
}
