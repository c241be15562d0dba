package emit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
)

// stack is a CloudFormation template in the making.
type stack struct {
	onaws.Blueprint
	parameters []parameter
	resources  object
}

// cloudFormation returns a template of YAML.
func cloudFormation(b onaws.Blueprint, values Values) (string, error) {
	s := &stack{Blueprint: b, parameters: parameters(b, values)}
	s.identity()
	s.storage()
	s.announcing()
	s.trail()
	s.flowLogs()
	s.detectors()
	template := object{
		{"AWSTemplateFormatVersion", "2010-09-09"},
		{"Description", "Logferry " + b.Type + ": what Logferry needs to read these logs."},
		{"Parameters", s.asked()},
		{"Resources", texts(s.resources, s.text)},
		{"Outputs", texts(s.outputs(), s.text)},
	}
	if len(s.parameters) == 0 {
		template = slices.DeleteFunc(template, func(f field) bool { return f.key == "Parameters" })
	}
	text, err := yaml.MarshalWithOptions(slice(template), yaml.IndentSequence(true))
	if err != nil {
		return "", fmt.Errorf("write the template: %w", err)
	}
	return s.head() + "\n" + string(text), nil
}

func (s *stack) head() string {
	var ask strings.Builder
	for _, p := range s.parameters {
		if !p.usual {
			ask.WriteString(" " + p.name + "=...")
		}
	}
	overrides := ""
	if ask.Len() > 0 {
		overrides = " --parameter-overrides" + ask.String()
	}
	head := wrapped("Written by logferry setup aws --emit cloudformation; it makes what apply would.") +
		"#\n#     aws cloudformation deploy --template-file template.yaml --stack-name " + s.Setup +
		" \\\n#         --capabilities CAPABILITY_NAMED_IAM" + overrides + "\n"
	for _, left := range cannot(s.Blueprint, CloudFormation) {
		head += wrapped("", left)
	}
	return head
}

func (s *stack) asked() object {
	var o object
	for _, p := range s.parameters {
		fields := object{{"Type", "String"}, {"Description", p.about}, {"AllowedPattern", p.pattern}}
		if p.usual {
			fields = append(fields, field{"Default", p.value})
		}
		o = append(o, field{p.name, fields})
	}
	return o
}

// text returns a text with what the stack knows left to it.
func (s *stack) text(text string) any {
	var marks []mark
	for _, p := range s.parameters {
		if text == p.value {
			return ref(p.name)
		}
		marks = append(marks, mark{p.value, "${" + p.name + "}"})
	}
	marks = append(marks,
		mark{"s3." + s.Region + "." + onaws.DNSSuffix(s.Partition), "s3.${AWS::Region}.${AWS::URLSuffix}"},
		mark{"arn:" + s.Partition + ":", "arn:${AWS::Partition}:"},
		mark{s.Account, "${AWS::AccountId}"}, mark{s.Region, "${AWS::Region}"},
	)
	sub, found := marked(text, marks, "${!")
	if !found {
		return text
	}
	if alone := strings.TrimSuffix(strings.TrimPrefix(sub, "${"), "}"); "${"+alone+"}" == sub && !strings.Contains(alone, "}") {
		return ref(alone)
	}
	return object{{"Fn::Sub", sub}}
}

func ref(name string) object { return object{{"Ref", name}} }

func attribute(name, of string) object { return object{{"Fn::GetAtt", []any{name, of}}} }

// add adds a resource, which waits for others that it does not refer to.
func (s *stack) add(name, kind string, properties object, after ...string) {
	r := object{{"Type", kind}}
	var waits []any
	for _, name := range after {
		if slices.ContainsFunc(s.resources, func(f field) bool { return f.key == name }) {
			waits = append(waits, name)
		}
	}
	if len(waits) > 0 {
		r = append(r, field{"DependsOn", waits})
	}
	if kind == "AWS::S3::Bucket" || kind == "AWS::KMS::Key" {
		// The logs outlive the stack, and so does what decrypts them.
		r = append(r, field{"DeletionPolicy", "Retain"}, field{"UpdateReplacePolicy", "Retain"})
	}
	s.resources = append(s.resources, field{name, append(r, field{"Properties", properties})})
}

// tags are on everything that takes tags.
func (s *stack) tags() field {
	return field{"Tags", []any{object{{"Key", onaws.Tag}, {"Value", s.Setup}}}}
}

func (s *stack) identity() {
	var providers []string
	for i, p := range s.Providers {
		name := "Provider" + number(i, len(s.Providers))
		providers = append(providers, name)
		s.add(name, "AWS::IAM::OIDCProvider", object{{"Url", p.URL}, {"ClientIdList", []any{p.Audience}}, s.tags()})
	}
	s.add("Role", "AWS::IAM::Role", object{
		{"RoleName", s.Role.Name},
		{"AssumeRolePolicyDocument", document(s.Role.Trust.Statement...)},
		{"Policies", []any{object{
			{"PolicyName", s.Role.PolicyName}, {"PolicyDocument", document(s.Role.Policy.Statement...)},
		}}},
		s.tags(),
	}, providers...)
}

