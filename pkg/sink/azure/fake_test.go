package azure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/table"
)

// service is a strict stand-in for the ingestion API: what the real one would
// refuse fails the test, but for what answer says.
type service struct {
	t testing.TB
	// answer decides about a call that is well formed; nil answers 204.
	answer func(c post) reply
	// takes is how long a call takes.
	takes time.Duration

	mu       sync.Mutex
	posts    []post
	accepted map[string][]int // by stream: N of each row
}

// post is one call as it arrived.
type post struct {
	at           time.Time
	rule, stream string
	token        string
	rows         []testRow
	size         int // of the JSON
}

type testRow struct {
	N             int
	TimeGenerated time.Time
	Pad           string
}

// has reports whether one of the rows has the number.
func (p post) has(n int) bool {
	return slices.ContainsFunc(p.rows, func(r testRow) bool { return r.N == n })
}

// reply is an answer; the zero reply is 204.
type reply struct {
	status        int
	code, message string
	header        http.Header
}

func retryIn(status int, value string) reply {
	return reply{status: status, header: http.Header{"Retry-After": {value}}}
}

var (
	path = regexp.MustCompile(`^/dataCollectionRules/(dcr-[0-9a-f]{32})/streams/(Custom-[A-Za-z0-9_-]+)$`)
	guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
)

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, err := read(r)
	if err != nil {
		s.t.Errorf("the service got a call it must refuse: %v", err)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if s.takes > 0 {
		select {
		case <-time.After(s.takes):
		case <-r.Context().Done():
			return
		}
	}
	var a reply
	s.mu.Lock()
	s.posts = append(s.posts, p)
	if s.answer != nil {
		a = s.answer(p)
	}
	if a.status/100 == 2 || a.status == 0 {
		for _, row := range p.rows {
			s.accepted[p.stream] = append(s.accepted[p.stream], row.N)
		}
	}
	s.mu.Unlock()
	a.write(w)
}

func (a reply) write(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	if a.status == 0 || a.status == http.StatusNoContent {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":%q}}`, a.code, a.message)
}

// read checks a call as strictly as the service does.
func read(r *http.Request) (p post, err error) {
	p.at, p.token = time.Now(), r.Header.Get("Authorization")
	m := path.FindStringSubmatch(r.URL.Path)
	switch {
	case r.Method != http.MethodPost:
		return p, fmt.Errorf("method %s", r.Method)
	case m == nil:
		return p, fmt.Errorf("path %s", r.URL.Path)
	case r.URL.RawQuery != "api-version=2023-01-01":
		return p, fmt.Errorf("query %s", r.URL.RawQuery)
	case r.Header.Get("Content-Type") != "application/json":
		return p, fmt.Errorf("content type %s", r.Header.Get("Content-Type"))
	case r.Header.Get("Content-Encoding") != "gzip":
		return p, fmt.Errorf("content encoding %s", r.Header.Get("Content-Encoding"))
	case !guid.MatchString(r.Header.Get("X-Ms-Client-Request-Id")):
		return p, fmt.Errorf("request id %q", r.Header.Get("X-Ms-Client-Request-Id"))
	case !strings.HasPrefix(r.UserAgent(), "logferry/"):
		return p, fmt.Errorf("user agent %q", r.UserAgent())
	}
	p.rule, p.stream = m[1], m[2]
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return p, err
	}
	body, err := io.ReadAll(z)
	if err != nil {
		return p, err
	}
	if p.size = len(body); p.size > 1_000_000 {
		return p, fmt.Errorf("%d bytes of JSON", p.size)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return p, d.Decode(&p.rows)
}

// RoundTrip lets the service be called without a network, inside a bubble of
// testing/synctest. It tells of its progress as a real one does.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GotConn(httptrace.GotConnInfo{})
	trace.WroteRequest(httptrace.WroteRequestInfo{})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// calls returns the calls to a stream so far.
func (s *service) calls(stream string) []post {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []post
	for _, p := range s.posts {
		if p.stream == stream {
			calls = append(calls, p)
		}
	}
	return calls
}

// got returns the numbers of the rows accepted so far, sorted.
func (s *service) got(stream string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.accepted[stream]))
}

// The tables of the tests: A and B share a rule, C has its own, D has two.
var (
	ruleAB = "dcr-" + strings.Repeat("ab", 16)
	ruleC  = "dcr-" + strings.Repeat("c0", 16)
	ruleD1 = "dcr-" + strings.Repeat("d1", 16)
	ruleD2 = "dcr-" + strings.Repeat("d2", 16)
	three  = connection.Destination{
		Name:       "test",
		Endpoint:   "http://dce.test",
		Credential: connection.Credential{Kind: connection.CredentialNone},
		Tables: map[string]connection.Rule{
			"A": {Rule: ruleAB, Stream: "Custom-A"},
			"B": {Rule: ruleAB},
			"C": {Rule: ruleC, Stream: "Custom-C"},
			"D": {Rule: ruleD1, Rules: []string{ruleD2}, Stream: "Custom-D"},
		},
	}
)

const streamB = "Custom-Logferry-B" // the name of a stream that none is given to

func testOptions() Options {
	return Options{
		Calls: 2, Linger: time.Second, Credentials: NewCredentials(nil), Version: "test",
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
	}
}

// start opens a sink that posts to the service without a network, and closes
// it at the end of the test.
func (s *service) start(t testing.TB, change ...func(*Options)) *Sink {
	t.Helper()
	s.t, s.accepted = t, make(map[string][]int)
	o := testOptions()
	for _, c := range change {
		c(&o)
	}
	c, err := connect(three.Endpoint, cloud.AzurePublic, nil, &http.Client{Transport: s, CheckRedirect: noRedirect}, o.Version)
	if err != nil {
		t.Fatal(err)
	}
	sink := open(three, o, c)
	t.Cleanup(func() {
		if err := sink.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("close: %v", err)
		}
	})
	return sink
}

// shared makes the parts that are written to a table now share a call, as if one
// had just begun. Nothing was written to it before.
func (s *Sink) shared(table string) { s.streams[table].begun = time.Now() }

var (
	testSchema = table.Schema("Test_CL", []table.Column{
		{Name: "TimeGenerated", Type: table.DateTime},
		{Name: "N", Type: table.Int},
		{Name: "Pad", Type: table.String},
	})
	epoch = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
)

// numbered returns a batch of rows from, from+1, ... a minute apart, each with
// padding of that many bytes.
func numbered(to string, from, n, padding int) *batch.Batch {
	rows := table.NewRows(testSchema)
	pad := bytes.Repeat([]byte("p"), min(padding, table.MaxValueBytes))
	for i := from; i < from+n; i++ {
		rows.Time(0, epoch.Add(time.Duration(i)*time.Minute).UnixMicro())
		rows.Int(1, int64(i))
		rows.Text(2, pad)
		rows.Commit()
	}
	record, _ := rows.Take()
	return &batch.Batch{Meta: batch.Meta{Destination: "test", Table: to, Connection: "c"}, Record: record}
}

// count returns from, from+1, ...
func count(from, n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = from + i
	}
	return numbers
}
