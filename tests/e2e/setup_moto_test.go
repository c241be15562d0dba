//go:build moto

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/goccy/go-yaml"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/tests/story"
)

// forgotten are the values that moto takes and does not tell again, so that
// every apply finds them different. AWS tells them.
var forgotten = []string{"~ RedriveAllowPolicy: none -> "}

// outcome is what setup aws prints for programs.
type outcome struct {
	Changes []struct {
		Resource, Action, Why string
		Lines                 []string
	}
}

// pending lists the changes that do something, but for what moto forgets.
func (o outcome) pending(forgotten ...string) []string {
	var all []string
	for _, c := range o.Changes {
		unknown := slices.ContainsFunc(c.Lines, func(line string) bool {
			return !slices.ContainsFunc(forgotten, func(f string) bool { return strings.HasPrefix(line, f) })
		})
		if c.Action != "keep" && c.Action != "leave" && unknown {
			all = append(all, c.Action+" "+c.Resource+" "+strings.Join(c.Lines, " "))
		}
	}
	return all
}

// bench runs setup aws against moto.
type bench struct {
	*moto
	t   *testing.T
	env []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	m := startMoto(t)
	return &bench{m, t, m.env()}
}

// try runs a command of setup aws and returns what it printed.
func (b *bench) try(args ...string) (string, error) {
	b.t.Helper()
	p := story.Run(b.t, b.env, "logferry", append([]string{"setup", "aws"}, args...)...)
	err := p.Wait(story.Patience)
	return p.Output(), err
}