func (s *stack) storage() {
	if s.Key != nil && s.Key.ARN == "" {
		s.add("Key", "AWS::KMS::Key", object{
			{"Description", "Logs of " + s.Setup}, {"EnableKeyRotation", true},
			{"KeyPolicy", document(keyPolicy(s.Blueprint)...)}, s.tags(),
		}, "Role")
		s.add("KeyAlias", "AWS::KMS::Alias", object{{"AliasName", s.Key.Alias}, {"TargetKeyId", ref("Key")}})
	}
	for _, q := range []struct {
		name string
		onaws.Queue
	}{{"DeadQueue", s.DeadQueue}, {"Queue", s.Queue}} {
		if q.Name != "" && !q.Existing {
			s.add(q.name, "AWS::SQS::Queue", append(object{{"QueueName", q.Name}}, append(attributes(q.Attributes), s.tags())...), "DeadQueue")
		}
	}
	if !s.Queue.Existing {
		s.add("QueuePolicy", "AWS::SQS::QueuePolicy", object{
			{"Queues", []any{ref("Queue")}}, {"PolicyDocument", document(s.Queue.Statements...)},
		}, "Role")
	}
}

// attributes are those of a queue as its properties, of the same names but for
// some.
func attributes(have map[string]string) object {
	var o object
	for _, a := range queueAttributes {
		if value, ok := have[a.name]; ok {
			o = append(o, field{a.property, tree(value)})
		}
	}
	return o
}

// queueAttributes are the attributes of queues, as SQS, CloudFormation and
// Terraform name them.
var queueAttributes = []struct{ name, property, argument string }{
	{"VisibilityTimeout", "VisibilityTimeout", "visibility_timeout_seconds"},
	{"ReceiveMessageWaitTimeSeconds", "ReceiveMessageWaitTimeSeconds", "receive_wait_time_seconds"},
	{"MessageRetentionPeriod", "MessageRetentionPeriod", "message_retention_seconds"},
	{"SqsManagedSseEnabled", "SqsManagedSseEnabled", "sqs_managed_sse_enabled"},
	{"RedrivePolicy", "RedrivePolicy", "redrive_policy"},
	{"RedriveAllowPolicy", "RedriveAllowPolicy", "redrive_allow_policy"},
}

// announcing adds the bucket with its notification, and what is between it and
// the queue. S3 tries the queue or topic out, so their policies come first.
func (s *stack) announcing() {
	if s.Topic != nil {
		if !s.Topic.Existing {
			s.add("Topic", "AWS::SNS::Topic", object{{"TopicName", s.Topic.Name}, s.tags()})
			s.add("TopicPolicy", "AWS::SNS::TopicPolicy", object{
				{"Topics", []any{ref("Topic")}}, {"PolicyDocument", document(s.Topic.Statements...)},
			})
		}
		s.add("Subscription", "AWS::SNS::Subscription", object{
			{"TopicArn", s.Topic.ARN}, {"Protocol", "sqs"}, {"Endpoint", s.Queue.ARN}, {"RawMessageDelivery", true},
		}, "Topic", "Queue", "QueuePolicy")
	}
	if s.Rule != nil {
		s.add("Rule", "AWS::Events::Rule", object{
			{"Name", s.Rule.Name}, {"EventPattern", tree(s.Rule.Pattern)},
			{"Targets", []any{object{{"Id", "queue"}, {"Arn", s.Queue.ARN}}}}, s.tags(),
		}, "Queue", "QueuePolicy")
	}
	if s.Bucket.Existing {
		return
	}
	bucket := object{
		{"BucketName", s.Bucket.Name},
		{"PublicAccessBlockConfiguration", object{
			{"BlockPublicAcls", true}, {"BlockPublicPolicy", true}, {"IgnorePublicAcls", true}, {"RestrictPublicBuckets", true},
		}},
	}
	if s.Bucket.Encrypted {
		bucket = append(bucket, field{"BucketEncryption", object{{"ServerSideEncryptionConfiguration", []any{object{
			{"ServerSideEncryptionByDefault", object{{"SSEAlgorithm", "aws:kms"}, {"KMSMasterKeyID", s.key()}}}, {"BucketKeyEnabled", true},
		}}}}})
	}
	bucket = append(bucket, field{"NotificationConfiguration", s.notification()}, s.tags())
	s.add("Bucket", "AWS::S3::Bucket", bucket, "Queue", "QueuePolicy", "Topic", "TopicPolicy")
	s.add("BucketPolicy", "AWS::S3::BucketPolicy", object{
		{"Bucket", ref("Bucket")}, {"PolicyDocument", document(s.Bucket.Statements...)},
	})
}

