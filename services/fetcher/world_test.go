package fetcher

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/vpcflow"
	"github.com/logferry/logferry/pkg/ledger/ledgertest"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const (
	bucketName = "flow-logs"
	header     = "version account-id srcaddr dstaddr bytes start end log-status"
	flowKey    = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/20/123456789012_vpcflowlogs_eu-west-1_fl-1_20261120T0000Z_1.log.gz"
)

// world is a fetcher before an S3 of its own.
type world struct {
	t       testing.TB
	fetcher *fetcher
	ledger  ledgertest.Memory
	backend *s3mem.Backend
	metrics *prometheus.Registry

	mu       sync.Mutex
	requests []*http.Request
	// fault, if set, may answer the n-th request itself, counted from 0.
	fault func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) (answered bool)
}

// lineFormat is a second format besides VPC Flow Logs: JSON lines.
func lineFormat() *format.Format {
	return &format.Format{
		Name: "lines", Title: "Lines", Table: "AWSWAF", PartBytes: 1000, RecordOverhead: 10,
		Owns:  func(key string) bool { return strings.HasPrefix(key, "waf/") },
		Sniff: func(head []byte) bool { return bytes.HasPrefix(head, []byte("{")) },
		Split: func(r io.Reader) format.Splitter {
			return skipping{format.SplitLines(r)}
		},
	}
}

// skipping is the splitter of a format that knows objects without records, and
// records that are too long.
type skipping struct{ *format.Lines }

func (s skipping) Next() (format.Record, error) {
	record, err := s.Lines.Next()
	if string(record.Bytes) == "{digest}" {
		return record, &format.SkipError{What: "digest"}
	}
	if bytes.HasPrefix(record.Bytes, []byte("{long")) {
		return record, &format.RecordError{Offset: record.Offset, Size: int64(len(record.Bytes)), Err: errors.New("too long")}
	}
	return record, err
}

func newWorld(t testing.TB, edit func(*connection.Connection)) *world {
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
	w := &world{t: t, backend: s3mem.New(), metrics: prometheus.NewRegistry()}
	if err := w.backend.CreateBucket(bucketName); err != nil {
		t.Fatalf("create bucket: %v", err)
	}
	server := httptest.NewServer(w.handler(gofakes3.New(w.backend, gofakes3.WithTimeSkewLimit(0)).Server()))
	t.Cleanup(server.Close)
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": server.URL, "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(key, value)
	}
	c := connection.Connection{Name: "acme", Region: "eu-west-1", Destination: "sentinel"}
	if edit != nil {
		edit(&c)
	}
	config := app.DefaultConfig()
	config.Connections = []connection.Connection{c}
	config.Destinations = []connection.Destination{{
		Name: "sentinel", Tables: map[string]connection.Rule{"AWSVPCFlow": {}, "AWSWAF": {}},
	}}
	env := &app.Env{Config: config, Log: slog.New(slog.DiscardHandler), Metrics: w.metrics}
	f, err := newFetcher(env, format.Set{vpcflow.Format(), lineFormat()})
	if err != nil {
		t.Fatalf("new fetcher: %v", err)
	}
	f.buckets.wait = func(error, int) time.Duration { return time.Millisecond }
	f.ledger = &w.ledger
	w.fetcher = f
	return w
}

// handler adds to gofakes3 what it lacks: faults, and If-Match.
func (w *world) handler(next http.Handler) http.Handler {
	matching := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		want := strings.Trim(r.Header.Get("If-Match"), `"`)
		if o, err := w.backend.HeadObject(bucketName, key); err == nil && want != "" && want != hex.EncodeToString(o.Hash) {
			s3Error(rw, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		next.ServeHTTP(rw, r)
	})
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		n := len(w.requests)
		w.requests = append(w.requests, r)
		w.mu.Unlock()
		if w.fault == nil || !w.fault(n, rw, r, matching) {
			matching.ServeHTTP(rw, r)
		}
	})
}

func s3Error(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>test</Message></Error>`, code)
}

// cut answers a request with the first n bytes of the right answer, and then
// breaks the connection.
func cut(w http.ResponseWriter, r *http.Request, next http.Handler, n int) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()[:min(n, answer.Body.Len())])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// put stores an object and returns its announcement.
func (w *world) put(key, body string) *logferryv1.Object {
	w.t.Helper()
	_, err := w.backend.PutObject(bucketName, key, map[string]string{}, strings.NewReader(body), int64(len(body)), nil)
	if err != nil {
		w.t.Fatalf("put %s: %v", key, err)
	}
	sum := md5.Sum([]byte(body))
	etag := hex.EncodeToString(sum[:])
	return &logferryv1.Object{
		Id: batch.ObjectID("acme", bucketName, key, "", etag), Connection: "acme",
		Bucket: bucketName, Key: key, Etag: etag, Size: int64(len(body)),
	}
}

// log returns the requests that came in.
func (w *world) log() []*http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests
}

// outbox keeps what the fetcher sends.
type outbox struct {
	metas   []batch.Meta
	records []string
	offsets []int64
	sizes   []int // records of each part
	letters []stage.DeadLetter
	err     error // what Emit returns
}

func (o *outbox) Emit(_ context.Context, b *batch.Batch) error {
	defer b.Release()
	records, offsets, err := batch.Records(b.Record)
	if err != nil {
		return err
	}
	o.metas = append(o.metas, b.Meta)
	o.sizes = append(o.sizes, records.Len())
	for i := range records.Len() {
		o.records = append(o.records, string(records.Value(i)))
		o.offsets = append(o.offsets, offsets.Value(i))
	}
	return o.err
}

func (o *outbox) Bury(_ context.Context, l stage.DeadLetter) error {
	o.letters = append(o.letters, l)
	return nil
}

// carry carries an object and returns what came out.
func (w *world) carry(o *logferryv1.Object) (*outbox, error) {
	w.t.Helper()
	out := new(outbox)
	_, err := w.fetcher.fetch(w.t.Context(), o, none, out)
	return out, err
}

// none says of every part that it is not settled.
func none(int) bool { return false }

func gz(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.String()
}

// flows returns a flow log of n records.
func flows(n int) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range n {
		b.WriteString(flow(i) + "\n")
	}
	return b.String()
}

func flow(i int) string {
	return fmt.Sprintf("2 123456789012 10.0.%d.%d 192.0.2.%d %d 1763596800 1763596860 OK", i/250%250, i%250, i%199, i*7919%100_000)
}
