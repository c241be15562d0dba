package poller

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/notification"
)

// objects gives objects their identity. Some notices name a key only; asking
// S3 for the version and ETag makes an object the same, whatever announced it.
type objects struct {
	conn    connection.Connection
	region  string // of the queue
	head    headFunc
	regions awscred.BucketRegions
}

// headFunc asks the S3 of a region about an object.
type headFunc func(ctx context.Context, region string, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error)

func newObjects(creds *awscred.Cache, c connection.Connection, region string) *objects {
	return &objects{conn: c, region: region, head: headEverywhere(creds, c)}
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
		o.Region = s.region
	}
	out, err := s.ask(ctx, &o)
	if status := awscred.StatusOf(err); status == http.StatusNotFound || status == http.StatusForbidden {
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

// ask sends the request to the bucket's region, and notes which that is.
func (s *objects) ask(ctx context.Context, o *notification.Object) (out *s3.HeadObjectOutput, err error) {
	in := &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if s.conn.RequesterPays {
		in.RequestPayer = types.RequestPayerRequester
	}
	o.Region, _, err = s.regions.Follow(o.Bucket, o.Region, func(region string) error {
		out, err = s.head(ctx, region, in)
		return err
	})
	return out, err
}
