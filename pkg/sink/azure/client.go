package azure

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/ingestion/azlogs"
	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
)

const (
	// callTimeout is how long one call may take, with the token it may need.
	// It is long: a call that is given up is made again, and when the service
	// had taken it, its rows are doubled.
	callTimeout = 5 * time.Minute
	// lastAnswer is how long a call on its way is awaited once everything is
	// told to end.
	lastAnswer = 10 * time.Second
	// maxAnswerBytes is how much of an answer is read.
	maxAnswerBytes = 64 << 10
)

// client makes single calls to one endpoint. Trying again is not its business.
type client struct {
	logs     *azlogs.Client
	identity *identity // nil: calls carry no token
	http     *http.Client
	gzips    sync.Pool // of *gzip.Writer
	bodies   sync.Pool // of *bytes.Buffer
}

func newClient(d connection.Destination, o Options) (*client, error) {
	if err := checkEndpoint(d); err != nil {
		return nil, err
	}
	azure, err := cloudOf(d)
	if err != nil {
		return nil, err
	}
	doer, err := newHTTP(d.CAFile, o.Calls*len(d.Tables))
	if err != nil {
		return nil, err
	}
	id, err := o.Credentials.identity(d, azure)
	if err != nil {
		return nil, err
	}
	return connect(d.Endpoint, azure, id, doer, o.Version)
}

func connect(endpoint string, azure cloud.Configuration, id *identity, doer *http.Client, version string) (*client, error) {
	var token azcore.TokenCredential // a nil interface when there is no identity
	if id != nil {
		token = id
	}
	logs, err := azlogs.NewClient(endpoint, token, &azlogs.ClientOptions{ClientOptions: azcore.ClientOptions{
		Cloud:     azure,
		Retry:     policy.RetryOptions{MaxRetries: -1}, // one try: the stream decides about the next
		Telemetry: policy.TelemetryOptions{ApplicationID: "logferry/" + version[:min(len(version), 15)]},
		Transport: caller{doer},
	}})
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	return &client{logs: logs, identity: id, http: doer}, nil
}

func checkEndpoint(d connection.Destination) error {
	u, err := url.Parse(d.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	open := d.Credential.Kind == connection.CredentialNone // without a token, for tests
	if u.Host == "" || u.Scheme != "https" && !(open && u.Scheme == "http") {
		return fmt.Errorf("endpoint: %q is no https address", d.Endpoint)
	}
	return nil
}

// cloudOf returns the destination's cloud, with the login host it names.
func cloudOf(d connection.Destination) (cloud.Configuration, error) {
	var c cloud.Configuration
	switch d.Cloud {
	case "", "public":
		c = cloud.AzurePublic
	case "usgovernment":
		c = cloud.AzureGovernment
	case "china":
		c = cloud.AzureChina
	default:
		return c, fmt.Errorf("cloud: %q is none of public, usgovernment, china", d.Cloud)
	}
	if d.Credential.AuthorityHost != "" {
		c.ActiveDirectoryAuthorityHost = d.Credential.AuthorityHost
	}
	return c, nil
}

// newHTTP returns an HTTP client for calls to one host. It speaks HTTP/1.1: a
// connection for each call in flight carries more than one that all share.
func newHTTP(caFile string, calls int) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pool, err := certificates(caFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		config.RootCAs = pool
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConns:        calls,
		MaxIdleConnsPerHost: calls,
		IdleConnTimeout:     90 * time.Second,
	}
	return &http.Client{
		Transport:     bounded{transport},
		CheckRedirect: noRedirect,
	}, nil
}

// noRedirect makes a redirect an answer like others: a POST that follows it
// could lose its body, or take the token elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func certificates(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}

// bounded reads no more than maxAnswerBytes of an answer.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxAnswerBytes), response.Body}
	return response, nil
}

// CloseIdleConnections lets http.Client pass the call on.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// passage is what becomes of a call on its way through the HTTP client.
type passage struct {
	sent    atomic.Bool  // it may have arrived whole
	reading atomic.Int32 // readers of its body that are not closed
}

