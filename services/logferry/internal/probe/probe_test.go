package probe

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/sts"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

const (
	role  = "arn:aws:iam::123456789012:role/logferry"
	key   = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/23/a.json.gz"
	table = "AWSCloudTrail"
)

// world is a connection in order, with one object announced.
type world struct {
	t     *testing.T
	cloud *localcloud.Cloud
	c     connection.Connection
	d     connection.Destination
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cloud := cloudtest.Start(t, localcloud.Options{
		RequireCredentials: true, Roles: []sts.Role{{ARN: role, ExternalID: "ext-4711"}}})
	url, err := cloud.Feed("logs", "feed")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, cloud: cloud, c: cloud.Connection("acme", url, "sentinel")}
	w.c.RoleARN, w.c.ExternalID, w.c.Table = role, "ext-4711", table
	if w.d, err = cloud.Destination("sentinel", t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := cloud.S3.Put("logs", key, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) probe() *check.Report {
	return New(slog.New(slog.DiscardHandler), "test").Connection(w.t.Context(), w.c, w.d)
}

// finding returns the only finding of that code.
func finding(t *testing.T, r *check.Report, code string) check.Finding {
	t.Helper()
	i := slices.IndexFunc(r.Findings, func(f check.Finding) bool { return f.Code == code })
	if i < 0 {
		t.Fatalf("got no finding %s", code)
	}
	return r.Findings[i]
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

// Everything in order is found to be so, in the order of the calls, and stays as
// it was.
func TestAllIsWell(t *testing.T) {
	w := newWorld(t)
	before, err := w.cloud.SQS.Depth("feed")
	if err != nil {
		t.Fatal(err)
	}
	r := w.probe()
	got := r.Codes(check.Passed)
	want := []string{"aws.credentials", "aws.role", "aws.identity", "aws.sqs.queue", "aws.sqs.receive", "aws.sqs.visibility",
		"aws.sqs.delete", "aws.s3.list", "aws.s3.get", "azure.token", "azure.rule"}
	if !slices.Equal(got, want) || r.Worst() != check.Skipped || !slices.Equal(r.Codes(check.Skipped), []string{"aws.kms.decrypt"}) {
		t.Errorf("got %q\n%s\nwant %q, and no key", got, text(t, r), want)
	}
	if after, err := w.cloud.SQS.Depth("feed"); err != nil || after != before || after.Visible != 2 {
		t.Errorf("the queue holds %+v after %+v (%v); want no change", after, before, err)
	}
	if n := w.cloud.Ingestion.Stats(table).Rows; n != 0 {
		t.Errorf("%d rows were posted; want none", n)
	}
	if got := finding(t, r, "aws.identity").Evidence; got != "arn:aws:sts::123456789012:assumed-role/logferry/logferry-acme" {
		t.Errorf("got identity %s", got)
	}
}

// Whatever single call is refused, exactly that one is named, with what to do.
func TestEveryRefusalIsNamed(t *testing.T) {
	w := newWorld(t)
	denied := inject.Fault{Status: 403, Code: "AccessDenied", Message: "User is not authorized to perform this"}
	f := func(service, operation string, fault inject.Fault, verdict check.Verdict, code, fix string) {
		t.Helper()
		defer w.cloud.Faults.Clear()
		rule := w.cloud.Faults.Fail(inject.Match{Service: service, Operation: operation}, fault)
		r := w.probe()
		var bad []string
		for _, one := range r.Findings {
			if one.Verdict == check.Failed || one.Verdict == check.Doubtful {
				bad = append(bad, string(one.Verdict)+" "+one.Code)
			}
		}
		var want []string
		if verdict != check.Skipped {
			want = []string{string(verdict) + " " + code}
		}
		found := finding(t, r, code)
		if rule.Hits() == 0 || !slices.Equal(bad, want) || found.Verdict != verdict || !strings.Contains(found.Fix+found.Evidence, fix) {
			t.Errorf("%s %s: %d hits, got %q, %+v; want %q with %q\n%s", service, operation, rule.Hits(), bad, found, want, fix, text(t, r))
		}
	}
	queue := `"Resource":"arn:aws:sqs:us-east-1:123456789012:feed"`

	// what carries logs
	f(inject.STS, "AssumeRole", denied, check.Failed, "aws.role", `"Principal":{"AWS":"arn:aws:iam::123456789012:user/local"}`)
	f(inject.SQS, "ReceiveMessage", denied, check.Failed, "aws.sqs.receive", `"Action":"sqs:ReceiveMessage",`+queue)
	f(inject.SQS, "ChangeMessageVisibility", denied, check.Failed, "aws.sqs.visibility", `"Action":"sqs:ChangeMessageVisibility",`+queue)
	f(inject.SQS, "DeleteMessage", denied, check.Failed, "aws.sqs.delete", `"Action":"sqs:DeleteMessage",`+queue)
	f(inject.S3, "GetObject", denied, check.Failed, "aws.s3.get", `"Action":"s3:GetObject","Resource":"arn:aws:s3:::logs/*"`)
	f(inject.S3, "GetObject", inject.Fault{Status: 403, Code: "AccessDenied",
		Message: "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:123456789012:key/1-2 because no identity-based policy allows it"},
		check.Failed, "aws.kms.decrypt", `"Action":"kms:Decrypt","Resource":"arn:aws:kms:us-east-1:123456789012:key/1-2"`)
	f(inject.Entra, "Token", inject.Fault{Status: 401, Code: "invalid_client", Message: "AADSTS7000222: The provided client secret keys are expired."},
		check.Failed, "azure.token", "make a new one")
	f(inject.Ingestion, "Upload", ingestion.Forbidden(), check.Failed, "azure.rule", "Monitoring Metrics Publisher")
	f(inject.Ingestion, "Upload", ingestion.Unauthorized(), check.Failed, "azure.rule", "tenant")
	f(inject.Ingestion, "Upload", ingestion.NoStream(), check.Failed, "azure.rule", "stream's name")
	f(inject.Ingestion, "Upload", ingestion.NoRule(), check.Failed, "azure.rule", "immutable id")
	f(inject.Ingestion, "Upload", ingestion.Throttled(0), check.Doubtful, "azure.rule", "more rules")

	// what logs are carried without
	f(inject.STS, "GetCallerIdentity", denied, check.Doubtful, "aws.identity", "sts:GetCallerIdentity")
	f(inject.SQS, "GetQueueAttributes", denied, check.Doubtful, "aws.sqs.queue", `"Action":"sqs:GetQueueAttributes",`+queue)
	f(inject.S3, "ListObjectsV2", denied, check.Skipped, "aws.s3.list", `"Action":"s3:ListBucket","Resource":"arn:aws:s3:::logs"`)

	// refusals that are no lack of a permission
	f(inject.STS, "AssumeRole", inject.Fault{Status: 403, Code: "RegionDisabledException", Message: "STS is not activated"}, check.Failed, "aws.role", "activate STS in us-east-1")
	f(inject.STS, "AssumeRole", inject.Fault{Status: 403, Code: "ExpiredToken", Message: "expired"}, check.Failed, "aws.role", "renew the credentials")
	f(inject.STS, "", inject.Fault{Status: 403, Code: "InvalidClientTokenId", Message: "invalid"}, check.Failed, "aws.credentials", "renew the credentials")
	f(inject.SQS, "ReceiveMessage", inject.Fault{Status: 400, Code: "KmsAccessDenied", Message: "kms"}, check.Failed, "aws.sqs.receive", "kms:Decrypt")
	f(inject.SQS, "DeleteMessage", inject.Fault{Status: 403, Code: "AccessDenied", Message: "with an explicit deny in a service control policy"}, check.Failed, "aws.sqs.delete", "take it out")
	f(inject.S3, "GetObject", inject.Fault{Status: 403, Code: "InvalidObjectState", Message: "archived"}, check.Doubtful, "aws.s3.get", "restore")
}

// What is wrong with a connection is told from what is missing.
func TestWrongSettings(t *testing.T) {
	f := func(change func(*world), code, want string) {
		t.Helper()
		w := newWorld(t)
		change(w)
		r := w.probe()
		found := finding(t, r, code)
		if got := r.Codes(check.Failed); !slices.Equal(got, []string{code}) || !strings.Contains(found.Evidence+"\n"+found.Fix, want) {
			t.Errorf("got %q, %+v; want %s with %q\n%s", got, found, code, want, text(t, r))
		}
		if strings.Contains(text(t, r), w.c.ExternalID) && w.c.ExternalID != "" {
			t.Error("the report tells the external ID")
		}
	}
	f(func(w *world) { w.c.ExternalID = "ext-wrong" }, "aws.role", "its external ID must be the connection's")
	f(func(w *world) { w.c.ExternalID = "" }, "aws.role", "it must ask for no external ID")
	f(func(w *world) { w.c.RoleARN = "arn:aws:iam::999999999999:role/none" }, "aws.role", `may call it: {"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::999999999999:role/none"}`)
	f(func(w *world) { w.c.RoleARN = "arn:aws-cn:iam::123456789012:role/logferry" }, "aws.role", "of partition aws-cn but region us-east-1 is of partition aws")
	f(func(w *world) { t.Setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY") }, "aws.credentials", "the access key is deleted")
	f(func(w *world) { t.Setenv("AWS_ACCESS_KEY_ID", ""); t.Setenv("AWS_SECRET_ACCESS_KEY", "") }, "aws.credentials", "AWS_PROFILE")
	f(func(w *world) { w.c.WebIdentityTokenFile = "none" }, "aws.credentials", "no such file")
	f(func(w *world) { w.c.QueueURL = w.cloud.SQS.URL("deleted") }, "aws.sqs.queue", "logferry setup aws apply")
	f(func(w *world) { w.c.Buckets = []string{"logs", "gone"} }, "aws.s3.list", "NoSuchBucket")
	f(func(w *world) {
		os.WriteFile(w.d.Credential.ClientSecretFile, []byte("wrong"), 0o600)
	}, "azure.token", "write the secret's value")
	f(func(w *world) {
		to := w.d.Tables[table]
		to.Stream = "Custom-Other"
		w.d.Tables[table] = to
	}, "azure.rule", "InvalidStream")
	f(func(w *world) {
		file := filepath.Join(t.TempDir(), "file")
		os.WriteFile(file, nil, 0o600)
		w.d = connection.Destination{Name: "files", Directory: file}
	}, "destination.directory", "is a file")
}

// A queue that would set the message aside for one more receive is not received
// from, and an empty bucket is tried without an object.
func TestNoSideEffects(t *testing.T) {
	w := newWorld(t)
	if err := w.cloud.SQS.SetPolicy("feed", `{"Statement":[]}`); err != nil {
		t.Fatal(err)
	}
	w.c.Buckets = []string{"logs"}
	if err := w.cloud.S3.Delete("logs", key); err != nil {
		t.Fatal(err)
	}
	if got := finding(t, w.probe(), "aws.s3.get"); got.Verdict != check.Passed || !strings.Contains(got.Evidence, "no object to read yet") {
		t.Errorf("got %+v; want that reading is allowed", got)
	}
	w.cloud.Faults.Fail(inject.Match{Service: inject.S3, Operation: "GetObject"}, inject.Fault{Status: 403, Code: "AccessDenied"})
	if got := finding(t, w.probe(), "aws.s3.get"); got.Verdict != check.Failed {
		t.Errorf("got %+v; want that reading is denied", got)
	}
	w.cloud.Faults.Fail(inject.Match{Service: inject.S3, Operation: "ListObjectsV2"}, inject.Fault{Status: 403, Code: "AccessDenied"})
	if got := finding(t, w.probe(), "aws.s3.get"); got.Verdict != check.Skipped {
		t.Errorf("got %+v; want that it cannot be told", got)
	}
	w.cloud.Faults.Clear()
	calls := w.cloud.Faults.Calls(inject.SQS, "ReceiveMessage")
	q := Queue{Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:dead","maxReceiveCount":"2"}`}}
	a := attempt{queue: q}
	if got := a.receive(t.Context()); got.Verdict != check.Skipped || w.cloud.Faults.Calls(inject.SQS, "ReceiveMessage") != calls {
		t.Errorf("got %+v; want that nothing is received", got)
	}
	if got := a.settings(); got.Verdict != check.Doubtful {
		t.Errorf("got %+v; want a warning of maxReceiveCount", got)
	}
}

// A web identity token's claims are what a trust policy must name.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	f := func(says string, verdict check.Verdict, want string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(says), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := token(file, time.Now()); got.Verdict != verdict || !strings.Contains(got.Evidence, want) {
			t.Errorf("got %+v; want %s, %q", got, verdict, want)
		}
	}
	claims := func(text string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(text)) + ".c2ln\n"
	}
	f(claims(`{"iss":"https://sts.windows.net/t/","sub":"s","aud":"api://x","exp":4102444800}`), check.Passed, `token of https://sts.windows.net/t/ for "api://x", subject s`)
	f(claims(`{"iss":"https://i","sub":"s","aud":["a","b"]}`), check.Passed, `["a","b"]`)
	f(claims(`{"iss":"https://i","sub":"s","aud":"a","exp":1700000000}`), check.Failed, "expired at 2023-11-14T22:13:20Z")
	f("no token", check.Failed, "holds no token")
	f("a.!.c", check.Failed, "holds no token")
}

func ExampleQueue_Redrive() {
	q := Queue{Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:dead","maxReceiveCount":10}`}}
	fmt.Println(q.Redrive())
	// Output: arn:aws:sqs:eu-west-1:1:dead 10
}