func (s *stack) notification() object {
	n := s.Notification
	if n.TargetARN == "" {
		return object{{"EventBridgeConfiguration", object{{"EventBridgeEnabled", true}}}}
	}
	kind, target := "QueueConfigurations", "Queue"
	if s.Topic != nil {
		kind, target = "TopicConfigurations", "Topic"
	}
	entry := object{{"Event", objectCreated}, {target, n.TargetARN}}
	var rules []any
	for _, r := range keyRules(n) {
		rules = append(rules, object{{"Name", r.key}, {"Value", r.value}})
	}
	if len(rules) > 0 {
		entry = append(entry, field{"Filter", object{{"S3Key", object{{"Rules", rules}}}}})
	}
	return object{{kind, []any{entry}}}
}

// key is the ARN of the key.
func (s *stack) key() any {
	if s.Key.ARN != "" {
		return s.Key.ARN
	}
	return attribute("Key", "Arn")
}

func (s *stack) trail() {
	t := s.Trail
	if t == nil || t.Existing {
		return
	}
	properties := object{
		{"TrailName", t.Name}, {"S3BucketName", s.Bucket.Name}, {"IsLogging", true},
		{"IsMultiRegionTrail", t.MultiRegion}, {"IncludeGlobalServiceEvents", true}, {"IsOrganizationTrail", t.Organization},
		{"EnableLogFileValidation", true},
	}
	if t.KeyPrefix != "" {
		properties = append(properties, field{"S3KeyPrefix", t.KeyPrefix})
	}
	if s.Key != nil {
		properties = append(properties, field{"KMSKeyId", s.key()})
	}
	if len(t.DataEvents) > 0 {
		properties = append(properties, field{"EventSelectors", []any{object{
			{"ReadWriteType", "All"}, {"IncludeManagementEvents", true},
			{"DataResources", []any{object{{"Type", "AWS::S3::Object"}, {"Values", list(t.DataEvents)}}}},
		}}})
	}
	s.add("Trail", "AWS::CloudTrail::Trail", append(properties, s.tags()), "BucketPolicy")
}

func (s *stack) flowLogs() {
	for i, f := range s.FlowLogs {
		if f.Region != s.Region {
			continue
		}
		format := "plain-text"
		if f.Parquet {
			format = "parquet"
		}
		s.add("FlowLog"+number(i, len(s.FlowLogs)), "AWS::EC2::FlowLog", object{
			{"ResourceType", "VPC"}, {"ResourceId", f.VPC}, {"TrafficType", f.Traffic},
			{"LogDestinationType", "s3"}, {"LogDestination", f.Destination}, {"LogFormat", f.Format},
			{"MaxAggregationInterval", f.Interval},
			{"DestinationOptions", object{
				{"FileFormat", format}, {"HiveCompatiblePartitions", f.Hive}, {"PerHourPartition", f.Hourly},
			}},
			s.tags(),
		}, "BucketPolicy")
	}
}

func (s *stack) detectors() {
	for _, d := range s.Detectors {
		if d.Region != s.Region {
			continue
		}
		s.add("Detector", "AWS::GuardDuty::Detector", object{
			{"Enable", true}, {"FindingPublishingFrequency", d.Frequency}, s.tags(),
		})
		s.add("Publishing", "AWS::GuardDuty::PublishingDestination", object{
			{"DetectorId", ref("Detector")}, {"DestinationType", "S3"},
			{"DestinationProperties", object{{"DestinationArn", d.Destination}, {"KmsKeyArn", s.key()}}},
		}, "BucketPolicy")
	}
}

// outputs are what a connection is made of.
func (s *stack) outputs() object {
	queue := any(ref("Queue"))
	if s.Queue.Existing {
		queue = "https://sqs." + s.Region + "." + onaws.DNSSuffix(s.Partition) + "/" + s.Account + "/" + s.Queue.Name
	}
	o := object{
		{"RoleArn", object{{"Description", "role_arn of the connection"}, {"Value", attribute("Role", "Arn")}}},
		{"QueueUrl", object{{"Description", "queue_url of the connection"}, {"Value", queue}}},
	}
	if s.Table != "" {
		o = append(o, field{"Table", object{{"Description", "The table of the rows"}, {"Value", s.Table}}})
	}
	return o
}

func list(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

// slice returns a tree as the YAML library orders it.
func slice(value any) any {
	switch v := value.(type) {
	case object:
		out := make(yaml.MapSlice, len(v))
		for i, f := range v {
			out[i] = yaml.MapItem{Key: f.key, Value: slice(f.value)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = slice(e)
		}
		return out
	}
	return value
}
