package fetcher

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logferry/logferry/pkg/fault"
)

// captured is an HTTP client that keeps the request and finds nothing.
type captured struct{ request *http.Request }

func (c *captured) Do(r *http.Request) (*http.Response, error) {
	c.request = r
	return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// aspects returns what matters of a request.
func (c *captured) aspects() map[string]string {
	_, scope, _ := strings.Cut(c.request.Header.Get("Authorization"), "/")
	scope, _, _ = strings.Cut(scope, ",")
	query := c.request.URL.Query()
	query.Del("x-id")
	aspects := map[string]string{
		"url":   c.request.URL.Scheme + "://" + c.request.URL.Host + c.request.URL.EscapedPath() + "?" + query.Encode(),
		"scope": scope[strings.Index(scope, "/")+1:], // without the date
	}
	for _, name := range []string{"Accept-Encoding", "If-Match", "Range", "X-Amz-Request-Payer", "X-Amz-Checksum-Mode", "X-Amz-Content-Sha256", "X-Amz-Security-Token"} {
		aspects[name] = c.request.Header.Get(name)
	}
	return aspects
}

// A request is the one that the SDK would send.
func TestRequestIsTheSDKs(t *testing.T) {
	f := func(in *s3.GetObjectInput, edit func(*s3.Options)) {
		t.Helper()
		sdk, own := new(captured), new(captured)
		client := s3.New(s3.Options{
			Region: "eu-west-1", HTTPClient: sdk, RetryMaxAttempts: 1, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "example", SessionToken: "session"}, nil
			}),
		}, edit)
		options := client.Options()
		options.HTTPClient = own
		_, sdkErr := client.GetObject(t.Context(), in)
		_, err := newClient(options).get(t.Context(), in)
		if sdkErr == nil || err == nil || sdk.request == nil || own.request == nil {
			t.Fatalf("got errors %v and %v; want both refused", sdkErr, err)
		}
		if diff := cmp.Diff(sdk.aspects(), own.aspects()); diff != "" {
			t.Errorf("%s in %s (-SDK +own):\n%s", *in.Key, *in.Bucket, diff)
		}
	}
	plain := func(*s3.Options) {}
	get := func(bucket, key string) *s3.GetObjectInput {
		return &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	}
	for _, key := range []string{
		"a", "a/b.json.gz", "/a", "a//b", "a/../b/./c/", "a b+c%20d", "ü/日本/\xff", "a?b#c&d=e", "=@:,;$!*'()~[]{}|\\^`\"<>", "a\nb\tc",
	} {
		f(get("trail-logs", key), plain)
		f(get("trail.logs", key), plain)
		f(get("trail-logs", key), func(o *s3.Options) { o.UsePathStyle = true; o.BaseEndpoint = aws.String("http://127.0.0.1:9000/s3/") })
	}
	f(get("Old_Bucket", "a"), plain)
	f(get("arn:aws:s3:us-west-2:123456789012:accesspoint/logs", "a"), func(o *s3.Options) { o.UseARNRegion = true })
	f(get("b-alias-s3alias", "a"), func(o *s3.Options) { o.Region = "cn-north-1" })
	f(get("b", "a"), func(o *s3.Options) { o.Region = "us-east-1" })
	f(get("trail-logs", "a"), func(o *s3.Options) { o.UseAccelerate = true })
	f(get("trail-logs", "a"), func(o *s3.Options) {
		o.Region = "us-gov-west-1"
		o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
		o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	})

	version, match, span := "3sL4k qtJ+lcp/Xro", `"5d41402abc4b2a76b9719d911017c592"`, "bytes=5-9"
	f(&s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), VersionId: &version, IfMatch: &match, RequestPayer: types.RequestPayerRequester}, plain)
	f(&s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Range: &span}, func(o *s3.Options) {
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // as the SDK has no other way for ranges
	})
}

