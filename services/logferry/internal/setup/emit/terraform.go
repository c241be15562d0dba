package emit

import (
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// module is a Terraform configuration in the making.
type module struct {
	onaws.Blueprint
	writer
	parameters []parameter
}

// own is what the resources of a set-up are called in the configuration.
const own = "logferry"

// terraform returns a configuration in one file.
func terraform(b onaws.Blueprint, values Values) string {
	m := &module{Blueprint: b, parameters: parameters(b, values)}
	m.text = m.quote
	m.head()
	m.identity()
	m.key()
	m.queues()
	m.announcing()
	m.bucket()
	m.trail()
	m.flowLogs()
	m.detectors()
	m.outputs()
	return m.String()
}

func (m *module) head() {
	lines := []string{"Written by logferry setup aws --emit terraform; it makes what apply would."}
	for _, left := range cannot(m.Blueprint, Terraform) {
		lines = append(lines, "", left)
	}
	m.WriteString(wrapped(lines...))
	m.top("terraform", object{
		{"required_version", ">= 1.5"},
		{"required_providers", block{{"aws", object{{"source", "hashicorp/aws"}, {"version", ">= 6.0"}}}}},
	})
	for _, p := range m.parameters {
		pattern := terraformPattern(p.pattern)
		body := object{{"type", raw("string")}, {"description", p.about}}
		if p.usual {
			body = append(body, field{"default", p.value})
		}
		m.plain(heading("variable", p.variable), append(body, field{"validation", block{
			{"condition", raw("can(regex(" + escaped(pattern) + ", var." + p.variable + "))")},
			{"error_message", "It must match " + pattern},
		}}))
	}
	for _, data := range []string{"aws_caller_identity", "aws_partition", "aws_region"} {
		m.WriteString("\n" + heading("data", data, "current") + " {}\n")
	}
	m.top("locals", object{
		{"account", raw("data.aws_caller_identity.current.account_id")},
		{"partition", raw("data.aws_partition.current.partition")},
		{"dns_suffix", raw("data.aws_partition.current.dns_suffix")},
		{"region", raw("data.aws_region.current.region")},
	})
}

// terraformPattern leaves out the length, which RE2 takes up to 1000 only.
func terraformPattern(pattern string) string { return strings.Replace(pattern, "{2,1224}", "{2,}", 1) }

// plain writes a block whose texts are written as they are: variables know
// nothing of each other.
func (m *module) plain(heading string, body object) {
	text := m.text
	m.text = func(s string) string { return escaped(strings.ReplaceAll(s, "${", "$${")) }
	m.top(heading, body)
	m.text = text
}

// quote returns a text with what Terraform knows left to it.
func (m *module) quote(text string) string {
	var marks []mark
	for _, p := range m.parameters {
		if text == p.value {
			return "var." + p.variable
		}
		marks = append(marks, mark{p.value, "${var." + p.variable + "}"})
	}
	switch text {
	case m.Account:
		return "local.account"
	case m.Region:
		return "local.region"
	}
	out, _ := marked(text, append(marks,
		mark{"s3." + m.Region + "." + onaws.DNSSuffix(m.Partition), "s3.${local.region}.${local.dns_suffix}"},
		mark{"arn:" + m.Partition + ":", "arn:${local.partition}:"},
		mark{m.Account, "${local.account}"}, mark{m.Region, "${local.region}"},
	), "$${")
	return escaped(out)
}

// escaped returns a text in quotes.
func escaped(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "%{", "%%{").Replace(text) + `"`
}

// resource writes a resource of the set-up's own name.
func (m *module) resource(kind string, body object) { m.top(heading("resource", kind, own), body) }

func (m *module) tags() field { return field{"tags", object{{onaws.Tag, m.Setup}}} }

func after(resources ...string) field {
	list := make([]any, len(resources))
	for i, r := range resources {
		list[i] = raw(r)
	}
	return field{"depends_on", list}
}

// encoded is a policy as an argument.
func encoded(statements ...policy.Statement) call { return call{"jsonencode", document(statements...)} }

func (m *module) identity() {
	for i, p := range m.Providers {
		m.top(heading("resource", "aws_iam_openid_connect_provider", own+number(i, len(m.Providers))), object{
			{"url", p.URL}, {"client_id_list", []any{p.Audience}}, m.tags(),
		})
	}
	m.resource("aws_iam_role", object{
		{"name", m.Role.Name}, {"assume_role_policy", encoded(m.Role.Trust.Statement...)}, m.tags(),
	})
	m.resource("aws_iam_role_policy", object{
		{"name", m.Role.PolicyName}, {"role", raw("aws_iam_role.logferry.id")},
		{"policy", encoded(m.Role.Policy.Statement...)},
	})
}

