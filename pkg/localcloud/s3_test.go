package localcloud_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/inject"
)

var content = strings.Repeat("0123456789", 10_000)

// put stores an object through the SDK, with its default checksums.
func put(t *testing.T, s *awss3.Client, key string) *awss3.PutObjectOutput {
	t.Helper()
	out, err := s.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("logs"), Key: &key, Body: strings.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestObjectsOfTheSDK(t *testing.T) {
	c := start(t, localcloud.Options{})
	feed(t, c)
	s := s3Client(t, c)
	etag := put(t, s, "a b/c+d=é.gz").ETag
	f := func(in awss3.GetObjectInput, want string) {
		t.Helper()
		in.Bucket = aws.String("logs")
		if in.Key == nil {
			in.Key = aws.String("a b/c+d=é.gz")
		}
		out, err := s.GetObject(t.Context(), &in)
		got := code(err)
		if err == nil {
			defer out.Body.Close()
			body, err := io.ReadAll(out.Body)
			if err != nil {
				t.Errorf("read: %v", err)
			}
			got = string(body)
		}
		if got != want {
			t.Errorf("got %.50s (%d bytes); want %.50s (%d bytes)", got, len(got), want, len(want))
		}
	}
	f(awss3.GetObjectInput{}, content)
	f(awss3.GetObjectInput{IfMatch: etag}, content)
	f(awss3.GetObjectInput{IfMatch: aws.String(`"other"`)}, "PreconditionFailed")
	f(awss3.GetObjectInput{Range: aws.String("bytes=5-14")}, "5678901234")
	f(awss3.GetObjectInput{Key: aws.String("none")}, "NoSuchKey")

	listed, err := s.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("logs"), Prefix: aws.String("a ")})
	if err != nil || len(listed.Contents) != 1 || *listed.Contents[0].Size != int64(len(content)) {
		t.Errorf("got %+v, %v; want the object", listed, err)
	}
	head, err := s.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: aws.String("logs")})
	if err != nil || aws.ToString(head.BucketRegion) != c.Region() {
		t.Errorf("got %+v, %v; want region %s", head, err, c.Region())
	}
}

// announcement is what a test looks at in a message.
type announcement struct {
	Records []struct {
		EventVersion, EventSource, EventName, AwsRegion string
		S3                                              struct {
			Bucket struct{ Name string }
			Object struct {
				Key, ETag, Sequencer string
				Size                 int
			}
		}
	}
}

func receiveOne(t *testing.T, c *localcloud.Cloud, url string) string {
	t.Helper()
	got, err := sqsClient(t, c).ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 10})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("got %v, %v; want a message", got, err)
	}
	return *got.Messages[0].Body
}

func TestNotifications(t *testing.T) {
	c := start(t, localcloud.Options{})
	url, err := c.Feed("logs", "logs-queue")
	if err != nil {
		t.Fatal(err)
	}
	if got := receiveOne(t, c, url); !strings.Contains(got, `"s3:TestEvent"`) {
		t.Errorf("got %s; want a test event", got)
	}
	f := func(event, key, etag string) {
		t.Helper()
		var got announcement
		if err := json.Unmarshal([]byte(receiveOne(t, c, url)), &got); err != nil || len(got.Records) != 1 {
			t.Fatalf("got %+v, %v; want one record", got, err)
		}
		r := got.Records[0]
		if r.EventName != event || r.S3.Object.Key != key || r.S3.Object.Size != len(content) || etag != "" && r.S3.Object.ETag != etag ||
			r.S3.Bucket.Name != "logs" || r.EventSource != "aws:s3" || r.AwsRegion != c.Region() || r.S3.Object.Sequencer == "" {
			t.Errorf("got %+v; want %s of %s with ETag %s", r, event, key, etag)
		}
	}
	s := s3Client(t, c)
	etag := strings.Trim(*put(t, s, "a b/c+d=é::x.gz").ETag, `"`)
	f("ObjectCreated:Put", "a+b/c%2Bd%3D%C3%A9%3A%3Ax.gz", etag)

	if err := c.S3.Put("logs", "from/go", []byte(content)); err != nil {
		t.Fatal(err)
	}
	f("ObjectCreated:Put", "from/go", etag)

	if _, err := s.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("logs"), Key: aws.String("copy"), CopySource: aws.String("logs/from/go")}); err != nil {
		t.Fatal(err)
	}
	f("ObjectCreated:Copy", "copy", etag)

	multipart(t, s, "big")
	f("ObjectCreated:CompleteMultipartUpload", "big", "")
}

