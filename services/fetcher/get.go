package fetcher

import (
	"context"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyauth "github.com/aws/smithy-go/auth"
	"github.com/aws/smithy-go/encoding/httpbinding"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/logferry/logferry/pkg/fault"
)

const (
	// noBody is the SHA-256 of an empty request body.
	noBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// maxSkew is how wrong a clock may be: S3 refuses 15 minutes.
	maxSkew = 5 * time.Minute
	// maxRefusal bounds what is read of a refusal.
	maxRefusal = 64 << 10
)

// client gets objects, as one connection in one region. The SDK says where they
// are, with what credentials, and signs; the request is put together here,
// because the SDK's way of doing that costs more than all the rest of a small
// object. A request is sent once: what fails comes again with its delivery.
type client struct {
	options s3.Options
	signer  *v4.Signer
	skew    atomic.Int64 // how far S3's clock is ahead of this one
	nvme    *crc64.Table
}

func newClient(options s3.Options) *client {
	return &client{
		options: options,
		signer:  v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), // S3 wants paths as they are
		nvme:    crc64.MakeTable(nvmePolynomial),
	}
}

// get does what the SDK's GetObject does, for the members of in that package
// fetcher sets. An answer that finds this machine's clock wrong is followed once.
func (c *client) get(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	answer, err := c.send(ctx, in)
	if err == nil && c.learnSkew(answer) {
		answer, err = c.send(ctx, in)
	}
	if err == nil && answer.StatusCode/100 != 2 {
		err = refusal(answer)
	}
	if err != nil {
		return nil, &smithy.OperationError{ServiceID: s3.ServiceID, OperationName: "GetObject", Err: err}
	}
	return c.output(answer), nil
}

func (c *client) send(ctx context.Context, in *s3.GetObjectInput) (*http.Response, error) {
	endpoint, scheme, err := c.resolve(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	r := (&http.Request{
		Method: http.MethodGet, URL: objectURL(endpoint, in), Host: endpoint.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: c.header(in),
	}).WithContext(ctx)
	credentials, err := c.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get credentials: %w", err)
	}
	name, _ := smithyhttp.GetSigV4SigningName(&scheme.SignerProperties)
	region, _ := smithyhttp.GetSigV4SigningRegion(&scheme.SignerProperties)
	now := time.Now().Add(time.Duration(c.skew.Load()))
	if err := c.signer.SignHTTP(ctx, credentials, r, noBody, name, region, now); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	answer, err := c.options.HTTPClient.Do(r)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	return answer, nil
}

// resolve returns where the bucket is, and how requests to it are signed.
func (c *client) resolve(ctx context.Context, bucket string) (*url.URL, *smithyauth.Option, error) {
	o := &c.options
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
		Bucket: &bucket, Region: &o.Region, Endpoint: o.BaseEndpoint,
		UseFIPS:        aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack:   aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		ForcePathStyle: aws.Bool(o.UsePathStyle), Accelerate: aws.Bool(o.UseAccelerate),
		UseArnRegion: aws.Bool(o.UseARNRegion), DisableMultiRegionAccessPoints: aws.Bool(o.DisableMultiRegionAccessPoints),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("resolve the endpoint: %w", err)
	}
	schemes, _ := smithyauth.GetAuthOptions(&endpoint.Properties)
	for _, scheme := range schemes {
		if scheme.SchemeID == "sigv4" {
			return &endpoint.URI, scheme, nil
		}
	}
	return nil, nil, fault.Permanent(fault.Unsupported, fmt.Errorf("requests to %s cannot be signed", endpoint.URI.Host))
}

// objectURL returns the address of an object in the bucket at that endpoint.
func objectURL(endpoint *url.URL, in *s3.GetObjectInput) *url.URL {
	u := *endpoint
	u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") + "/" + httpbinding.EscapePath(*in.Key, false)
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + *in.Key
	if in.VersionId != nil {
		u.RawQuery = "versionId=" + url.QueryEscape(*in.VersionId)
	}
	return &u
}

// header returns the header of a request before it is signed.
func (c *client) header(in *s3.GetObjectInput) http.Header {
	h := http.Header{
		"Accept-Encoding":      {"identity"}, // else what is in the bucket as gzip would come as plain text
		"User-Agent":           {"logferry"},
		"X-Amz-Content-Sha256": {noBody},
	}
	if in.IfMatch != nil {
		h["If-Match"] = []string{*in.IfMatch}
	}
	if in.RequestPayer != "" {
		h["X-Amz-Request-Payer"] = []string{string(in.RequestPayer)}
	}
	if in.Range != nil {
		h["Range"] = []string{*in.Range}
	} else if c.checks() {
		h["X-Amz-Checksum-Mode"] = []string{"ENABLED"}
	}
	return h
}

// learnSkew reports whether the answer is that this machine's clock is wrong,
// and the right time is known now.
func (c *client) learnSkew(answer *http.Response) bool {
	if answer.StatusCode != http.StatusForbidden {
		return false
	}
	now := time.Now()
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	skew := theirs.Sub(now)
	if err != nil || (skew-time.Duration(c.skew.Load())).Abs() < maxSkew {
		return false
	}
	c.skew.Store(int64(skew))
	answer.Body.Close()
	return true
}

// output returns what a successful answer says.
func (c *client) output(answer *http.Response) *s3.GetObjectOutput {
	out := &s3.GetObjectOutput{Body: answer.Body}
	if answer.ContentLength >= 0 {
		out.ContentLength = &answer.ContentLength
	}
	if etag := answer.Header.Get("Etag"); etag != "" {
		out.ETag = &etag
	}
	if part := answer.Header.Get("Content-Range"); part != "" {
		out.ContentRange = &part
	} else if c.checks() {
		out.Body = c.checked(answer)
	}
	return out
}

// checks reports whether bodies are compared with S3's checksums.
func (c *client) checks() bool {
	return c.options.ResponseChecksumValidation == aws.ResponseChecksumValidationWhenSupported
}

// refusal returns the error that an answer is.
func refusal(answer *http.Response) error {
	defer answer.Body.Close()
	var said struct{ Code, Message string }
	err := xml.NewDecoder(io.LimitReader(answer.Body, maxRefusal)).Decode(&said)
	if err != nil || said.Code == "" {
		said.Code = strings.ReplaceAll(http.StatusText(answer.StatusCode), " ", "")
	}
	return &awshttp.ResponseError{
		RequestID: answer.Header.Get("X-Amz-Request-Id"),
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: answer},
			Err: fmt.Errorf("HostID: %s, %w", answer.Header.Get("X-Amz-Id-2"),
				&smithy.GenericAPIError{Code: said.Code, Message: said.Message}),
		},
	}
}