// A bucket that wants another signature is no object's fault, and told.
func TestSignatureUnknown(t *testing.T) {
	o := s3.New(s3.Options{Region: "eu-west-1"}).Options()
	in := &s3.GetObjectInput{Bucket: aws.String("arn:aws:s3::123456789012:accesspoint:mfzwi23gnjvgw.mrap"), Key: aws.String("a")}
	if _, err := newClient(o).get(t.Context(), in); fault.ReasonOf(err) != fault.Unsupported {
		t.Errorf("got %v; want reason unsupported", err)
	}
}

// A body that is not what S3 has a checksum of is not taken for the object.
func TestChecksum(t *testing.T) {
	w := newWorld(t, nil)
	text := flows(3)
	f := func(name, sum string, ok bool) {
		t.Helper()
		w.fault = func(_ int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			rw.Header().Set(name, sum)
			return false
		}
		out, err := w.carry(w.put(flowKey, text))
		if ok != (err == nil) || ok != (len(out.records) > 0) || fault.IsPermanent(err) {
			t.Errorf("%s %s: got %d records, %v; want it taken: %v", name, sum, len(out.records), err, ok)
		}
	}
	in64 := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	nvme := in64(binary.BigEndian.AppendUint64(nil, crc64.Checksum([]byte(text), crc64.MakeTable(nvmePolynomial))))
	castagnoli := in64(binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))))
	ieee := in64(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
	f("x-amz-checksum-crc64nvme", nvme, true)
	f("x-amz-checksum-crc64nvme", in64(make([]byte, 8)), false)
	f("x-amz-checksum-crc32c", castagnoli, true)
	f("x-amz-checksum-crc32c", ieee, false)
	f("x-amz-checksum-crc32", ieee, true)
	f("x-amz-checksum-crc32", castagnoli, false)
	f("x-amz-checksum-sha1", "no", false)
	f("x-amz-checksum-sha256", "no", false)
	f("x-amz-checksum-sha256", "bm8=-3", true) // of an upload in parts
}

// CRC-64/NVME as its catalogue entry has it.
func TestNVME(t *testing.T) {
	if got, want := crc64.Checksum([]byte("123456789"), crc64.MakeTable(nvmePolynomial)), uint64(0xae8b14860a799888); got != want {
		t.Errorf("got %x; want %x", got, want)
	}
}

// A clock that is wrong costs one request, once.
func TestSkew(t *testing.T) {
	w := newWorld(t, nil)
	ahead := time.Hour
	w.fault = func(_ int, rw http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		now := time.Now().Add(ahead)
		rw.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err == nil && now.Sub(signed).Abs() < 15*time.Minute {
			return false
		}
		s3Error(rw, http.StatusForbidden, "RequestTimeTooSkewed")
		return true
	}
	f := func(requests int) {
		t.Helper()
		before := len(w.log())
		out, err := w.carry(w.put(flowKey, flows(3)))
		if err != nil || len(out.records) != 3 || len(w.log())-before != requests {
			t.Errorf("got %d records, %v, in %d requests; want 3 in %d", len(out.records), err, len(w.log())-before, requests)
		}
	}
	f(2)
	f(1)
	ahead = 0 // the clock was put right
	f(2)
	f(1)
}

// What S3 says of a refusal is told, with the ids that its support asks for; an
// answer that is not S3's has at least its status.
func TestRefusal(t *testing.T) {
	f := func(status int, body string, want ...string) {
		t.Helper()
		header := http.Header{"X-Amz-Request-Id": {"4442587FB7D0A2F9"}, "X-Amz-Id-2": {"Xq3Hn2v"}}
		err := refusal(&http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))})
		for _, text := range append(want, "4442587FB7D0A2F9", "Xq3Hn2v", fmt.Sprint(status)) {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("got %q; want %q in it", err, text)
			}
		}
	}
	f(404, `<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>`, "NoSuchKey", "The key does not exist.")
	f(503, "<html>busy</html>", "ServiceUnavailable")
	f(502, "", "BadGateway")
}

// Nothing is asked for without credentials.
func TestNoCredentials(t *testing.T) {
	none := errors.New("the role cannot be assumed")
	o := s3.New(s3.Options{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, none })}).Options()
	if _, err := newClient(o).get(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")}); !errors.Is(err, none) {
		t.Errorf("got %v; want %v", err, none)
	}
}