// passageKey is the key of the *passage in a call's context.
type passageKey struct{}

// body is a reader of a call's body that tells when nobody reads it any more.
func (p *passage) body(r io.ReadCloser) io.ReadCloser {
	p.reading.Add(1)
	return &passageBody{r, sync.OnceFunc(func() { p.reading.Add(-1) })}
}

type passageBody struct {
	io.ReadCloser
	closed func()
}

// Close implements [io.Closer].
func (b *passageBody) Close() error {
	defer b.closed()
	return b.ReadCloser.Close()
}

// caller makes the calls of a client, so that it is known as well as it can be
// whether the service took the rows. It implements policy.Transporter.
type caller struct{ next *http.Client }

// Do makes one call. Once there is an answer its status counts, whatever becomes
// of the rest of it.
func (c caller) Do(r *http.Request) (*http.Response, error) {
	p := r.Context().Value(passageKey{}).(*passage)
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { p.sent.Store(true) },
		WroteRequest: func(w httptrace.WroteRequestInfo) { p.sent.Store(w.Err == nil) },
	}))
	r.Body = p.body(r.Body)
	if again := r.GetBody; again != nil { // for a connection that was closed before anything was sent
		r.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return p.body(body), nil
		}
	}
	response, err := c.next.Do(r)
	if err != nil {
		return nil, err
	}
	var body []byte
	if response.StatusCode/100 != 2 {
		body, _ = io.ReadAll(response.Body) // what arrives of it: it only explains
	}
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// unknownError says that a call was sent and not answered: the service may have
// taken its rows.
type unknownError struct{ err error }

func (e *unknownError) Error() string { return "no answer to the call: " + e.err.Error() }
func (e *unknownError) Unwrap() error { return e.err }

// compress returns the runs as a gzipped JSON array, in a buffer for post.
func (c *client) compress(runs []run) (*bytes.Buffer, error) {
	body, ok := c.bodies.Get().(*bytes.Buffer)
	if !ok {
		body = new(bytes.Buffer)
	}
	body.Reset()
	w, ok := c.gzips.Get().(*gzip.Writer)
	if !ok {
		var err error
		if w, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			return nil, err
		}
	}
	defer c.gzips.Put(w)
	w.Reset(body)
	w.Write([]byte("[")) // errors are kept for Close
	for i, r := range runs {
		if i > 0 {
			w.Write([]byte(","))
		}
		w.Write(r.json())
	}
	_, err := w.Write([]byte("]"))
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress call: %w", err)
	}
	return body, nil
}

// post makes one call and takes the body back. The error is for judge. When ctx
// ends the call is still awaited for lastAnswer, unless nobody waits for it.
func (c *client) post(ctx context.Context, rule, stream, id string, body *bytes.Buffer) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	ctx = policy.WithHTTPHeader(ctx, http.Header{"X-Ms-Client-Request-Id": {id}})
	var p passage
	ctx = context.WithValue(ctx, passageKey{}, &p)
	_, err := c.logs.Upload(ctx, rule, stream, body.Bytes(), &azlogs.UploadOptions{ContentEncoding: new("gzip")})
	// A transport may read a body even after the call has returned: that buffer
	// is not used again.
	if p.reading.Load() == 0 {
		c.bodies.Put(body)
	}
	if err != nil && p.sent.Load() {
		return &unknownError{err}
	}
	return err
}

// errNobody is the cause of a context's end when nobody waits for what is done
// under it.
var errNobody = errors.New("nobody waits for the rows any more")

// outlive returns the context of a call: it ends after callTimeout, or when ctx
// has ended for lastAnswer, or with ctx when that is because of errNobody.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, end := fault.Outlive(ctx, lastAnswer)
	call, cancel := context.WithTimeout(longer, callTimeout)
	release := context.AfterFunc(ctx, func() {
		if context.Cause(ctx) == errNobody {
			cancel()
		}
	})
	return call, func() { release(); cancel(); end() }
}

// renew drops the token, so that the next call asks for a new one.
func (c *client) renew() {
	if c.identity != nil {
		c.identity.renew(time.Now())
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }
