package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
)

const (
	// maxQuiet is how long S3 may send nothing before a request counts as
	// broken.
	maxQuiet = time.Minute
)

var errQuiet = errors.New("S3 sends nothing any more")

// buckets holds a client for each connection and region. It is safe for
// concurrent use.
type buckets struct {
	credentials *awscred.Cache
	log         *slog.Logger
	metrics     *metrics
	quiet       time.Duration
	wait        func(err error, tries int) time.Duration
	regions     awscred.BucketRegions

	mu      sync.Mutex
	clients map[place]*client
}

// place is what a client is made for.
type place struct{ connection, region string }

func newBuckets(credentials *awscred.Cache, log *slog.Logger, m *metrics) *buckets {
	return &buckets{
		credentials: credentials, log: log, metrics: m, quiet: maxQuiet, wait: fault.Wait,
		clients: make(map[place]*client),
	}
}

// get sends the request, as that connection, to the bucket's region: the one
// given or the one learnt. An answer that names another region is followed
// once. Errors say what is to be done about them.
func (b *buckets) get(ctx context.Context, c connection.Connection, region string, in *s3.GetObjectInput) (out *s3.GetObjectOutput, err error) {
	used, news, err := b.regions.Follow(*in.Bucket, region, func(region string) error {
		out, err = b.try(ctx, c, region, in)
		return err
	})
	if news {
		b.metrics.regionsLearnt.Inc()
		b.log.InfoContext(ctx, "bucket is in another region", "connection", c.Name, "bucket", *in.Bucket, "region", used)
	}
	if err != nil {
		b.metrics.requests.WithLabelValues("error").Inc()
		return nil, judge(fmt.Errorf("get s3://%s/%s: %w", *in.Bucket, *in.Key, err))
	}
	b.metrics.requests.WithLabelValues("ok").Inc()
	return out, nil
}

func (b *buckets) try(ctx context.Context, c connection.Connection, region string, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	client, err := b.client(ctx, c, region)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{
		timer: time.AfterFunc(b.quiet, func() { cancel(errQuiet) }),
		limit: b.quiet, cancel: cancel, cause: func() error { return context.Cause(ctx) },
	}
	out, err := client.get(ctx, in)
	w.timer.Stop()
	if err != nil {
		cancel(nil)
		return nil, w.explain(err)
	}
	w.body, out.Body = out.Body, w
	return out, nil
}

// watch is a body that breaks when it brings nothing for too long, instead of
// waiting for ever.
type watch struct {
	body   io.ReadCloser
	timer  *time.Timer // cancels the request
	limit  time.Duration
	cancel context.CancelCauseFunc
	cause  func() error // why the request was cancelled
}

// Read implements [io.Reader].
func (w *watch) Read(p []byte) (int, error) {
	w.timer.Reset(w.limit)
	n, err := w.body.Read(p)
	w.timer.Stop()
	return n, w.explain(err)
}

// explain names the quiet as the cause of an error that it caused.
func (w *watch) explain(err error) error {
	if err != nil && err != io.EOF && w.cause() == errQuiet {
		return errQuiet
	}
	return err
}

// Close implements [io.Closer].
func (w *watch) Close() error {
	w.timer.Stop()
	w.cancel(nil)
	return w.body.Close()
}

func (b *buckets) client(ctx context.Context, c connection.Connection, region string) (*client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := place{c.Name, region}
	if client, ok := b.clients[at]; ok {
		return client, nil
	}
	cfg, err := b.credentials.Config(ctx, c, region)
	if err != nil {
		return nil, err
	}
	client := newClient(awscred.S3(cfg).Options())
	b.clients[at] = client
	return client, nil
}

// judge decides what is to be done about an error of S3.
func judge(err error) error {
	code := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	status := 0
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = answer.HTTPStatusCode()
	}
	switch {
	case isOfCredentials(err, code):
		return err
	case code == "InvalidObjectState":
		return fault.Permanent(fault.ObjectArchived, fmt.Errorf("the object is archived and must be restored first: %w", err))
	case code == "MethodNotAllowed": // of a delete marker
		return fault.Permanent(fault.ObjectMissing, err)
	case strings.HasPrefix(code, "KMS.") || strings.Contains(code, "AccessDenied") && strings.Contains(strings.ToLower(err.Error()), "kms"):
		return fault.Limited(mendTries, mendWait, fault.ObjectDenied, fmt.Errorf("the object's KMS key cannot be used: the role needs kms:Decrypt and the key must be enabled: %w", err))
	case status == http.StatusNotFound:
		return fault.Permanent(fault.ObjectMissing, err)
	case status == http.StatusPreconditionFailed:
		return fault.Permanent(fault.ObjectChanged, fmt.Errorf("the object was replaced after it was announced: %w", err))
	case status == http.StatusForbidden:
		return fault.Limited(mendTries, mendWait, fault.ObjectDenied, fmt.Errorf("access denied; the role needs s3:GetObject, and s3:ListBucket to tell missing objects: %w", err))
	}
	return err
}

// isOfCredentials reports whether it is the caller that is refused and not the
// object: a role that cannot be assumed, an expired or unknown key, a clock
// that is wrong. No object is given up for that.
func isOfCredentials(err error, code string) bool {
	if _, ok := errors.AsType[*awscred.RoleError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*awscred.BaseError](err); ok {
		return true
	}
	switch code {
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired":
		return true
	}
	return false
}
