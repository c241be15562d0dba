// Package bucket finds the log objects that lie in a bucket: those of a span of
// days, by the dates in their keys, and those of a list of keys. It gives every
// object the identity that its notification gives it, so that what was carried
// already can be told from what is missing.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
)

// callTime bounds a call of S3 with all its tries.
const callTime = 2 * time.Minute

// Object is an object as it lies in its bucket.
type Object struct {
	Bucket string
	// Key is exact: nothing in it is encoded.
	Key string
	// VersionID is empty in a bucket without versions, and of an object that is
	// older than its bucket's versions.
	VersionID string
	// ETag has no quotes.
	ETag string
	// Region is where the bucket is.
	Region       string
	Size         int64
	LastModified time.Time
}

// ID returns the id that the object has on the bus when it is carried for the
// connection: the same as by its notification (invariant 4).
func (o Object) ID(connection string) string {
	return batch.ObjectID(connection, o.Bucket, o.Key, o.VersionID, o.ETag)
}

// Lister lists buckets as one connection. It is safe for concurrent use.
type Lister struct {
	creds   *awscred.Cache
	conn    connection.Connection
	region  string
	regions awscred.BucketRegions
	clients sync.Map // region to *s3.Client
}

// New returns a Lister for the connection. A bucket is looked for in the
// connection's region, or its first queue's, and followed to its own.
func New(creds *awscred.Cache, c connection.Connection) *Lister {
	region := c.Region
	if queues := c.Queues(); region == "" && len(queues) > 0 {
		region = connection.QueueRegion(queues[0])
	}
	return &Lister{creds: creds, conn: c, region: region}
}

// allowed says whether the connection reads the bucket.
func (l *Lister) allowed(bucket string) error {
	if bucket == "" {
		return errors.New("no bucket is named")
	}
	if !l.conn.Reads(bucket) {
		return fmt.Errorf("connection %s does not read the bucket %s: add it to the connection's buckets", l.conn.Name, bucket)
	}
	return nil
}

// ask calls S3 in the bucket's region, and returns which that is.
func (l *Lister) ask(ctx context.Context, bucket string, call func(context.Context, *s3.Client) error) (region string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, _, err = l.regions.Follow(bucket, l.region, func(said string) error {
		client, err := l.client(ctx, said)
		if err != nil {
			return err
		}
		region = client.Options().Region
		return call(ctx, client)
	})
	return region, err
}

func (l *Lister) client(ctx context.Context, region string) (*s3.Client, error) {
	if client, ok := l.clients.Load(region); ok {
		return client.(*s3.Client), nil
	}
	cfg, err := l.creds.Config(ctx, l.conn, region)
	if err != nil {
		return nil, err
	}
	client, _ := l.clients.LoadOrStore(region, awscred.S3(cfg))
	return client.(*s3.Client), nil
}

func (l *Lister) payer() types.RequestPayer {
	if l.conn.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}

// head asks S3 about one object. An object that is not there, or whose latest
// version is a delete marker, is errGone.
func (l *Lister) head(ctx context.Context, bucket, key string) (Object, error) {
	var out *s3.HeadObjectOutput
	region, err := l.ask(ctx, bucket, func(ctx context.Context, client *s3.Client) (err error) {
		out, err = client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key, RequestPayer: l.payer()})
		return err
	})
	if err != nil {
		return Object{}, l.explainHead(err, bucket, key, region)
	}
	return Object{
		Bucket: bucket, Key: key, Region: region,
		VersionID: version(out.VersionId), ETag: etag(out.ETag),
		Size: aws.ToInt64(out.ContentLength), LastModified: aws.ToTime(out.LastModified).UTC(),
	}, nil
}

// version returns the version id, empty for the version "null": the object has
// none then.
func version(id *string) string {
	if v := aws.ToString(id); v != "null" {
		return v
	}
	return ""
}

func etag(tag *string) string { return strings.Trim(aws.ToString(tag), `"`) }

// errGone is the error of an object that is not in its bucket.
var errGone = errors.New("there is no such object")

func (l *Lister) explainHead(err error, bucket, key, region string) error {
	place := "s3://" + bucket + "/" + key
	switch status := awscred.StatusOf(err); {
	case status == http.StatusNotFound:
		return fmt.Errorf("%s: %w: %w", place, errGone, err)
	case status == http.StatusForbidden:
		return fmt.Errorf("look up %s: access denied: grant %s s3:GetObject on the bucket's objects, and s3:ListBucket on the bucket, without which a missing object looks like a denied one: %w", place, l.who(), err)
	}
	return fmt.Errorf("look up %s: %w", place, l.explain(err, bucket, region))
}

// explain says what is to be done about an error of S3 that concerns the
// bucket as a whole.
func (l *Lister) explain(err error, bucket, region string) error {
	switch code, status := codeOf(err), awscred.StatusOf(err); {
	case status == 0:
		return err
	case code == "NoSuchBucket":
		return fmt.Errorf("the bucket %s does not exist: check its name: %w", bucket, err)
	case code == "AccessDenied":
		return fmt.Errorf("access denied: grant %s s3:ListBucket on the bucket %s, and s3:ListBucketVersions if it keeps versions: %w", l.who(), bucket, err)
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect,
		code == "AuthorizationHeaderMalformed", code == "IllegalLocationConstraintException":
		return fmt.Errorf("the bucket %s is in another region than %s, and S3 does not say in which: set region in connection %s: %w", bucket, region, l.conn.Name, err)
	}
	return err
}

// who names whom a permission is to be granted to.
func (l *Lister) who() string {
	if l.conn.RoleARN != "" {
		return l.conn.RoleARN
	}
	return "the process's own AWS identity"
}

// codeOf returns the code of S3's refusal, empty when it was not S3 that
// refused.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok && awscred.StatusOf(err) != 0 {
		return e.ErrorCode()
	}
	return ""
}