// run runs a command that must succeed.
func (b *bench) run(args ...string) string {
	b.t.Helper()
	out, err := b.try(args...)
	if err != nil {
		b.t.Fatalf("setup aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// changes runs a command and reads what it changed.
func (b *bench) changes(args ...string) outcome {
	b.t.Helper()
	out := b.run(append(args, "--output", "json")...)
	var o outcome
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		b.t.Fatalf("setup aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return o
}

// tagged lists what has the tag of a set-up, by a service of its own, which moto
// has in one partition only.
func (b *bench) tagged() []string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.endpoint, strings.NewReader(`{"TagFilters":[{"Key":"logferry-setup"}]}`))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "ResourceGroupsTaggingAPI_20170126.GetResources")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/tagging/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	var found struct {
		ResourceTagMappingList []struct{ ResourceARN string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		b.t.Fatal(err)
	}
	var arns []string
	for _, r := range found.ResourceTagMappingList {
		arns = append(arns, r.ResourceARN)
	}
	return arns
}

// reset forgets all that moto holds.
func (b *bench) reset() {
	b.t.Helper()
	answer, err := http.Post(b.endpoint+"/moto-api/reset", "", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	answer.Body.Close()
}

// again checks that an apply made all, that a second one changes nothing, and
// that a destroy leaves nothing.
func (b *bench) again(spec []string, forgets ...string) {
	b.t.Helper()
	with := func(command string, more ...string) []string { return slices.Concat([]string{command}, spec, more) }
	if planned, made := b.changes(with("plan")...), b.changes(with("apply", "--yes")...); len(planned.pending()) == 0 || len(planned.pending()) != len(made.pending()) {
		b.t.Errorf("apply made %q; want what was planned: %q", made.pending(), planned.pending())
	}
	if len(b.tagged()) == 0 && !slices.Contains(spec, "--region") {
		b.t.Error("nothing is tagged; want what apply made")
	}
	if left := b.changes(with("apply", "--yes")...).pending(slices.Concat(forgotten, forgets)...); len(left) > 0 {
		b.t.Errorf("a second apply changed %q; want nothing", left)
	}
	b.run(with("destroy", "--yes")...)
	b.gone(spec)
}

// gone checks that nothing is left but keys, which AWS deletes days later.
func (b *bench) gone(spec []string) {
	b.t.Helper()
	left := slices.DeleteFunc(b.tagged(), func(arn string) bool { return strings.Contains(arn, ":kms:") })
	if len(left) > 0 {
		b.t.Errorf("destroy left %q; want nothing that is tagged", left)
	}
	if more := b.changes(slices.Concat([]string{"destroy", "--yes"}, spec)...).pending(); len(more) > 0 {
		b.t.Errorf("a second destroy took %q; want nothing", more)
	}
}

func TestSetupMotoTypes(t *testing.T) {
	b := newBench(t)
	f := func(spec ...string) {
		t.Helper()
		b.again(spec)
		b.reset()
	}
	f("--type", "cloudtrail")
	f("--type", "cloudtrail", "--data-events", "--key", "alias/trail", "--prefix", "audit")
	f("--type", "cloudtrail", "--via", "topic", "--data-events", "--data-bucket", "orders,invoices", "--single-region")
	f("--type", "cloudtrail", "--tenant", "11111111-2222-3333-4444-555555555555", "--audience", "api://logferry")
	f("--type", "vpcflow", "--vpc", "all")
	f("--type", "vpcflow", "--vpc", "all", "--vpc-region", "us-east-1,eu-west-1", "--key", "alias/flows", "--via", "topic", "--interval", "60")
	f("--type", "cloudtrail", "--region", "us-gov-west-1", "--single-region")
	f("--type", "vpcflow", "--vpc", "all", "--region", "cn-north-1")
}

// moto takes the options of a flow log and the switch of a bucket and does not
// tell them again.
func TestSetupMotoTypesWhoseOptionsMotoForgets(t *testing.T) {
	b := newBench(t)
	b.again([]string{"--type", "vpcflow", "--vpc", "all", "--parquet", "--hive"}, "~ form: text -> Parquet, Hive partitions")
	b.reset()
	b.again([]string{"--type", "cloudtrail", "--via", "eventbridge"}, "+ all events go to EventBridge")
}

// wired is moto with the bucket and the queue that a set-up made.
type wired struct {
	*moto
	bucket string
}

// Put stores an object where the service would; moto announces it.
func (w wired) Put(key string, body []byte) (notification.Object, error) {
	key = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/24/" + path.Base(key)
	_, err := w.s3.PutObject(w.ctx, &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: bytes.NewReader(body)})
	return notification.Object{}, err
}

// From nothing to rows and back, beside a process that has no connection until
// the set-up writes it. moto looks at no external ID, and takes a
// denial under a condition for one without, so that nobody could put anything
// into the bucket: the test takes that statement away before it does.
func TestSetupMotoFromNothingToRows(t *testing.T) {
	b := newBench(t)
	spec := []string{"--type", "cloudtrail"}
	with := func(command string, more ...string) []string { return slices.Concat([]string{command}, spec, more) }
	b.run(with("plan")...)
	if found := b.tagged(); len(found) > 0 {
		t.Fatalf("plan made %q; want nothing", found)
	}
	s := story.New(t)
	s.Env, s.Config.Connections = b.env, nil
	p := s.Start("logferry", "run")
	config, _ := s.ConfigFile()
	wire := with("apply", "--yes", "--config", config, "--connection", "made", "--destination", "sentinel")
	b.tells("connection made: added", wire...)
	b.tells("connection made: unchanged", wire...)
	b.tells("\nIn the configuration:\n\nconnections:\n", with("apply", "--yes")...)
	from := b.connection(config, "made")
	if _, err := b.s3.DeleteBucketPolicy(b.ctx, &s3.DeleteBucketPolicyInput{Bucket: &from.Buckets[0]}); err != nil {
		t.Fatal(err)
	}
	b.verified(with("verify", "--canary", "--output", "json"), "the policy of the bucket and the role's refusal",
		"setup.aws.resource", "setup.aws.resource", "setup.aws.external_id")

	m := *b.moto
	m.url = from.QueueURL
	s.AWS = wired{&m, from.Buckets[0]}
	for range 5 {
		s.Put(s.Logs.CloudTrail(20))
	}
	s.Delivered()
	p.Stop()

	out := b.run(with("destroy", "--yes")...)
	if want := "it holds logs; --delete-logs deletes it with them"; !strings.Contains(out, want) {
		t.Errorf("destroy said\n%s\nwant that the bucket stays: %s", out, want)
	}
	b.run(with("destroy", "--yes", "--delete-logs")...)
	b.gone(spec)
}

// tells runs a command that must succeed and say something.
func (b *bench) tells(want string, args ...string) {
	b.t.Helper()
	if out := b.run(args...); !strings.Contains(out, want) {
		b.t.Fatalf("setup aws %s: got\n%s\nwant %q", strings.Join(args, " "), out, want)
	}
}

// connection reads a connection of Logferry.
func (b *bench) connection(config, name string) (c connection.Connection) {
	b.t.Helper()
	p := story.Run(b.t, b.env, "logferry", "connection", "show", "--config", config, name)
	err := p.Wait(story.Patience)
	if err == nil {
		err = yaml.Unmarshal([]byte(p.Output()), &c)
	}
	if err != nil {
		b.t.Fatalf("connection show %s: %v\n%s", name, err, p.Output())
	}
	return c
}

// verified runs a verification that must find these codes wrong and no other.
func (b *bench) verified(args []string, what string, want ...string) {
	b.t.Helper()
	out, _ := b.try(args...)
	var report struct {
		Findings []struct{ Code, Verdict, Title, Evidence string }
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&report); err != nil {
		b.t.Fatalf("verify: %v\n%s", err, out)
	}
	var got []string
	for _, f := range report.Findings {
		if f.Verdict == "failed" {
			got = append(got, f.Code)
		}
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("verify found wrong %q; want %q, %s\n%s", got, want, what, out)
	}
}

// What others made of a bucket's notifications stays, byte for byte.
func TestSetupMotoKeepsNotificationsOfOthers(t *testing.T) {
	b := newBench(t)
	filter := func(prefix string) *s3types.NotificationConfigurationFilter {
		return &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{FilterRules: []s3types.FilterRule{
			{Name: s3types.FilterRuleNamePrefix, Value: &prefix}, {Name: s3types.FilterRuleNameSuffix, Value: aws.String(".csv")},
		}}}
	}
	theirs := &s3types.NotificationConfiguration{
		TopicConfigurations: []s3types.TopicConfiguration{{
			Id: aws.String("topic"), TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:reports"), Events: []s3types.Event{"s3:ObjectCreated:Put", "s3:ObjectRemoved:*"}, Filter: filter("reports/"),
		}},
		LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{{
			Id: aws.String("function"), LambdaFunctionArn: aws.String("arn:aws:lambda:us-east-1:123456789012:function:thumbs"), Events: []s3types.Event{"s3:ObjectCreated:*"}, Filter: filter("images/"),
		}},
		QueueConfigurations: []s3types.QueueConfiguration{{
			Id: aws.String("queue"), QueueArn: aws.String("arn:aws:sqs:us-east-1:123456789012:" + story.Queue), Events: []s3types.Event{"s3:ObjectCreated:*"}, Filter: filter("orders/"),
		}},
	}
	if _, err := b.s3.PutBucketNotificationConfiguration(b.ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(story.Bucket), NotificationConfiguration: theirs,
	}); err != nil {
		t.Fatal(err)
	}
	before := b.notifications()
	for _, via := range []string{"queue", "topic"} {
		spec := []string{"--type", "cloudtrail", "--bucket", story.Bucket, "--existing-bucket", "--via", via}
		b.run(slices.Concat([]string{"apply", "--yes"}, spec)...)
		after := b.notifications()
		for _, entry := range before {
			if !slices.Contains(after, entry) {
				t.Errorf("via %s: after apply there are\n%s\nwant also\n%s", via, strings.Join(after, "\n"), entry)
			}
		}
		if len(after) != len(before)+1 {
			t.Errorf("via %s: apply left %d entries; want one more than %d", via, len(after), len(before))
		}
		b.run(slices.Concat([]string{"destroy", "--yes"}, spec)...)
		if after := b.notifications(); !slices.Equal(after, before) {
			t.Errorf("via %s: after destroy there are\n%s\nwant\n%s", via, strings.Join(after, "\n"), strings.Join(before, "\n"))
		}
	}
}

// notifications lists the entries of the bucket's notifications as S3 tells
// them.
func (b *bench) notifications() []string {
	b.t.Helper()
	answer, err := http.Get(b.endpoint + "/" + story.Bucket + "?notification")
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var entries []string
	for line := range strings.SplitAfterSeq(string(text), "Configuration>") {
		if strings.Contains(line, "<Event>") {
			entries = append(entries, strings.Join(strings.Fields(line), ""))
		}
	}
	slices.Sort(entries)
	return entries
}

// An entry that S3 would refuse beside ours is named before anything is made.
func TestSetupMotoOverlap(t *testing.T) {
	b := newBench(t) // its bucket announces everything already
	out, err := b.try("apply", "--yes", "--type", "cloudtrail", "--bucket", story.Bucket, "--existing-bucket")
	want := "overlapping keys, and there is the queue entry"
	if err == nil || !strings.Contains(out, want) || !strings.Contains(out, story.Queue) || !strings.Contains(out, "--via eventbridge") {
		t.Errorf("got %v\n%s\nwant a refusal that names the entry: %s", err, out, want)
	}
	if found := b.tagged(); len(found) > 0 {
		t.Errorf("a refused apply made %q; want nothing", found)
	}
}
