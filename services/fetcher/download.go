package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/logferry/logferry/pkg/connection"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const (
	// largeBytes is the size from which an object is read in chunks.
	largeBytes = 32 << 20
	// chunkBytes is the size of a chunk; two are in memory at a time.
	chunkBytes = 8 << 20
)

// openDownload starts reading an object, which must be the one announced: the
// version, or else the content the ETag stands for. Errors, also those of
// Read, say what is to be done about them. The caller closes the download.
func openDownload(ctx context.Context, b *buckets, c connection.Connection, o *logferryv1.Object) (io.ReadCloser, error) {
	in := request(c, o)
	region := regionFor(c, o)
	if o.GetSize() > largeBytes {
		in.Range = byteRange(0, chunkBytes)
	}
	first, err := b.get(ctx, c, region, in)
	if isEmpty(err) {
		return http.NoBody, nil
	}
	if err != nil {
		return nil, err
	}
	size, err := sizeOf(first)
	if err != nil {
		first.Body.Close()
		return nil, fmt.Errorf("get s3://%s/%s: %w", o.GetBucket(), o.GetKey(), err)
	}
	if in.VersionId == nil && first.ETag != nil {
		in.IfMatch = first.ETag // what follows must be of the same content
	}
	s := &span{
		open: func(ctx context.Context, at, end int64) (io.ReadCloser, error) {
			return openSpan(ctx, b, c, region, in, at, end)
		},
		wait: b.wait, resumed: b.metrics.resumed.Inc,
		end: *first.ContentLength, body: first.Body,
	}
	if s.end == size {
		return reader{func(p []byte) (int, error) { return s.read(ctx, p) }, s.close}, nil
	}
	return newAhead(ctx, s, size), nil
}

// openSpan requests the bytes from at to end, the end not included.
func openSpan(ctx context.Context, b *buckets, c connection.Connection, region string, in *s3.GetObjectInput, at, end int64) (io.ReadCloser, error) {
	part := *in
	part.Range = byteRange(at, end)
	out, err := b.get(ctx, c, region, &part)
	if err != nil {
		return nil, err
	}
	if want := fmt.Sprintf("bytes %d-%d/", at, end-1); !strings.HasPrefix(aws.ToString(out.ContentRange), want) {
		out.Body.Close()
		return nil, fmt.Errorf("get s3://%s/%s: got range %q; want %s", *in.Bucket, *in.Key, aws.ToString(out.ContentRange), want)
	}
	return out.Body, nil
}

// request returns the request for the whole object as it was announced.
func request(c connection.Connection, o *logferryv1.Object) *s3.GetObjectInput {
	in := &s3.GetObjectInput{Bucket: aws.String(o.GetBucket()), Key: aws.String(o.GetKey())}
	switch {
	case o.GetVersionId() != "":
		in.VersionId = aws.String(o.GetVersionId())
	case o.GetEtag() != "":
		in.IfMatch = aws.String(`"` + strings.Trim(o.GetEtag(), `"`) + `"`)
	}
	if c.RequesterPays {
		in.RequestPayer = types.RequestPayerRequester
	}
	return in
}

// regionFor returns the bucket's region as far as it is known: announced,
// configured, or the queue's.
func regionFor(c connection.Connection, o *logferryv1.Object) string {
	if o.GetRegion() != "" {
		return o.GetRegion()
	}
	if c.Region != "" {
		return c.Region
	}
	for _, queue := range c.Queues() {
		if region := connection.QueueRegion(queue); region != "" {
			return region
		}
	}
	return ""
}

func byteRange(at, end int64) *string {
	return aws.String(fmt.Sprintf("bytes=%d-%d", at, end-1))
}

// isEmpty reports whether a range was refused because the object is empty.
func isEmpty(err error) bool {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && answer.HTTPStatusCode() == http.StatusRequestedRangeNotSatisfiable
}

// sizeOf returns the size of the object that an answer is of.
func sizeOf(out *s3.GetObjectOutput) (int64, error) {
	if out.ContentLength == nil || *out.ContentLength < 0 {
		return 0, errors.New("the answer tells no length")
	}
	if out.ContentRange == nil {
		return *out.ContentLength, nil
	}
	_, total, _ := strings.Cut(*out.ContentRange, "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the answer's range is %q", *out.ContentRange)
	}
	return size, nil
}

// reader is a reader made of functions.
type reader struct {
	read  func(p []byte) (int, error)
	close func()
}

// Read implements [io.Reader].
func (r reader) Read(p []byte) (int, error) { return r.read(p) }

// Close implements [io.Closer].
func (r reader) Close() error {
	r.close()
	return nil
}
