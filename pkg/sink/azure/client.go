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
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/ingestion/azlogs"
	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/connection"
)

const (
	// callTimeout is how long one call may take, with the token it may need.
	callTimeout = 60 * time.Second
	// maxAnswerBytes is how much of an answer is read.
	maxAnswerBytes = 64 << 10
)

// client makes single calls to one endpoint. Trying again is not its business.
type client struct {
	logs     *azlogs.Client
	identity *identity // nil: calls carry no token
	http     *http.Client
	gzips    sync.Pool // of *gzip.Writer
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
		Transport: doer,
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

// compress returns the rows as a gzipped JSON array. The buffer is new: an
// HTTP transport may read from it even after the call has returned.
func (c *client) compress(rows []row) ([]byte, error) {
	var body bytes.Buffer
	body.Grow(callSize(rows) / 6)
	w, ok := c.gzips.Get().(*gzip.Writer)
	if !ok {
		var err error
		if w, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			return nil, err
		}
	}
	defer c.gzips.Put(w)
	w.Reset(&body)
	between, comma := []byte("["), []byte(",")
	for _, r := range rows {
		w.Write(between) // errors are kept for Close
		w.Write(r.json())
		between = comma
	}
	_, err := w.Write([]byte("]"))
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress call: %w", err)
	}
	return body.Bytes(), nil
}

// post makes one call. The error is for judge.
func (c *client) post(ctx context.Context, rule, stream, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ctx = policy.WithHTTPHeader(ctx, http.Header{"X-Ms-Client-Request-Id": {id}})
	_, err := c.logs.Upload(ctx, rule, stream, body, &azlogs.UploadOptions{ContentEncoding: new("gzip")})
	return err
}

// renew drops the token, so that the next call asks for a new one.
func (c *client) renew() {
	if c.identity != nil {
		c.identity.renew(time.Now())
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }
