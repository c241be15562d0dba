package probe

import (
	"context"
	"io"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/notification"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

// noObject is a key that no log has. Who may list the bucket gets 404 for it
// when the read itself is allowed, and 403 when it is not.
const noObject = "AWSLogs/logferry-probe"

// headBytes is how much of an object is read.
const headBytes = 4096

// reader tries what the fetcher asks of a bucket.
type reader struct {
	steps
	probe   *Probe
	who     caller
	bucket  string
	region  string
	regions awscred.BucketRegions
	// object is one to read, listed says that the bucket could be listed.
	object *notification.Object
	listed bool
}

// bucket tries to read an object of the bucket: the one that was announced, or
// one that a listing shows.
func (p *Probe) bucket(ctx context.Context, s steps, who caller, name string, announced notification.Object) {
	b := reader{steps: s, probe: p, who: who, bucket: name, region: announced.Region}
	b.subject = "bucket " + name
	if b.region == "" {
		b.region = regionOf(who.conn)
	}
	if announced.Key != "" {
		b.object = &announced
	}
	b.try("aws.s3.list", "list the bucket", func() check.Outcome { return b.list(ctx) })
	var sealed check.Outcome // what the key says
	b.try("aws.s3.get", "read an object", func() (o check.Outcome) {
		o, sealed = b.get(ctx)
		return o
	})
	b.try("aws.kms.decrypt", "decrypt", func() check.Outcome { return sealed })
}

// ask calls S3 in the bucket's region.
func (b *reader) ask(ctx context.Context, call func(context.Context, *s3.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, _, err := b.regions.Follow(b.bucket, b.region, func(region string) error {
		c := b.who.conn
		if c.Region != "" && region != "" {
			c.Region = region
		}
		cfg, err := b.probe.aws.Config(ctx, c, region)
		if err != nil {
			return err
		}
		return call(ctx, awscred.S3(cfg))
	})
	return err
}

func (b *reader) arn() string {
	return "arn:" + connection.Partition(b.region) + ":s3:::" + b.bucket
}

// list lists some objects of the bucket. The services do without; who may list
// learns more from a probe, and can backfill and audit.
func (b *reader) list(ctx context.Context) check.Outcome {
	var out *s3.ListObjectsV2Output
	err := b.ask(ctx, func(ctx context.Context, client *s3.Client) (err error) {
		out, err = client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.bucket, MaxKeys: aws.Int32(100), RequestPayer: b.payer()})
		return err
	})
	switch {
	case denied(err):
		return check.Skip("%s; running services do without it; to backfill, audit and see more here, %s", said(err), b.who.grant(err, "s3:ListBucket", b.arn()))
	case codeOf(err) == "NoSuchBucket":
		b.blocked = "the bucket does not exist"
		return check.Fail("check the bucket's name in the connection and in the queue's policy", "%s", said(err))
	case err != nil:
		return check.Fail("see that this machine reaches S3: DNS, routes, proxy, VPC endpoint", "%s", said(err))
	}
	b.listed = true
	if b.object == nil {
		b.object = logIn(out.Contents, b.bucket)
	}
	if len(out.Contents) == 0 {
		return check.Pass("allowed; the bucket is empty")
	}
	return check.Pass("allowed")
}

// logIn returns a listed object that may be a log: not a folder's marker.
func logIn(objects []types.Object, bucket string) *notification.Object {
	for _, o := range objects {
		if key := aws.ToString(o.Key); !strings.HasSuffix(key, "/") && aws.ToInt64(o.Size) > 0 {
			return &notification.Object{Bucket: bucket, Key: key}
		}
	}
	return nil
}

func (b *reader) payer() types.RequestPayer {
	if b.who.conn.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}

// get reads the beginning of an object, and says what became of its key.
func (b *reader) get(ctx context.Context) (read, sealed check.Outcome) {
	key, known := noObject, false
	if b.object != nil {
		key, known = b.object.Key, true
	}
	var kms string
	n := 0
	err := b.ask(ctx, func(ctx context.Context, client *s3.Client) error {
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: &key, RequestPayer: b.payer()})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		kms = aws.ToString(out.SSEKMSKeyId)
		head, err := io.ReadAll(io.LimitReader(out.Body, headBytes))
		n = len(head)
		return err
	})
	place := "s3://" + b.bucket + "/" + key
	if err == nil {
		sealed = check.Skip("%s is not encrypted with a KMS key", place)
		if kms != "" {
			sealed = check.Pass("%s was decrypted with %s", place, kms)
		}
		return check.Pass("%s: %d bytes of its beginning", place, n), sealed
	}
	return b.refusedObject(err, place, known)
}

// refusedObject says why an object could not be read.
func (b *reader) refusedObject(err error, place string, known bool) (read, sealed check.Outcome) {
	sealed = check.Skip("no object was read")
	code, text := codeOf(err), said(err)
	switch {
	case code == "NoSuchKey" && !known:
		return check.Pass("allowed; there is no object to read yet"), sealed
	case code == "NoSuchKey":
		return check.Doubt("keep logs for longer than a message may wait: see the bucket's lifecycle rules", "%s was announced and is not there any more: %s", place, text), sealed
	case code == "InvalidObjectState":
		return check.Doubt("restore the object, or archive logs later", "%s is archived: %s", place, text), sealed
	case strings.Contains(strings.ToLower(code+" "+text), "kms"):
		key := keyIn(text)
		return check.Pass("s3:GetObject is allowed; the object's key is not"),
			check.Fail(b.who.grant(err, "kms:Decrypt", key)+"\nand see that the key's own policy lets its account decide, or names the role", "%s: %s", place, text)
	case denied(err) && !known && !b.listed:
		return check.Skip("no object is known, and without s3:ListBucket a missing one looks like one that is denied"), sealed
	case denied(err):
		fix := b.who.grant(err, "s3:GetObject", b.arn()+"/*")
		if !b.listed {
			fix += "\nor the object is gone: without s3:ListBucket that looks the same"
		}
		return check.Fail(fix, "%s: %s", place, text), sealed
	case code == "":
		return check.Fail("see that this machine reaches S3: DNS, routes, proxy, VPC endpoint", "%s: %s", place, text), sealed
	}
	return check.Fail("see the answer of S3", "%s: %s", place, text), sealed
}

// keyPattern matches the ARN of a KMS key.
const keyPattern = `arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]+:(?:key|alias)/[A-Za-z0-9/_-]+`

// keyIn returns the key that an answer names.
func keyIn(text string) string {
	if arn := regexp.MustCompile(keyPattern).FindString(text); arn != "" {
		return arn
	}
	return "<the bucket's key>"
}
