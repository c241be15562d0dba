package localcloud_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/ingestion/azlogs"
	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/entra"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
)

const trailStream = "Custom-Logferry-AWSCloudTrail"

// options points an Azure client at the cloud, one attempt a call.
func options(t testing.TB, c *localcloud.Cloud) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: client(t, c),
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: c.AzureEndpoint() + "/",
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				azlogs.ServiceNameIngestion: {Audience: "https://monitor.azure.com/", Endpoint: c.AzureEndpoint()},
			},
		},
	}
}

func secretCredential(t testing.TB, c *localcloud.Cloud, client, secret string) azcore.TokenCredential {
	t.Helper()
	cred, err := azidentity.NewClientSecretCredential(localcloud.TenantID, client, secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options(t, c), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

func logsClient(t testing.TB, c *localcloud.Cloud) *azlogs.Client {
	t.Helper()
	o := options(t, c)
	l, err := azlogs.NewClient(c.AzureEndpoint(), secretCredential(t, c, localcloud.ClientID, localcloud.ClientSecret), &azlogs.ClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// trailRule returns the rule of the CloudTrail table.
func trailRule(t testing.TB, c *localcloud.Cloud) string {
	t.Helper()
	d, err := c.Destination("local", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d.Tables["AWSCloudTrail"].Rule
}

func zipped(body string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(body))
	_ = w.Close()
	return b.Bytes()
}

func event(id string) string {
	return fmt.Sprintf(`{"TimeGenerated":%q,"AwsEventId":%q,"ReadOnly":true}`, time.Now().UTC().Format(time.RFC3339Nano), id)
}

// azureCode returns status and code of an Azure error.
func azureCode(err error) string {
	if err == nil {
		return "ok"
	}
	if e, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return fmt.Sprintf("%d %s", e.StatusCode, e.ErrorCode)
	}
	return err.Error()
}

func TestUpload(t *testing.T) {
	var heard atomic.Int64
	c := start(t, localcloud.Options{OnRows: func(table string, rows []ingestion.Row) {
		if table != "AWSCloudTrail" || len(rows[0].Value("AwsEventId")) == 0 {
			t.Errorf("got rows of %s; want CloudTrail's with their ids", table)
		}
		heard.Add(int64(len(rows)))
	}})
	l, rule := logsClient(t, c), trailRule(t, c)
	gz := &azlogs.UploadOptions{ContentEncoding: new("gzip")}
	ctx := policy.WithHTTPHeader(t.Context(), http.Header{"X-Ms-Client-Request-Id": {"11111111-2222-4333-8444-555555555555"}})
	if _, err := l.Upload(ctx, rule, trailStream, zipped("["+event("a")+","+event("b")+"]"), gz); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Upload(ctx, rule, trailStream, []byte("["+event("b")+`]`), nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Ingestion.WaitRows(ctx, "AWSCloudTrail", 3); err != nil {
		t.Fatal(err)
	}
	got := c.Ingestion.Stats("AWSCloudTrail")
	if got.Calls != 2 || got.Rows != 3 || got.Duplicates != 1 || got.ColumnsDropped+got.FieldsCut+got.TimeReplaced+got.TimeMissing+got.Refused != 0 {
		t.Errorf("got %+v; want 2 calls, 3 rows, 1 duplicate, nothing odd", got)
	}
	rows := c.Ingestion.Rows("AWSCloudTrail")
	if len(rows) != 3 || heard.Load() != 3 || !strings.Contains(string(rows[2]), `"AwsEventId":"b"`) {
		t.Errorf("got %d rows, %d heard of; want 3", len(rows), heard.Load())
	}
	uploads := c.Ingestion.Uploads()
	if len(uploads) != 2 || uploads[0].RequestID != "11111111-2222-4333-8444-555555555555" || uploads[0].Rows != 2 || uploads[0].Status != 204 {
		t.Errorf("got %+v; want both uploads", uploads)
	}
	c.Ingestion.Forget()
	if got := c.Ingestion.Total(); got != (ingestion.Stats{}) {
		t.Errorf("got %+v after Forget; want nothing", got)
	}
}

func TestUploadRefused(t *testing.T) {
	c := start(t, localcloud.Options{})
	l, rule := logsClient(t, c), trailRule(t, c)
	f := func(rule, stream, body string, encoding *string, want string) {
		t.Helper()
		_, err := l.Upload(t.Context(), rule, stream, []byte(body), &azlogs.UploadOptions{ContentEncoding: encoding})
		if got := azureCode(err); got != want {
			t.Errorf("upload of %.40q to %s/%s: got %s; want %s", body, rule, stream, got, want)
		}
	}
	gz := new("gzip")
	f(rule, trailStream, "[]", nil, "ok")
	f(rule, trailStream, string(zipped("[]")), gz, "ok")
	f("dcr-none", trailStream, "[]", nil, "404 NotFound")
	f(rule, "Custom-None", "[]", nil, "400 InvalidStream")
	f(rule, trailStream, "{}", nil, "400 InvalidPayload")
	f(rule, trailStream, `[{"ReadOnly":"true"}]`, nil, "400 InvalidPayload")
	f(rule, trailStream, "[]", gz, "400 InvalidPayload")
	f(rule, trailStream, "[]", new("br"), "415 UnsupportedMediaType")
	// A call is too large by its uncompressed size.
	full := "[" + strings.Repeat(" ", 1<<20-2) + "]"
	f(rule, trailStream, string(zipped(full)), gz, "ok")
	f(rule, trailStream, string(zipped(full+" ")), gz, "413 ContentLengthLimitExceeded")
	f(rule, trailStream, full+" ", nil, "413 ContentLengthLimitExceeded")
	// A token that is no longer good.
	c.Entra.Revoke()
	f(rule, trailStream, "[]", nil, "401 Unauthorized")

	if got := c.Ingestion.Stats("AWSCloudTrail"); got.Refused != 7 || got.Rows != 0 {
		t.Errorf("got %+v; want 7 refused calls, no rows", got)
	}
}

func TestUploadFaults(t *testing.T) {
	c := start(t, localcloud.Options{})
	l, rule := logsClient(t, c), trailRule(t, c)
	f := func(fault inject.Fault, want string, wantRows int64) {
		t.Helper()
		before := c.Ingestion.Total().Rows
		fault.Times = 1
		c.Faults.Fail(inject.Match{Service: inject.Ingestion, Resource: rule + "/*"}, fault)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if fault.Hang {
			ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
		}
		_, err := l.Upload(ctx, rule, trailStream, []byte("["+event("a")+"]"), nil)
		if got := azureCode(err); !strings.Contains(got, want) {
			t.Errorf("%+v: got %s; want %s", fault, got, want)
		}
		if got := c.Ingestion.Total().Rows - before; got != wantRows {
			t.Errorf("%+v: got %d rows; want %d", fault, got, wantRows)
		}
	}
	f(ingestion.Throttled(7*time.Second), "429 TooManyRequests", 0)
	f(ingestion.Forbidden(), "403 OperationFailed", 0)
	f(ingestion.NoStream(), "400 InvalidStream", 0)
	f(ingestion.NoRule(), "404 NotFound", 0)
	f(ingestion.TooLarge(), "413 ContentLengthLimitExceeded", 0)
	f(ingestion.Unauthorized(), "401 Unauthorized", 0)
	f(inject.Fault{Status: 503}, "503 Service Unavailable", 0)
	f(inject.Fault{Hang: true}, "deadline exceeded", 0)
	f(inject.Fault{Reset: true}, "reset by peer", 0)
	f(inject.Fault{ResetAfter: true}, "reset by peer", 1)
	f(inject.Fault{Delay: time.Millisecond}, "ok", 1)
	if got := c.Ingestion.Stats("AWSCloudTrail").Duplicates; got != 1 {
		t.Errorf("got %d duplicates; want 1", got)
	}

	// The answers carry what clients go by.
	c.Faults.Fail(inject.Match{Service: inject.Ingestion}, ingestion.Throttled(6500*time.Millisecond))
	_, err := l.Upload(t.Context(), rule, trailStream, []byte("[]"), nil)
	e, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok || e.RawResponse.Header.Get("Retry-After") != "7" {
		t.Errorf("got %v; want Retry-After: 7", err)
	}
	c.Faults.Clear()
	c.Faults.Fail(inject.Match{Service: inject.Ingestion}, ingestion.NoStream())
	_, err = l.Upload(t.Context(), rule, trailStream, []byte("[]"), nil)
	if want := "The stream " + trailStream + " was not configured in the data collection rule with immutable Id " + rule; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v; want %s", err, want)
	}
}

func TestTokens(t *testing.T) {
	c := start(t, localcloud.Options{})
	f := func(cred azcore.TokenCredential, want string) {
		t.Helper()
		token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://monitor.azure.com//.default"}})
		if want == "" {
			if err != nil || c.Entra.Verify(token.Token, ingestion.Audience) != nil || time.Until(token.ExpiresOn) < 50*time.Minute {
				t.Errorf("got %v until %v; want a good token for an hour", err, token.ExpiresOn)
			}
			if err := c.Entra.Verify(token.Token, "https://management.azure.com"); err == nil {
				t.Error("the token is good for another audience")
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want an error with %s", err, want)
		}
	}
	f(secretCredential(t, c, localcloud.ClientID, localcloud.ClientSecret), "")
	f(secretCredential(t, c, localcloud.ClientID, "wrong"), "AADSTS7000215")
	f(secretCredential(t, c, "00000000-0000-4000-8000-000000000000", localcloud.ClientSecret), "AADSTS700016")

	// A token that AWS issued, and one for someone else.
	assertion := func(audience string) azcore.TokenCredential {
		t.Helper()
		get := func(ctx context.Context) (string, error) {
			out, err := stsClient(t, c).GetWebIdentityToken(ctx, &awssts.GetWebIdentityTokenInput{Audience: []string{audience}, SigningAlgorithm: aws.String("RS256")})
			if err != nil {
				return "", err
			}
			return *out.WebIdentityToken, nil
		}
		cred, err := azidentity.NewClientAssertionCredential(localcloud.TenantID, localcloud.ClientID, get,
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: options(t, c), DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		return cred
	}
	f(assertion(entra.FederatedAudience), "")
	f(assertion("api://other"), "AADSTS700212")

	c.Faults.Fail(inject.Match{Service: inject.Entra, Operation: "Token"}, inject.Fault{Status: 503, Code: "temporarily_unavailable"})
	f(secretCredential(t, c, localcloud.ClientID, localcloud.ClientSecret), "temporarily_unavailable")
}

// BenchmarkUpload measures calls of a thousand rows, about 1 MB.
func BenchmarkUpload(b *testing.B) {
	c := start(b, localcloud.Options{KeepBytes: -1, Key: func(string, ingestion.Row) string { return "" }})
	l, rule := logsClient(b, c), trailRule(b, c)
	row := strings.TrimSuffix(event("e"), "}") + `,"RequestParameters":"` + strings.Repeat("some text ", 90) + `"}`
	body := "[" + strings.Repeat(row+",", 999) + row + "]"
	packed := zipped(body)
	gz := &azlogs.UploadOptions{ContentEncoding: new("gzip")}
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := l.Upload(b.Context(), rule, trailStream, packed, gz); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
}
