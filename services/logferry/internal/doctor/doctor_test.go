package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/sts"
	"github.com/logferry/logferry/pkg/stage"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/probe"
)

const (
	role  = "arn:aws:iam::123456789012:role/logferry"
	trail = "AWSCloudTrail"
)

// key is that of a log of today.
func key() string {
	return "AWSLogs/123456789012/CloudTrail/us-east-1/" + time.Now().UTC().Format("2006/01/02") + "/a.json.gz"
}

// world is a connection in order, with one object announced, and a bus that is
// worked on.
type world struct {
	t     *testing.T
	cloud *localcloud.Cloud
	p     Patient
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := newClouds(t)
	w.p.Config.Bus.Store = t.TempDir()
	w.p.Bus = works(t, w.p.Config.Bus, w.p.Config.Destinations[0])
	return w
}

// newClouds is a world without a bus.
func newClouds(t *testing.T) *world {
	t.Helper()
	cloud := cloudtest.Start(t, localcloud.Options{
		RequireCredentials: true, Roles: []sts.Role{{ARN: role, ExternalID: "ext-4711"}}})
	url, err := cloud.Feed("logs", "feed")
	if err != nil {
		t.Fatal(err)
	}
	c := cloud.Connection("acme", url, "sentinel")
	c.RoleARN, c.ExternalID, c.Table = role, "ext-4711", trail
	d, err := cloud.Destination("sentinel", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := cloud.S3.Put("logs", key(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	cfg := app.DefaultConfig()
	cfg.Connections, cfg.Destinations = []connection.Connection{c}, []connection.Destination{d}
	return &world{t: t, cloud: cloud, p: Patient{Config: cfg, File: "logferry.yaml", Version: "test", Log: slog.New(slog.DiscardHandler)}}
}

// works opens a bus on which services ask for work, and returns it as others
// than they have it.
func works(t *testing.T, config bus.Config, d connection.Destination) *bus.Bus {
	t.Helper()
	topology := bus.Topology{Destinations: map[string][]string{d.Name: d.TablesOf(nil)}}
	theirs := bustest.Open(t, config, topology)
	attend(t, theirs.Objects)
	attend(t, theirs.Raw)
	for _, name := range topology.Destinations[d.Name] {
		attend(t, func(ctx context.Context) (stage.Source[*batch.Batch], error) { return theirs.Rows(ctx, d.Name, name) })
	}
	ours, err := bus.Attach(t.Context(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ours.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := ours.Bootstrap(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	return ours
}

// attend has a source ask for work until the test ends.
func attend[T any](t *testing.T, open func(context.Context) (stage.Source[T], error)) {
	t.Helper()
	s, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var work conc.WaitGroup
	t.Cleanup(work.Wait)
	work.Go(func() {
		_, _ = s.Next(t.Context())
	})
}

func (w *world) examine() *check.Report { return Examine(w.t.Context(), w.p) }

// bad tells what is not well, with its verdict.
func bad(r *check.Report) []string {
	var codes []string
	for _, f := range r.Findings {
		if f.Verdict == check.Failed || f.Verdict == check.Doubtful {
			codes = append(codes, string(f.Verdict)+" "+f.Code)
		}
	}
	return codes
}

// text is the report as people see it.
func text(t *testing.T, r *check.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Where all is well nothing else is said, and everything stays as it was.
func TestAllIsWell(t *testing.T) {
	w := newWorld(t)
	before, err := w.cloud.SQS.Depth("feed")
	if err != nil {
		t.Fatal(err)
	}
	r := w.examine()
	if got := bad(r); len(got) > 0 {
		t.Errorf("got %q of a patient who is well:\n%s", got, text(t, r))
	}
	want := []string{"config", "bus.reach", "bus.durable", "bus.room", "bus.services",
		"endpoint.reach", "endpoint.reach", "endpoint.reach", "endpoint.reach", "endpoint.reach", "clock",
		"aws.credentials", "aws.role", "aws.identity", "aws.sqs.queue", "aws.sqs.receive", "aws.sqs.visibility", "aws.sqs.delete",
		"aws.sqs.policy", "aws.sqs.flow", "aws.sqs.dead", "aws.s3.list", "aws.s3.get", "aws.s3.logs", "aws.s3.notifications",
		"azure.token", "azure.rule"}
	got := slices.CompactFunc(r.Codes(check.Passed), func(a, b string) bool { return a == b && a == "azure.rule" })
	if want = append(want, "bus.lag", "bus.dead"); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q\n%s", got, want, text(t, r))
	}
	if after, err := w.cloud.SQS.Depth("feed"); err != nil || after != before {
		t.Errorf("the queue holds %+v after %+v (%v); want no change", after, before, err)
	}
	if n := w.cloud.Ingestion.Stats(trail).Rows; n != 0 {
		t.Errorf("%d rows were posted; want none", n)
	}
}

// Whatever single permission is taken away, the doctor names exactly that one;
// what logs are carried without is no failure.
func TestEveryPermissionIsNamed(t *testing.T) {
	bus := newWorld(t).p.Bus
	denied := inject.Fault{Status: 403, Code: "AccessDenied", Message: "User is not authorized to perform this"}
	f := func(service, operation string, fault inject.Fault, want ...string) {
		t.Run(service+" "+operation, func(t *testing.T) {
			w := newClouds(t) // of its own: SQS counts how often a message is received
			w.p.Bus = bus
			rule := w.cloud.Faults.Fail(inject.Match{Service: service, Operation: operation}, fault)
			r := w.examine()
			got := slices.Compact(bad(r)) // one for each table's rule
			if rule.Hits() == 0 || !slices.Equal(got, want) {
				t.Errorf("%d hits, got %q; want %q\n%s", rule.Hits(), got, want, text(t, r))
			}
		})
	}
	f(inject.STS, "AssumeRole", denied, "failed aws.role")
	f(inject.SQS, "ReceiveMessage", denied, "failed aws.sqs.receive")
	f(inject.SQS, "ChangeMessageVisibility", denied, "failed aws.sqs.visibility")
	f(inject.SQS, "DeleteMessage", denied, "failed aws.sqs.delete")
	f(inject.S3, "GetObject", denied, "failed aws.s3.get")
	f(inject.S3, "GetObject", inject.Fault{Status: 403, Code: "AccessDenied",
		Message: "not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:123456789012:key/1-2"}, "failed aws.kms.decrypt")
	f(inject.Entra, "Token", inject.Fault{Status: 401, Code: "invalid_client", Message: "AADSTS7000222: The provided client secret keys are expired."}, "failed azure.token")
	f(inject.Ingestion, "Upload", ingestion.Forbidden(), "failed azure.rule")
	f(inject.Ingestion, "Upload", ingestion.NoStream(), "failed azure.rule")

	f(inject.STS, "GetCallerIdentity", denied, "warning aws.identity")
	f(inject.SQS, "GetQueueAttributes", denied, "warning aws.sqs.queue")
	f(inject.S3, "ListObjectsV2", denied)
	f(inject.S3, "GetBucketNotificationConfiguration", denied)
}

// What is wrong in the world is told by what it does.
func TestWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	whole := w.p
	f := func(change func(*Patient), want []string, says string) {
		t.Helper()
		defer w.cloud.Faults.Clear()
		w.p = whole
		w.p.Config.Connections = slices.Clone(whole.Config.Connections)
		w.p.Config.Destinations = slices.Clone(whole.Config.Destinations)
		change(&w.p)
		r := w.examine()
		if got := slices.Compact(bad(r)); !slices.Equal(got, want) || !strings.Contains(text(t, r), says) {
			t.Errorf("got %q; want %q and %q in\n%s", got, want, says, text(t, r))
		}
	}
	f(func(p *Patient) { p.Config.Connections[0].ExternalID = "wrong" }, []string{"failed aws.role"}, "trust policy")
	f(func(p *Patient) { p.Config.Connections[0].QueueURL = w.cloud.SQS.URL("gone") }, []string{"failed aws.sqs.queue"}, "does not exist")
	f(func(p *Patient) { p.Config.Connections[0].Paused = true }, []string{"warning aws.sqs.flow"}, "paused")
	f(func(p *Patient) { p.Config.Destinations[0].Endpoint = "https://" + nobody(t) }, []string{"failed endpoint.reach"}, "TCP")
	f(func(p *Patient) { p.Config.Destinations[0].CAFile = "" }, []string{"failed endpoint.reach"}, "TLS")
	f(func(p *Patient) { p.Config.Connections = nil }, []string{"warning config"}, "nothing is read")
	f(func(p *Patient) { p.Config.Bus.Sync = time.Minute }, []string{"warning bus.durable"}, "bus.sync")
	f(func(p *Patient) { p.Bus, p.Unreachable = nil, errors.New("nats: no servers") }, []string{"failed bus.reach"}, "no servers")
	f(func(p *Patient) {
		p.Config.Connections[0].Buckets = []string{"logs"}
		if err := w.cloud.SQS.SetPolicy("feed", `{"Statement":[]}`); err != nil {
			t.Fatal(err)
		}
	}, []string{"failed aws.sqs.policy"}, "lets nobody send")
}

// nobody is an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// What waits and what was set aside is counted, for the connections that are
// looked at.
func TestBacklogAndDeadLetters(t *testing.T) {
	w := newWorld(t)
	grave := w.p.Bus.Graveyard()
	for i := range 3 {
		letter := stage.DeadLetter{ID: fmt.Sprint("letter", i), Stage: "parser", Connection: "acme", Reason: fault.BadRecord, Object: "o", Part: -1, Offset: -1, Time: time.Now()}
		if err := grave.Bury(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	r := w.examine()
	if got, says := bad(r), text(t, r); !slices.Equal(got, []string{"warning bus.dead"}) || !strings.Contains(says, "3 are open: 3 bad_record in the parser of acme") {
		t.Errorf("got %q\n%s", got, says)
	}
}

// A report tells no secret.
func TestNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.p.Config.Connections[0].ExternalID = "ext-wrong"
	says := text(t, w.examine())
	secret, err := os.ReadFile(w.p.Config.Destinations[0].Credential.ClientSecretFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"ext-wrong", string(secret), localcloud.SecretAccessKey} {
		if strings.Contains(says, s) {
			t.Errorf("the report tells %s:\n%s", s, says)
		}
	}
}

// A bucket's notifications are held against what lies there.
func TestFeed(t *testing.T) {
	const arn = "arn:aws:sqs:us-east-1:123456789012:feed"
	events, flows := "AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/23/a.json.gz", "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/11/23/b.log.parquet"
	digest := "AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/11/23/d.json.gz"
	queue := func(to, event, prefix, suffix string) *s3.GetBucketNotificationConfigurationOutput {
		var rules []types.FilterRule
		for name, value := range map[types.FilterRuleName]string{"Prefix": prefix, "suffix": suffix} { // S3 answers with either case
			if value != "" {
				rules = append(rules, types.FilterRule{Name: name, Value: aws.String(value)})
			}
		}
		return &s3.GetBucketNotificationConfigurationOutput{QueueConfigurations: []types.QueueConfiguration{{
			QueueArn: &to, Events: []types.Event{types.Event(event)},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: rules}},
		}}}
	}
	f := func(out *s3.GetBucketNotificationConfigurationOutput, want check.Verdict, says string, keys ...string) {
		t.Helper()
		o := feed("logs", out, []probe.Queue{{ARN: arn}}, keys)
		if o.Verdict != want || !strings.Contains(o.Evidence+"\n"+o.Fix, says) || (o.Fix == "") != (want == check.Passed) {
			t.Errorf("got %+v; want %s with %q", o, want, says)
		}
	}
	all := "s3:ObjectCreated:*"
	f(queue(arn, all, "", ""), check.Passed, "to the queue", events, flows)
	f(queue(arn, all, "AWSLogs/123456789012/CloudTrail/", ".gz"), check.Passed, "prefix AWSLogs/123456789012/CloudTrail/, suffix .gz", events, digest)
	f(queue(arn, all, "AWSLogs/", ".gz"), check.Doubtful, "1 of 2 new objects are not announced, such as "+flows, events, flows)
	f(queue(arn, all, "AWSLogs/", ".gz"), check.Doubtful, "drop the suffix .gz from the entry, or add an entry for parquet", events, flows)
	f(queue(arn, all, "AWSLogs/999999999999/", ""), check.Doubtful, "account, organization or folder is another (123456789012)", events)
	f(queue(arn, "s3:ObjectCreated:Put", "", ""), check.Doubtful, "in parts", events)
	f(queue(arn, "s3:ObjectRemoved:*", "", ""), check.Doubtful, "only of s3:ObjectRemoved:*", events)
	f(queue("arn:aws:sqs:us-east-1:123456789012:other", all, "", ""), check.Failed, "none leads to a queue", events)
	f(&s3.GetBucketNotificationConfigurationOutput{EventBridgeConfiguration: &types.EventBridgeConfiguration{}}, check.Passed, "to EventBridge", events, flows)
	f(&s3.GetBucketNotificationConfigurationOutput{TopicConfigurations: []types.TopicConfiguration{{
		TopicArn: aws.String("arn:aws:sns:us-east-1:1:t"), Events: []types.Event{types.Event(all)}}}}, check.Passed, "to the topic arn:aws:sns:us-east-1:1:t", events)
}

// Clocks are judged by what AWS takes.
func TestSkew(t *testing.T) {
	f := func(off time.Duration, want check.Verdict, says string) {
		t.Helper()
		if o := (skew{by: "STS", off: off}).judge(); o.Verdict != want || !strings.Contains(o.Evidence, says) {
			t.Errorf("%s: got %+v; want %s with %q", off, o, want, says)
		}
	}
	f(600*time.Millisecond, check.Passed, "within 1s")
	f(-30*time.Second, check.Passed, "within 30s")
	f(2*time.Minute, check.Doubtful, "2m0s ahead")
	f(-6*time.Minute, check.Failed, "6m0s behind")
}
