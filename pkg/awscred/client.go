package awscred

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/logferry/logferry/pkg/connection"
)

// S3 returns a client of S3. With a custom endpoint it puts the bucket into
// the path, because other servers rarely answer to bucket.host names.
func S3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = o.UsePathStyle || o.BaseEndpoint != nil
	})
}

// SQS returns a client of SQS at the endpoint of cfg's region.
func SQS(cfg aws.Config) *sqs.Client { return Queue(cfg, "") }

// Queue returns a client of SQS that reaches that queue: at the queue URL's
// own host when this is a VPC endpoint or no host of AWS, unless an endpoint is
// configured. The SDK by itself ignores the URL's host.
func Queue(cfg aws.Config, queueURL string) *sqs.Client {
	return sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		if endpoint, _, public := connection.QueueHost(queueURL); !public && o.BaseEndpoint == nil {
			o.BaseEndpoint = &endpoint
		}
		o.HTTPClient = ownBody{o.HTTPClient}
	})
}

// ownBody gives net/http a copy of the request body. The SDK closes the body
// as soon as the answer's header is there, while net/http may still be reading
// it; net/http then drops the connection in the middle of the answer. With
// that, up to 3 % of fast answers longer than 4 KB were lost, and the messages
// in them stayed hidden for their visibility timeout.
type ownBody struct{ next sqs.HTTPClient }

// Do sends the request.
func (c ownBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.next.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("copy the request body: %w", err)
	}
	own := r.Clone(r.Context())
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	own.Body, _ = own.GetBody()
	own.ContentLength = int64(len(body))
	return c.next.Do(own)
}