func (m *module) key() {
	if m.Key == nil || m.Key.ARN != "" {
		return
	}
	m.resource("aws_kms_key", object{
		{"description", "Logs of " + m.Setup}, {"enable_key_rotation", true},
		{"policy", encoded(keyPolicy(m.Blueprint)...)}, m.tags(), after("aws_iam_role.logferry"),
	})
	m.resource("aws_kms_alias", object{{"name", m.Key.Alias}, {"target_key_id", raw("aws_kms_key.logferry.key_id")}})
}

// keyARN is the ARN of the key.
func (m *module) keyARN() any {
	if m.Key.ARN != "" {
		return m.Key.ARN
	}
	return raw("aws_kms_key.logferry.arn")
}

func (m *module) queues() {
	if m.Queue.Existing {
		m.top(heading("data", "aws_sqs_queue", own), object{{"name", m.Queue.Name}})
		return
	}
	m.top(heading("resource", "aws_sqs_queue", "dead"), append(object{{"name", m.DeadQueue.Name}}, append(arguments(m.DeadQueue), m.tags())...))
	m.resource("aws_sqs_queue", append(object{{"name", m.Queue.Name}},
		append(arguments(m.Queue), m.tags(), after("aws_sqs_queue.dead"))...))
	m.resource("aws_sqs_queue_policy", object{
		{"queue_url", raw("aws_sqs_queue.logferry.url")}, {"policy", encoded(m.Queue.Statements...)}, after("aws_iam_role.logferry"),
	})
}

func arguments(q onaws.Queue) object {
	var o object
	for _, a := range queueAttributes {
		value, ok := q.Attributes[a.name]
		if !ok {
			continue
		}
		argument := tree(value)
		if _, ok := argument.(object); ok {
			argument = call{"jsonencode", argument}
		}
		o = append(o, field{a.argument, argument})
	}
	return o
}

func (m *module) announcing() {
	if m.Topic != nil {
		var first []field
		if !m.Topic.Existing {
			m.resource("aws_sns_topic", object{{"name", m.Topic.Name}, m.tags()})
			m.resource("aws_sns_topic_policy", object{
				{"arn", raw("aws_sns_topic.logferry.arn")}, {"policy", encoded(m.Topic.Statements...)},
			})
			first = []field{after("aws_sns_topic.logferry")}
		}
		m.resource("aws_sns_topic_subscription", append(object{
			{"topic_arn", m.Topic.ARN}, {"protocol", "sqs"}, {"endpoint", m.queueARN()}, {"raw_message_delivery", true},
		}, first...))
	}
	if m.Rule != nil {
		m.resource("aws_cloudwatch_event_rule", object{
			{"name", m.Rule.Name}, {"event_pattern", call{"jsonencode", tree(m.Rule.Pattern)}}, m.tags(),
		})
		m.resource("aws_cloudwatch_event_target", object{
			{"rule", raw("aws_cloudwatch_event_rule.logferry.name")}, {"target_id", "queue"}, {"arn", m.queueARN()},
		})
	}
}

func (m *module) queueARN() any {
	if m.Queue.Existing {
		return raw("data.aws_sqs_queue.logferry.arn")
	}
	return raw("aws_sqs_queue.logferry.arn")
}

