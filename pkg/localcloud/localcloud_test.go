package localcloud_test

import (
	"context"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/table"
)

func TestCloseEndsCallsInProgress(t *testing.T) {
	c := start(t, localcloud.Options{})
	url := feed(t, c)
	q := sqsClient(t, c)
	var wg conc.WaitGroup
	wg.Go(func() {
		got, err := q.ReceiveMessage(context.Background(), &awssqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
		if err == nil && len(got.Messages) > 0 {
			t.Errorf("got %v; want no message", got.Messages)
		}
	})
	deadline := time.After(10 * time.Second)
	for c.Faults.Calls(inject.SQS, "ReceiveMessage") == 0 {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatal("the long poll did not arrive")
		}
	}
	start := time.Now()
	c.Close()
	wg.Wait()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("close took %v; want it to end the long poll", took)
	}
	c.Close() // again is harmless
}

func TestStartWhereSomethingListens(t *testing.T) {
	c := start(t, localcloud.Options{})
	taken := strings.TrimPrefix(c.AzureEndpoint(), "https://")
	if _, err := localcloud.Start(t.Context(), localcloud.Options{AzureAddress: taken}); err == nil {
		t.Error("got no error for an address in use")
	}
}

func TestConfiguration(t *testing.T) {
	c := start(t, localcloud.Options{Region: "eu-west-1"})
	url := feed(t, c)
	if got, want := url, c.AWSEndpoint()+"/123456789012/logs-queue"; got != want {
		t.Errorf("got queue %s; want %s", got, want)
	}
	if got := c.Connection("n", url, "d"); got.QueueURL != url || got.Region != "eu-west-1" || got.Destination != "d" {
		t.Errorf("got connection %+v", got)
	}
	if got := strings.Join(c.Env(), " "); !strings.Contains(got, "AWS_ENDPOINT_URL="+c.AWSEndpoint()+" AWS_REGION=eu-west-1") {
		t.Errorf("got environment %s", got)
	}
	d, err := c.Destination("d", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range table.All() {
		if d.Takes(w.Name) != w.Ingestible {
			t.Errorf("destination takes %s: got %t; want %t", w.Name, d.Takes(w.Name), w.Ingestible)
		}
	}
	ca, err := os.ReadFile(d.CAFile)
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(ca) {
		t.Errorf("got no certificate in %s: %v", d.CAFile, err)
	}
	if secret, err := os.ReadFile(d.Credential.ClientSecretFile); err != nil || string(secret) != localcloud.ClientSecret {
		t.Errorf("got secret %q, %v", secret, err)
	}
}

func TestSampleObjectsArrive(t *testing.T) {
	c := start(t, localcloud.Options{})
	url := feed(t, c)
	logs := samplelog.New(1, time.Now())
	for _, o := range []samplelog.Object{logs.CloudTrail(10), logs.VPCFlow(10), logs.GuardDuty(3)} {
		if err := c.S3.Put("logs", o.Key, o.Body); err != nil {
			t.Fatal(err)
		}
		if got := receiveOne(t, c, url); !strings.Contains(got, o.Key) {
			t.Errorf("got %s; want key %s in it", got, o.Key)
		}
	}
}
