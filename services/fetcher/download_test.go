package fetcher

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

func TestRequest(t *testing.T) {
	w := newWorld(t, func(c *connection.Connection) { c.RequesterPays = true })
	f := func(o *logferryv1.Object, name, want string) {
		t.Helper()
		w.carry(o)
		r := w.log()[len(w.log())-1]
		if got := r.Header.Get(name) + r.URL.Query().Get(name); got != want {
			t.Errorf("%s: got %q; want %q", name, got, want)
		}
	}
	o := w.put(flowKey, flows(1))
	f(o, "x-amz-request-payer", "requester")
	f(o, "If-Match", `"`+o.Etag+`"`)
	f(o, "Range", "")

	// a version is what it is: no ETag
	o.VersionId = "3sL4kqtJlcpXroDTDmJ"
	f(o, "versionId", o.VersionId)
	f(o, "If-Match", "")

	// nothing known
	o.VersionId, o.Etag = "", ""
	f(o, "If-Match", "")
	f(o, "versionId", "")
}

// A read that breaks is taken up where it broke, as often as it brings
// something.
func TestResume(t *testing.T) {
	w := newWorld(t, nil)
	text := flows(3000)
	f := func(body string, wantRequests int, fault func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool) {
		t.Helper()
		before := len(w.log())
		w.fault = func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
			return fault(n-before, rw, r, next)
		}
		out, err := w.carry(w.put(flowKey, body))
		if err != nil {
			t.Fatalf("carry: %v", err)
		}
		if got := strings.Join(append([]string{header}, out.records...), "\n") + "\n"; got != text {
			t.Errorf("got %d bytes of records; want the %d of the object, unchanged", len(got), len(text))
		}
		if got := len(w.log()) - before; got != wantRequests {
			t.Errorf("got %d requests; want %d", got, wantRequests)
		}
	}
	broken := func(times, bytes int) func(int, http.ResponseWriter, *http.Request, http.Handler) bool {
		return func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
			if n < times {
				cut(rw, r, next, bytes)
			}
			return false
		}
	}
	f(text, 2, broken(1, 0))
	f(text, 2, broken(1, 1000))
	f(text, 4, broken(3, 50_000))
	f(gz(text), 3, broken(2, 5000))

	// the service is busy for a while in the middle
	f(text, 4, func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
		switch n {
		case 0:
			cut(rw, r, next, 1000)
		case 1:
			s3Error(rw, http.StatusServiceUnavailable, "SlowDown")
			return true
		case 2:
			s3Error(rw, http.StatusInternalServerError, "InternalError")
			return true
		}
		return false
	})

	// a store that tells the whole object's checksum with a part of it
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	f(text, 2, func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
		rw.Header().Set("X-Amz-Checksum-Crc32", base64.StdEncoding.EncodeToString(sum))
		if n == 0 {
			cut(rw, r, next, 1000)
		}
		return false
	})

	// the line goes quiet, before and in the answer
	w.fetcher.buckets.quiet = 200 * time.Millisecond
	f(text, 3, func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
		switch n {
		case 0:
			rw.Header().Set("Content-Length", strconv.Itoa(len(text)))
			io.WriteString(rw, text[:1000])
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		case 1:
			<-r.Context().Done()
			return true
		}
		return false
	})

	// a server that knows no ranges is not believed
	f(text, 3, func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
		switch n {
		case 0:
			cut(rw, r, next, 1000)
		case 1:
			r.Header.Del("Range")
		}
		return false
	})
}

// What the fetcher does about each answer of S3.
func TestAnswers(t *testing.T) {
	w := newWorld(t, nil)
	f := func(status int, code string, reason fault.Reason, wait time.Duration) {
		t.Helper()
		w.fault = func(_ int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			s3Error(rw, status, code)
			return true
		}
		_, err := w.carry(w.put(flowKey, flows(1)))
		if err == nil || fault.IsPermanent(err) != (reason != "") || reason != "" && fault.ReasonOf(err) != reason {
			t.Errorf("%d %s: got %v; want reason %q", status, code, err, reason)
		}
		if got := fault.Wait(err, 10); wait > 0 && got != wait {
			t.Errorf("%d %s: got wait %v; want %v", status, code, got, wait)
		}
		if !strings.Contains(err.Error(), "s3://"+bucketName+"/"+flowKey) {
			t.Errorf("%d %s: %v does not name the object", status, code, err)
		}
	}

	// for good
	f(404, "NoSuchKey", fault.ObjectMissing, 0)
	f(404, "NoSuchVersion", fault.ObjectMissing, 0)
	f(404, "NoSuchBucket", fault.ObjectMissing, 0)
	f(405, "MethodNotAllowed", fault.ObjectMissing, 0)
	f(403, "InvalidObjectState", fault.ObjectArchived, 0)
	f(412, "PreconditionFailed", fault.ObjectChanged, 0)

	// until somebody mends a configuration
	f(403, "AccessDenied", "", time.Minute)
	f(400, "KMS.DisabledException", "", time.Minute)

	// for now
	f(503, "SlowDown", "", 0)
	f(500, "InternalError", "", 0)
	f(400, "RequestTimeout", "", 0)
	f(400, "ExpiredToken", "", 0)
}

