package awscred

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/logging"

	"github.com/logferry/logferry/pkg/connection"
)

const role = "arn:aws:iam::123456789012:role/logferry"

// cleanEnv keeps this machine's AWS settings out of a test.
func cleanEnv(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "base-secret")
}

// fakeSTS answers AssumeRole and AssumeRoleWithWebIdentity, checking the
// external ID, and remembers the calls.
type fakeSTS struct {
	externalID string

	mu     sync.Mutex
	calls  []url.Values
	signed []string // Authorization headers
}

func (f *fakeSTS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	f.mu.Lock()
	f.calls = append(f.calls, r.PostForm)
	f.signed = append(f.signed, r.Header.Get("Authorization"))
	f.mu.Unlock()
	action := r.PostForm.Get("Action")
	if action == "AssumeRole" && r.PostForm.Get("ExternalId") != f.externalID {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized; value '%s' at 'externalId'</Message></Error></ErrorResponse>`,
			r.PostForm.Get("ExternalId"))
		return
	}
	var until bytes.Buffer
	xml.EscapeText(&until, []byte(time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>ASIA%[2]s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[3]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
		action, r.PostForm.Get("RoleSessionName"), until.String())
}

func startSTS(t *testing.T, externalID string) *fakeSTS {
	t.Helper()
	cleanEnv(t)
	f := &fakeSTS{externalID: externalID}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	t.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
	return f
}

func keyOf(t *testing.T, cache *Cache, c connection.Connection, region string) string {
	t.Helper()
	cfg, err := cache.Config(t.Context(), c, region)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return creds.AccessKeyID
}

func TestOneSessionForOneRole(t *testing.T) {
	f := startSTS(t, "ext-1")
	cache := New(slog.New(slog.DiscardHandler))
	c := connection.Connection{Name: "a", RoleARN: role, ExternalID: "ext-1", SessionName: "one"}
	for range 5 {
		if got := keyOf(t, cache, c, "eu-west-1"); got != "ASIAone" {
			t.Fatalf("got key %s; want ASIAone", got)
		}
	}
	// Another connection with the same role, external ID and session name
	// shares the session; another region or name has its own.
	other := c
	other.Name = "b"
	keyOf(t, cache, other, "eu-west-1")
	if len(f.calls) != 1 {
		t.Fatalf("got %d STS calls; want 1", len(f.calls))
	}
	keyOf(t, cache, c, "eu-west-2")
	other.SessionName = ""
	if got := keyOf(t, cache, other, "eu-west-1"); got != "ASIAlogferry-b" {
		t.Errorf("got key %s; want ASIAlogferry-b", got)
	}
	if len(f.calls) != 3 {
		t.Errorf("got %d STS calls; want 3", len(f.calls))
	}
	call := f.calls[0]
	for name, want := range map[string]string{"RoleArn": role, "ExternalId": "ext-1", "DurationSeconds": "3600", "RoleSessionName": "one"} {
		if got := call.Get(name); got != want {
			t.Errorf("%s: got %q; want %q", name, got, want)
		}
	}
	if !strings.Contains(f.signed[1], "/eu-west-2/sts/") {
		t.Errorf("second session was signed for %q; want region eu-west-2", f.signed[1])
	}
}

func TestWebIdentity(t *testing.T) {
	f := startSTS(t, "")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("header.claims.signature"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := connection.Connection{Name: "oidc", RoleARN: role, WebIdentityTokenFile: token}
	if got := keyOf(t, New(slog.New(slog.DiscardHandler)), c, "eu-west-1"); got != "ASIAlogferry-oidc" {
		t.Errorf("got key %s; want ASIAlogferry-oidc", got)
	}
	if got := f.calls[0].Get("WebIdentityToken"); got != "header.claims.signature" {
		t.Errorf("got token %q", got)
	}
}

func TestErrorsSayWhatToCheckAndKeepSecrets(t *testing.T) {
	startSTS(t, "right-id")
	c := connection.Connection{Name: "acme", RoleARN: role, ExternalID: "wrong-id"}
	cfg, err := New(slog.New(slog.DiscardHandler)).Config(t.Context(), c, "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = cfg.Credentials.Retrieve(t.Context())
	if err == nil {
		t.Fatal("got no error; want one")
	}
	for _, want := range []string{"acme", role, "trust policy", "external ID", "AccessDenied"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q: %v", want, err)
		}
	}
	for _, secret := range []string{"wrong-id", "base-secret", "AKIABASE"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error holds %q: %v", secret, err)
		}
	}
}

// Without credentials of the process the error says so, also when they were
// needed for a role, and the SDK writes to no log but ours.
func TestNoCredentials(t *testing.T) {
	cleanEnv(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	f := func(c connection.Connection) {
		t.Helper()
		var log bytes.Buffer
		cfg, err := New(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))).Config(t.Context(), c, "us-east-1")
		if err != nil {
			t.Fatal(err)
		}
		cfg.Logger.Logf(logging.Warn, "falling back to %s", "IMDSv1")
		if !strings.Contains(log.String(), "falling back to IMDSv1") {
			t.Errorf("got log %q; want what the SDK says", log.String())
		}
		_, err = cfg.Credentials.Retrieve(t.Context())
		if _, ok := errors.AsType[*BaseError](err); !ok || !strings.Contains(err.Error(), "set AWS_PROFILE") || strings.Contains(err.Error(), "trust policy") {
			t.Errorf("got %v; want that there are no credentials", err)
		}
	}
	f(connection.Connection{Name: "acme"})
	f(connection.Connection{Name: "acme", RoleARN: role})
}

func TestConfigErrors(t *testing.T) {
	cleanEnv(t)
	f := func(c connection.Connection, region, want string) {
		t.Helper()
		c.Name = "acme"
		_, err := New(slog.New(slog.DiscardHandler)).Config(t.Context(), c, region)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("got error %q; want %q", got, want)
		}
	}
	gov, china := "arn:aws-us-gov:iam::1:role/r", "arn:aws-cn:iam::1:role/r"

	// role and region of one partition
	f(connection.Connection{RoleARN: role}, "us-east-1", "")
	f(connection.Connection{RoleARN: gov}, "us-gov-west-1", "")
	f(connection.Connection{RoleARN: china}, "cn-north-1", "")
	f(connection.Connection{Region: "eu-west-1"}, "", "")

	// role and region of two partitions
	f(connection.Connection{RoleARN: role}, "us-gov-west-1", "of partition aws but region us-gov-west-1 is of partition aws-us-gov")
	f(connection.Connection{RoleARN: gov}, "us-east-1", "of partition aws-us-gov but region us-east-1")
	f(connection.Connection{RoleARN: china}, "eu-west-1", "of partition aws-cn but region eu-west-1")
	f(connection.Connection{RoleARN: role}, "cn-northwest-1", "across partitions")

	// settings that cannot be right
	f(connection.Connection{RoleARN: "logferry"}, "us-east-1", "is no role ARN")
	f(connection.Connection{RoleARN: "arn:aws:s3:::bucket"}, "us-east-1", "is no role ARN")
	f(connection.Connection{RoleARN: role}, "", "region is unknown")
	f(connection.Connection{WebIdentityTokenFile: "t"}, "us-east-1", "needs a role_arn")
}

func TestQueueEndpoint(t *testing.T) {
	f := func(queueURL, configured, want string) {
		t.Helper()
		cfg := aws.Config{Region: "us-east-1"}
		if configured != "" {
			cfg.BaseEndpoint = &configured
		}
		got := aws.ToString(Queue(cfg, queueURL).Options().BaseEndpoint)
		if got != want {
			t.Errorf("%s: got endpoint %q; want %q", queueURL, got, want)
		}
	}
	// the SDK finds AWS's own hosts, with FIPS and dual-stack as switched
	f("https://sqs.us-east-1.amazonaws.com/1/q", "", "")
	f("https://queue.amazonaws.com/1/q", "", "")
	f("", "", "")
	// the URL's host counts
	f("https://vpce-0a1.sqs.us-east-1.vpce.amazonaws.com/1/q", "", "https://vpce-0a1.sqs.us-east-1.vpce.amazonaws.com")
	f("http://127.0.0.1:4566/0/q", "", "http://127.0.0.1:4566")
	// a configured endpoint wins
	f("http://127.0.0.1:4566/0/q", "http://sqs.local:1", "http://sqs.local:1")
	f("https://sqs.us-east-1.amazonaws.com/1/q", "http://sqs.local:1", "http://sqs.local:1")
}

func TestS3PathStyle(t *testing.T) {
	f := func(env string, want bool) {
		t.Helper()
		cleanEnv(t)
		if env != "" {
			t.Setenv(env, "http://127.0.0.1:1")
		}
		cfg, err := New(slog.New(slog.DiscardHandler)).Config(t.Context(), connection.Connection{Name: "a"}, "us-east-1")
		if err != nil {
			t.Fatal(err)
		}
		var o s3.Options = S3(cfg).Options()
		if o.UsePathStyle != want {
			t.Errorf("with %q set: got path style %v; want %v", env, o.UsePathStyle, want)
		}
	}
	f("", false)
	f("AWS_ENDPOINT_URL", true)
	f("AWS_ENDPOINT_URL_S3", true)
	f("AWS_ENDPOINT_URL_SQS", false)
}

type doFunc func(*http.Request) (*http.Response, error)

func (f doFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// The transport's body must outlive the SDK's.
func TestSQSBodyIsTheTransportsOwn(t *testing.T) {
	if _, ok := SQS(aws.Config{Region: "us-east-1"}).Options().HTTPClient.(ownBody); !ok {
		t.Fatal("the SQS client's transport is not wrapped")
	}
	body := &closable{Reader: strings.NewReader("payload")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sqs.local/", body)
	if err != nil {
		t.Fatal(err)
	}
	var sent *http.Request
	ownBody{doFunc(func(r *http.Request) (*http.Response, error) { sent = r; return &http.Response{}, nil })}.Do(r)
	body.Close()
	got, err := io.ReadAll(sent.Body)
	if err != nil || string(got) != "payload" || sent.ContentLength != 7 {
		t.Errorf("got body %q, length %d, error %v; want payload, 7, none", got, sent.ContentLength, err)
	}
}

type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Read(p []byte) (int, error) {
	if c.closed {
		return 0, os.ErrClosed
	}
	return c.Reader.Read(p)
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

// Answers of more than 4 KB from a fast server: no call may fail.
func TestSQSUnderLoad(t *testing.T) {
	cleanEnv(t)
	answer := []byte(`{"Messages":[{"MessageId":"m","ReceiptHandle":"r","Body":"` + strings.Repeat("x", 16<<10) + `"}]}`)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Write(answer)
	}))
	defer s.Close()
	cfg, err := New(slog.New(slog.DiscardHandler)).Config(t.Context(), connection.Connection{Name: "a"}, "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	client := Queue(cfg, s.URL+"/1/q")
	for i := range 2000 {
		if err := receive(t.Context(), client, s.URL+"/1/q"); err != nil {
			t.Fatalf("receive %d: %v", i, err)
		}
	}
}

func receive(ctx context.Context, client *sqs.Client, queueURL string) error {
	_, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queueURL}, func(o *sqs.Options) {
		o.Retryer = aws.NopRetryer{}
		o.DisableMessageChecksumValidation = true
	})
	return err
}