// bucket writes a new bucket. Its notification waits for the policies of what
// it names, which S3 tries out.
func (m *module) bucket() {
	if m.Bucket.Existing {
		return
	}
	id := field{"bucket", raw("aws_s3_bucket.logferry.id")}
	m.resource("aws_s3_bucket", object{{"bucket", m.Bucket.Name}, m.tags()})
	m.resource("aws_s3_bucket_public_access_block", object{
		id, {"block_public_acls", true}, {"block_public_policy", true}, {"ignore_public_acls", true}, {"restrict_public_buckets", true},
	})
	if m.Bucket.Encrypted {
		m.resource("aws_s3_bucket_server_side_encryption_configuration", object{id, {"rule", block{
			{"bucket_key_enabled", true},
			{"apply_server_side_encryption_by_default", block{{"sse_algorithm", "aws:kms"}, {"kms_master_key_id", m.keyARN()}}},
		}}})
	}
	m.resource("aws_s3_bucket_policy", object{id, {"policy", encoded(m.Bucket.Statements...)}})
	n := m.Notification
	entry := block{{"id", n.ID}, {"events", []any{objectCreated}}}
	for _, r := range keyRules(n) {
		entry = append(entry, field{"filter_" + r.key, r.value})
	}
	switch {
	case m.Rule != nil:
		m.resource("aws_s3_bucket_notification", object{id, {"eventbridge", true}})
	case m.Topic != nil:
		body := object{id}
		if !m.Topic.Existing {
			body = append(body, after("aws_sns_topic_policy.logferry"))
		}
		m.resource("aws_s3_bucket_notification", append(body, field{"topic", append(entry, field{"topic_arn", m.Topic.ARN})}))
	case m.Queue.Existing:
		m.resource("aws_s3_bucket_notification", object{id, {"queue", append(entry, field{"queue_arn", m.queueARN()})}})
	default:
		m.resource("aws_s3_bucket_notification", object{
			id, after("aws_sqs_queue_policy.logferry"), {"queue", append(entry, field{"queue_arn", m.queueARN()})},
		})
	}
}

// written are the policies without which a service cannot write to the bucket.
func (m *module) written() []field {
	if m.Bucket.Existing {
		return nil
	}
	return []field{after("aws_s3_bucket_policy.logferry")}
}

func (m *module) trail() {
	t := m.Trail
	if t == nil || t.Existing {
		return
	}
	body := object{
		{"name", t.Name}, {"s3_bucket_name", m.Bucket.Name}, {"is_multi_region_trail", t.MultiRegion},
		{"include_global_service_events", true}, {"is_organization_trail", t.Organization},
		{"enable_log_file_validation", true},
	}
	if t.KeyPrefix != "" {
		body = append(body, field{"s3_key_prefix", t.KeyPrefix})
	}
	if m.Key != nil {
		body = append(body, field{"kms_key_id", m.keyARN()})
	}
	body = append(append(body, m.tags()), m.written()...)
	if len(t.DataEvents) > 0 {
		body = append(body, field{"event_selector", block{
			{"read_write_type", "All"}, {"include_management_events", true},
			{"data_resource", block{{"type", "AWS::S3::Object"}, {"values", list(t.DataEvents)}}},
		}})
	}
	m.resource("aws_cloudtrail", body)
}

func (m *module) flowLogs() {
	for i, f := range m.FlowLogs {
		format := "plain-text"
		if f.Parquet {
			format = "parquet"
		}
		body := append(m.in(f.Region), object{
			{"vpc_id", f.VPC}, {"traffic_type", f.Traffic}, {"log_destination_type", "s3"},
			{"log_destination", f.Destination}, {"log_format", f.Format}, {"max_aggregation_interval", f.Interval}, m.tags(),
		}...)
		m.top(heading("resource", "aws_flow_log", own+number(i, len(m.FlowLogs))), append(append(body, m.written()...),
			field{"destination_options", block{
				{"file_format", format}, {"hive_compatible_partitions", f.Hive}, {"per_hour_partition", f.Hourly},
			}}))
	}
}

// in says of which region a resource is, unless it is the configuration's.
func (m *module) in(region string) object {
	if region == m.Region {
		return nil
	}
	return object{{"region", region}}
}

func (m *module) detectors() {
	for i, d := range m.Detectors {
		name := own + number(i, len(m.Detectors))
		m.top(heading("resource", "aws_guardduty_detector", name), append(m.in(d.Region), object{
			{"enable", true}, {"finding_publishing_frequency", d.Frequency}, m.tags(),
		}...))
		m.top(heading("resource", "aws_guardduty_publishing_destination", name), append(append(m.in(d.Region), object{
			{"detector_id", raw("aws_guardduty_detector." + name + ".id")},
			{"destination_arn", d.Destination}, {"kms_key_arn", m.keyARN()},
		}...), m.written()...))
	}
}

// outputs are what a connection is made of.
func (m *module) outputs() {
	url := raw("aws_sqs_queue.logferry.url")
	if m.Queue.Existing {
		url = "data." + url
	}
	m.top(heading("output", "role_arn"), object{{"value", raw("aws_iam_role.logferry.arn")}})
	m.top(heading("output", "queue_url"), object{{"value", url}})
	if m.Table != "" {
		m.plain(heading("output", "table"), object{{"value", m.Table}})
	}
}