// Credentials that do not work are no reason to give an object up, however
// long that lasts; a permission that is missing is, after half an hour.
func TestCredentialsCostNoObject(t *testing.T) {
	f := func(err error, permanent bool) {
		t.Helper()
		if got := fault.IsPermanent(fault.Final(judge(err), 1000)); got != permanent {
			t.Errorf("%v: permanent %v; want %v", err, got, permanent)
		}
	}
	refused := func(code string) error {
		return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden}},
			Err:      &smithy.GenericAPIError{Code: code},
		}}
	}
	f(refused("AccessDenied"), true)
	for _, code := range []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "ExpiredToken"} {
		f(refused(code), false)
	}
}

// An object that was replaced after it was announced, before or while it is
// read, is not carried under the wrong name.
func TestObjectChanged(t *testing.T) {
	w := newWorld(t, nil)
	o := w.put(flowKey, flows(1))
	w.put(flowKey, flows(2))
	if out, err := w.carry(o); fault.ReasonOf(err) != fault.ObjectChanged || len(out.records) > 0 {
		t.Errorf("replaced before: got %d records, %v; want object_changed", len(out.records), err)
	}

	o = w.put(flowKey, flows(3000))
	o.Etag = "" // the announcement did not tell
	before := len(w.log())
	w.fault = func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if n == before {
			defer w.put(flowKey, flows(4000))
			cut(rw, r, next, 1000)
		}
		return false
	}
	if _, err := w.carry(o); fault.ReasonOf(err) != fault.ObjectChanged {
		t.Errorf("replaced meanwhile: got %v; want object_changed", err)
	}
}

// A read that breaks for ever is given back as an error that may pass, never
// taken for the end.
func TestBrokenForEver(t *testing.T) {
	w := newWorld(t, nil)
	w.fault = func(_ int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
		cut(rw, r, next, 700)
		return false
	}
	for _, body := range []string{flows(3000), gz(flows(3000))} {
		out, err := w.carry(w.put(flowKey, body))
		if err == nil || fault.IsPermanent(err) || len(out.metas) > 0 {
			t.Errorf("got %d parts, %v; want none and an error that may pass", len(out.metas), err)
		}
	}
	if got, want := len(w.log()), 2*(maxTries+1); got != want {
		t.Errorf("got %d requests; want %d", got, want)
	}
}

// A bucket in another region is found by the answer, and remembered.
func TestRegion(t *testing.T) {
	w := newWorld(t, nil)
	w.fault = func(_ int, rw http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if strings.Contains(r.Header.Get("Authorization"), "/ap-south-1/") {
			return false
		}
		rw.Header().Set("x-amz-bucket-region", "ap-south-1")
		s3Error(rw, http.StatusMovedPermanently, "PermanentRedirect")
		return true
	}
	for range 3 {
		if out, err := w.carry(w.put(flowKey, flows(5))); err != nil || len(out.records) != 5 {
			t.Errorf("got %d records, %v; want 5", len(out.records), err)
		}
	}
	if got := len(w.log()); got != 4 {
		t.Errorf("got %d requests; want 4, one of them to the wrong region", got)
	}

	// a bucket that is nowhere is not looked for, for ever
	w.fault = func(_ int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		rw.Header().Set("x-amz-bucket-region", "us-east-2")
		s3Error(rw, http.StatusBadRequest, "AuthorizationHeaderMalformed")
		return true
	}
	if _, err := w.carry(w.put(flowKey, flows(5))); err == nil || fault.IsPermanent(err) {
		t.Errorf("got %v; want an error that may pass", err)
	}
}

