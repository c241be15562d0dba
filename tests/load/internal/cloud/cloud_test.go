package cloud

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/notification"
)

// start runs the stand-ins in this process for the test.
func start(t *testing.T, o Options) *Client {
	t.Helper()
	o.Directory = t.TempDir()
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := Serve(t.Context(), in, out); err != nil {
			t.Error(err)
		}
		_ = out.Close()
	})
	t.Cleanup(func() {
		_ = stdin.Close()
		wg.Wait()
	})
	c := new(Client)
	if err := json.NewEncoder(stdin).Encode(o); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(stdout).Decode(&c.Hello); err != nil {
		t.Fatal(err)
	}
	return c
}

// ferry stands for Logferry: it takes one message at a time and posts what
// little the counter needs of each row.
type ferry struct {
	t     *testing.T
	hello Hello
	http  *http.Client
	token string
}

func newFerry(t *testing.T, hello Hello) *ferry {
	t.Helper()
	pem, err := os.ReadFile(hello.Destination.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	f := &ferry{t: t, hello: hello, http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}}
	answer, err := f.http.PostForm(hello.Destination.Credential.AuthorityHost+localcloud.TenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {localcloud.ClientID}, "client_secret": {localcloud.ClientSecret},
		"scope": {ingestion.Audience + "/.default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		t.Fatal(err)
	}
	f.token = token.AccessToken
	return f
}

// endpoint is the URL of S3 and SQS.
func (f *ferry) endpoint() string {
	return strings.TrimPrefix(f.hello.Env[0], "AWS_ENDPOINT_URL=")
}

// sqs makes one call and decodes its answer.
func (f *ferry) sqs(operation string, in, out any) {
	f.t.Helper()
	body, _ := json.Marshal(in)
	r, _ := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.endpoint(), bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	answer, err := f.http.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		f.t.Fatal(err)
	}
}

// carry delivers what lies on the queue; twice says how often each part is.
func (f *ferry) carry(twice bool) {
	f.t.Helper()
	for {
		var got struct {
			Messages []struct{ Body, ReceiptHandle string }
		}
		f.sqs("ReceiveMessage", map[string]any{"QueueUrl": f.hello.Connection.QueueURL, "MaxNumberOfMessages": 10}, &got)
		if len(got.Messages) == 0 {
			return
		}
		for _, m := range got.Messages {
			n, err := notification.Parse([]byte(m.Body))
			if err != nil {
				f.t.Fatal(err)
			}
			for _, o := range n.Objects {
				f.deliver(o.Key)
				if twice {
					f.deliver(o.Key)
				}
			}
			f.sqs("DeleteMessage", map[string]any{"QueueUrl": f.hello.Connection.QueueURL, "ReceiptHandle": m.ReceiptHandle}, new(any))
		}
	}
}

// deliver posts the events of an object in calls of a thousand.
func (f *ferry) deliver(key string) {
	f.t.Helper()
	answer, err := f.http.Get(f.endpoint() + "/" + path.Join(bucketName, key))
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	r, err := gzip.NewReader(answer.Body)
	if err != nil {
		f.t.Fatalf("%s: %s: %v", key, answer.Status, err)
	}
	var doc struct {
		Records []struct{ EventID, EventTime string }
	}
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		f.t.Fatal(err)
	}
	type row struct {
		TimeGenerated, AwsEventId string
	}
	var rows []row
	for i, e := range doc.Records {
		rows = append(rows, row{e.EventTime, e.EventID})
		if len(rows) == 1000 || i == len(doc.Records)-1 {
			f.post(rows)
			rows = nil
		}
	}
}

func (f *ferry) post(rows any) {
	f.t.Helper()
	rule := f.hello.Destination.Tables["AWSCloudTrail"]
	body, _ := json.Marshal(rows)
	r, _ := http.NewRequestWithContext(f.t.Context(), http.MethodPost, fmt.Sprintf("%s/dataCollectionRules/%s/streams/%s?api-version=2023-01-01",
		f.hello.Destination.Endpoint, rule.Rule, rule.Stream), bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+f.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := f.http.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(answer.Body)
		f.t.Fatalf("%s: %s", answer.Status, text)
	}
}

// TestFeed feeds objects and counts what arrives.
func TestFeed(t *testing.T) {
	c := start(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := c.Prepare(ctx, Load{Shape: Medium, Events: 9_000})
	must(err)
	if p.Objects < 5 || p.Events != 2000*p.Objects || p.LogBytes < 9*p.ObjectBytes {
		t.Errorf("got %+v; want at least 5 objects of 2,000 events that pack to a ninth", p)
	}
	f := newFerry(t, c.Hello)
	before, err := c.Snapshot(ctx)
	must(err)
	must(c.Feed(ctx, Feed{Objects: 2}))
	must(c.WaitFed(ctx))
	f.carry(false)
	s, err := c.WaitDrained(ctx, 10*time.Second)
	must(err)
	if got := s.Counts(); got.Events != 4000 || got.Arrived != 4000 || got.Lost != 0 || got.Doubled != 0 || got.Queue != 0 {
		t.Errorf("got %+v; want 4,000 events, all arrived once", got)
	}
	if d := s.Since(before); d.Calls.Count != 4 || d.Calls.MeanRows != 1000 || d.Lag.Lag().P50 <= 0 || d.Odd != 0 {
		t.Errorf("got %+v; want four calls of 1,000 rows with a lag", d.Calls)
	}
	must(c.Feed(ctx, Feed{Rate: 1e6, Objects: 1}))
	must(c.WaitFed(ctx))
	f.carry(true)
	must(c.Feed(ctx, Feed{Ahead: 1}))
	s, err = c.WaitDrained(ctx, 100*time.Millisecond) // the feed waits for rows that nobody carries
	must(err)
	must(c.Stop(ctx))
	if got := s.Counts(); got.Doubled != 2000 || got.Lost != 2000 || got.Queue != 1 {
		t.Errorf("got %+v; want 2,000 rows doubled, 2,000 lost and a message left", got)
	}
	floor, err := c.Floor(ctx)
	must(err)
	if floor.GunzipMicros <= 0 || floor.GzipMicros <= 0 {
		t.Errorf("got floor %+v; want both above 0", floor)
	}
	points, err := c.Plot(ctx, before.At)
	must(err)
	if len(points) == 0 {
		t.Errorf("got no points of the plot")
	}
}

// TestFault makes the destination refuse calls until the fault is replaced.
func TestFault(t *testing.T) {
	c := start(t, Options{PostLatency: time.Millisecond})
	f := newFerry(t, c.Hello)
	fault := func(x Fault) {
		t.Helper()
		if err := c.Fault(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	fault(Fault{Status: http.StatusServiceUnavailable, Delay: time.Millisecond})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.hello.Destination.Endpoint+"/dataCollectionRules/x/streams/y", nil)
	answer, err := f.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %s; want the fault", answer.Status)
	}
	fault(Fault{})
	f.post([]map[string]string{{"TimeGenerated": time.Now().UTC().Format(time.RFC3339)}})
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Unknown != 1 || s.Doubled != 0 {
		t.Errorf("got %d unknown rows; want the one without a number", s.Unknown)
	}
}
