package poller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/notification"
)

// maxBuckets bounds what is remembered of buckets.
const maxBuckets = 1024

// objects gives objects their identity. Some notices name a key only; asking
// S3 for the version and ETag makes an object the same, whatever announced it.
type objects struct {
	conn   connection.Connection
	region string // of the queue
	head   headFunc

	mu      sync.Mutex
	regions map[string]string // of buckets found elsewhere
}

// headFunc asks the S3 of a region about an object.
type headFunc func(ctx context.Context, region string, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error)

func newObjects(creds *awscred.Cache, c connection.Connection, region string) *objects {
	return &objects{conn: c, region: region, head: headEverywhere(creds, c), regions: map[string]string{}}
}

// headEverywhere returns a headFunc that keeps one client for each region.
func headEverywhere(creds *awscred.Cache, c connection.Connection) headFunc {
	var clients sync.Map // region to *s3.Client
	return func(ctx context.Context, region string, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
		client, ok := clients.Load(region)
		if !ok {
			cfg, err := creds.Config(ctx, c, region)
			if err != nil {
				return nil, err
			}
			client, _ = clients.LoadOrStore(region, awscred.S3(cfg))
		}
		return client.(*s3.Client).HeadObject(ctx, in)
	}
}

// identify returns o with its version and ETag. An object that is missing or
// may not be asked about is returned as it is: the fetcher finds out why and
// says so.
func (s *objects) identify(ctx context.Context, o notification.Object) (notification.Object, error) {
	if o.VersionID == "null" { // written while the bucket had no versions
		o.VersionID = ""
	}
	if o.VersionID != "" || o.ETag != "" {
		return o, nil
	}
	if o.Region == "" {
		o.Region = s.regionOf(o.Bucket)
	}
	out, err := s.ask(ctx, &o)
	if status := statusOf(err); status == http.StatusNotFound || status == http.StatusForbidden {
		return o, nil
	}
	if err != nil {
		return o, fmt.Errorf("look up s3://%s/%s: %w", o.Bucket, o.Key, err)
	}
	if v := aws.ToString(out.VersionId); v != "null" {
		o.VersionID = v
	}
	o.ETag = strings.Trim(aws.ToString(out.ETag), `"`)
	o.Size = aws.ToInt64(out.ContentLength)
	if o.EventTime.IsZero() {
		o.EventTime = aws.ToTime(out.LastModified)
	}
	return o, nil
}

// ask sends the request to the bucket's region. When that is wrong, S3 names
// the right one, which is remembered.
func (s *objects) ask(ctx context.Context, o *notification.Object) (*s3.HeadObjectOutput, error) {
	in := &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if s.conn.RequesterPays {
		in.RequestPayer = types.RequestPayerRequester
	}
	out, err := s.head(ctx, o.Region, in)
	right := bucketRegion(err)
	if right == "" || right == o.Region {
		return out, err
	}
	o.Region = right
	s.remember(o.Bucket, right)
	return s.head(ctx, right, in)
}

func (s *objects) regionOf(bucket string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.regions[bucket]; r != "" {
		return r
	}
	return s.region
}

func (s *objects) remember(bucket, region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.regions) >= maxBuckets {
		clear(s.regions)
	}
	s.regions[bucket] = region
}

// statusOf returns the HTTP status of S3's refusal, 0 when it was not S3 that
// refused.
func statusOf(err error) int {
	if _, ok := errors.AsType[*awscred.RoleError](err); ok {
		return 0
	}
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// bucketRegion returns the region that S3 says the bucket is in, when the
// request went to another.
func bucketRegion(err error) string {
	status := statusOf(err)
	if status != http.StatusMovedPermanently && status != http.StatusTemporaryRedirect && status != http.StatusBadRequest {
		return ""
	}
	e, _ := errors.AsType[*awshttp.ResponseError](err)
	return e.Response.Header.Get("X-Amz-Bucket-Region")
}