func TestRegionFor(t *testing.T) {
	f := func(announced, configured, queue, want string) {
		t.Helper()
		c := connection.Connection{Region: configured, QueueURL: queue}
		if got := regionFor(c, &logferryv1.Object{Region: announced}); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	queue := "https://sqs.eu-north-1.amazonaws.com/123456789012/logs"
	f("eu-west-1", "us-east-1", queue, "eu-west-1")
	f("", "us-east-1", queue, "us-east-1")
	f("", "", queue, "eu-north-1")
	f("", "", "", "")
}

// A large object is read in chunks, any of which may break.
func TestLargeObject(t *testing.T) {
	w := newWorld(t, nil)
	line := func(i int) string { return fmt.Sprintf("{%d %s}", i, strings.Repeat("x", 10_000)) }
	var text strings.Builder
	lines := 0
	for ; text.Len() <= largeBytes; lines++ {
		text.WriteString(line(lines) + "\n")
	}
	w.fault = func(n int, rw http.ResponseWriter, r *http.Request, next http.Handler) bool {
		switch n {
		case 0, 2, 3:
			cut(rw, r, next, 3<<20)
		case 6:
			s3Error(rw, http.StatusServiceUnavailable, "SlowDown")
			return true
		}
		return false
	}
	out, err := w.carry(w.put("waf/large", text.String()))
	if err != nil {
		t.Fatalf("carry: %v", err)
	}
	if len(out.records) != lines {
		t.Fatalf("got %d records; want %d", len(out.records), lines)
	}
	for i, record := range out.records {
		if record != line(i) {
			t.Fatalf("record %d: got %.20q…; want %.20q…", i, record, line(i))
		}
	}
	var ranges []string
	for _, r := range w.log() {
		ranges = append(ranges, r.Header.Get("Range"))
	}
	if got := ranges[0]; got != "bytes=0-8388607" {
		t.Errorf("first request: got range %s; want the first chunk", got)
	}
	if got := ranges[1]; got != "bytes=3145728-8388607" {
		t.Errorf("second request: got range %s; want the rest of the first chunk", got)
	}
}

// A large object that is not wanted to its end leaves nothing running.
func TestLargeObjectClosedEarly(t *testing.T) {
	w := newWorld(t, nil)
	o := w.put("any/large", strings.Repeat("no format begins like this\n", largeBytes/20))
	if _, err := w.carry(o); fault.ReasonOf(err) != fault.Unrouted {
		t.Errorf("got %v; want unrouted", err)
	}
}

// What was announced as large may be small or empty.
func TestAnnouncedTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	for body, want := range map[string]int{"": 0, flows(7): 7} {
		o := w.put(flowKey, body)
		o.Size = largeBytes + 1
		if out, err := w.carry(o); err != nil || len(out.records) != want {
			t.Errorf("got %d records, %v; want %d", len(out.records), err, want)
		}
	}
}

// The end of a body is believed only where the object ends, whatever the
// reader says.
func TestSpan(t *testing.T) {
	broken := errors.New("connection reset")
	f := func(bodies []string, cause error, want string, wantErr error) {
		t.Helper()
		s := &span{end: 6, resumed: func() {}, wait: func(error, int) time.Duration { return 0 }}
		s.open = nextBody(bodies, cause)
		got, err := io.ReadAll(reader{func(p []byte) (int, error) { return s.read(t.Context(), p) }, s.close})
		if string(got) != want || !errors.Is(err, wantErr) {
			t.Errorf("bodies %q ended by %v: got %q, %v; want %q, %v", bodies, cause, got, err, want, wantErr)
		}
	}
	f([]string{"abcdef"}, nil, "abcdef", nil)
	f([]string{"abc", "def"}, nil, "abcdef", nil)
	f([]string{"abc", "", "d", "ef"}, broken, "abcdef", broken) // after all bytes: a wrong checksum
	f([]string{"ab", "cd"}, broken, "abcd", broken)
	f(nil, nil, "", io.ErrUnexpectedEOF)
}

// nextBody opens one body after the other, then empty ones. The last bytes of
// each come with cause, or else with [io.EOF].
func nextBody(bodies []string, cause error) func(context.Context, int64, int64) (io.ReadCloser, error) {
	if cause == nil {
		cause = io.EOF
	}
	return func(context.Context, int64, int64) (io.ReadCloser, error) {
		body := ""
		if len(bodies) > 0 {
			body, bodies = bodies[0], bodies[1:]
		}
		return io.NopCloser(io.MultiReader(strings.NewReader(body), iotest.ErrReader(cause))), nil
	}
}
