package localcloud_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/localcloud"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a cloud for the length of the test.
func start(t testing.TB, o localcloud.Options) *localcloud.Cloud {
	t.Helper()
	c, err := localcloud.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// client is an HTTP client that trusts the cloud and ends with the test.
func client(t testing.TB, c *localcloud.Cloud) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.CertPool()}, MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: ownBody{transport}}
}

// ownBody gives the transport a copy of the body: the AWS SDK closes its own
// while the transport may still read it.
type ownBody struct{ next http.RoundTripper }

func (o ownBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.ContentLength <= 0 || r.ContentLength > 1<<20 {
		return o.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return o.next.RoundTrip(r)
}

// config is what an AWS client needs, with one attempt a call.
func config(t testing.TB, c *localcloud.Cloud, p aws.CredentialsProvider) aws.Config {
	return aws.Config{
		Region: c.Region(), BaseEndpoint: aws.String(c.AWSEndpoint()), Credentials: p, HTTPClient: client(t, c),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// static is the cloud's own key.
func static() aws.CredentialsProvider {
	return keys(localcloud.AccessKeyID, localcloud.SecretAccessKey, "")
}

func keys(id, secret, token string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
	})
}

func s3Client(t testing.TB, c *localcloud.Cloud) *awss3.Client {
	return awss3.NewFromConfig(config(t, c, static()))
}

func sqsClient(t testing.TB, c *localcloud.Cloud) *awssqs.Client {
	return awssqs.NewFromConfig(config(t, c, static()))
}

func stsClient(t testing.TB, c *localcloud.Cloud) *awssts.Client {
	return awssts.NewFromConfig(config(t, c, static()))
}

// code returns the code of an AWS error, ok for none.
func code(err error) string {
	if err == nil {
		return "ok"
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprintf("no API error: %v", err)
}

// feed makes the bucket logs and the queue of its notifications, empty.
func feed(t testing.TB, c *localcloud.Cloud) (queueURL string) {
	t.Helper()
	queueURL, err := c.Feed("logs", "logs-queue")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqsClient(t, c).PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: &queueURL}); err != nil {
		t.Fatal(err)
	}
	return queueURL
}