func multipart(t *testing.T, s *awss3.Client, key string) {
	t.Helper()
	bucket, ctx := aws.String("logs"), t.Context()
	begun, err := s.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	part, err := s.UploadPart(ctx, &awss3.UploadPartInput{Bucket: bucket, Key: &key, UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: bucket, Key: &key, UploadId: begun.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVersions(t *testing.T) {
	c := start(t, localcloud.Options{})
	url := feed(t, c)
	if err := c.S3.Version("logs"); err != nil {
		t.Fatal(err)
	}
	s := s3Client(t, c)
	first := put(t, s, "k")
	version := first.VersionId
	etag := aws.String(`"` + "781e5e245d69b566979b86e28d23f2c7" + `"`) // of 0123456789
	if message := receiveOne(t, c, url); version == nil || !strings.Contains(message, `"versionId":"`+*version+`"`) {
		t.Errorf("got %s; want version %v in it", message, aws.ToString(version))
	}

	// If-Match holds against the version that is asked for.
	if err := c.S3.Put("logs", "k", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	f := func(version, etag *string, want string) {
		t.Helper()
		out, err := s.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("logs"), Key: aws.String("k"), VersionId: version, IfMatch: etag})
		if got := code(err); got != want {
			t.Errorf("version %s: got %v; want %s", aws.ToString(version), err, want)
		}
		if err == nil {
			if _, err := io.Copy(io.Discard, out.Body); err != nil {
				t.Errorf("read: %v", err)
			}
			out.Body.Close()
		}
	}
	f(nil, etag, "ok")
	f(nil, first.ETag, "PreconditionFailed")
	f(version, first.ETag, "ok")
	f(version, etag, "PreconditionFailed")
}

func TestObjectFaults(t *testing.T) {
	c := start(t, localcloud.Options{})
	if _, err := c.Feed("logs", "logs-queue"); err != nil {
		t.Fatal(err)
	}
	if err := c.S3.Put("logs", "dir/key", []byte(content)); err != nil {
		t.Fatal(err)
	}
	s := s3Client(t, c)
	get := func() (string, error) {
		out, err := s.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("logs"), Key: aws.String("dir/key")})
		if err != nil {
			return "", err
		}
		defer out.Body.Close()
		body, err := io.ReadAll(out.Body)
		return string(body), err
	}
	f := func(fault inject.Fault, want string) {
		t.Helper()
		fault.Times = 1
		c.Faults.Fail(inject.Match{Service: inject.S3, Operation: "GetObject", Resource: "logs/dir/*"}, fault)
		body, err := get()
		if err == nil || !strings.Contains(err.Error(), want) || len(body) > 1000 {
			t.Errorf("%+v: got %d bytes, %v; want an error with %q", fault, len(body), err, want)
		}
		if body, err := get(); err != nil || body != content {
			t.Errorf("after %+v: got %d bytes, %v; want all", fault, len(body), err)
		}
	}
	f(inject.Fault{Status: 503, Code: "SlowDown", Message: "Please reduce your request rate."}, "SlowDown")
	f(inject.Fault{Status: 403, Code: "InvalidObjectState"}, "InvalidObjectState")
	f(inject.Fault{Truncate: 1000}, "unexpected EOF")
	// A fresh connection: on a used one the HTTP client tries again by itself.
	s = s3Client(t, c)
	f(inject.Fault{Reset: true}, "reset by peer")
	if got := c.Faults.Calls(inject.S3, "GetObject"); got != 8 {
		t.Errorf("got %d calls; want 8", got)
	}
}

// BenchmarkS3 measures reads of 100 KB objects through the SDK.
func BenchmarkS3(b *testing.B) {
	c := start(b, localcloud.Options{})
	if _, err := c.Feed("logs", "logs-queue"); err != nil {
		b.Fatal(err)
	}
	if err := c.S3.Put("logs", "key", bytes.Repeat([]byte("x"), 100_000)); err != nil {
		b.Fatal(err)
	}
	s := s3Client(b, c)
	b.SetBytes(100_000)
	for b.Loop() {
		out, err := s.GetObject(b.Context(), &awss3.GetObjectInput{Bucket: aws.String("logs"), Key: aws.String("key")})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, out.Body); err != nil {
			b.Fatal(err)
		}
		out.Body.Close()
	}
}

// A bucket tells its notifications, and a queue who may send.
func TestNotificationsAreTold(t *testing.T) {
	c := start(t, localcloud.Options{})
	url := feed(t, c)
	out, err := s3Client(t, c).GetBucketNotificationConfiguration(t.Context(), &awss3.GetBucketNotificationConfigurationInput{Bucket: aws.String("logs")})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.QueueConfigurations) != 1 || len(out.QueueConfigurations[0].Events) != 1 || out.QueueConfigurations[0].Events[0] != "s3:ObjectCreated:*" {
		t.Errorf("got %+v; want one configuration for new objects", out.QueueConfigurations)
	}
	attributes, err := sqsClient(t, c).GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{"Policy", "QueueArn"}})
	if err != nil || !strings.Contains(attributes.Attributes["Policy"], "arn:aws:s3:::logs") {
		t.Fatalf("got %v, %v; want the bucket in the policy", attributes, err)
	}
	if got, want := aws.ToString(out.QueueConfigurations[0].QueueArn), attributes.Attributes["QueueArn"]; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	_, err = s3Client(t, c).GetBucketNotificationConfiguration(t.Context(), &awss3.GetBucketNotificationConfigurationInput{Bucket: aws.String("none")})
	if code(err) != "NoSuchBucket" {
		t.Errorf("got %v; want NoSuchBucket", err)
	}
}
