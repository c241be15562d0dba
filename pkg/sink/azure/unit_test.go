package azure

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/connection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refused is the error that the SDK makes of an answer.
func refused(status int, code, message string, header ...string) error {
	r := &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{},
		Body:    io.NopCloser(strings.NewReader(fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message))),
		Request: &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: "dce.test"}},
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return fmt.Errorf("upload: %w", runtime.NewResponseError(r))
}

func TestJudge(t *testing.T) {
	f := func(err error, step step, outcome outcome, wait time.Duration, advice string) {
		t.Helper()
		v := judge(err)
		if v.step != step || v.outcome != outcome || v.wait != wait || v.advice != advice {
			t.Errorf("%.80v: got step %d, %s, wait %v, advice %q; want %d, %s, %v, %q",
				err, v.step, v.outcome, v.wait, v.advice, step, outcome, wait, advice)
		}
	}
	// accepted
	f(nil, accepted, success, 0, "")
	f(refused(200, "", ""), accepted, success, 0, "")
	f(refused(202, "", ""), accepted, success, 0, "")
	// the rows
	f(refused(413, "ContentLengthLimitExceeded", ""), split, tooLarge, 0, "")
	f(refused(400, "ContentLengthLimitExceeded", ""), split, tooLarge, 0, "")
	f(refused(408, "TimeoutExpired", "ReadyBody_ClientConnectionAbort"), split, tooLarge, 0, "")
	f(refused(400, "InvalidPayload", ""), split, badPayload, 0, "")
	f(refused(400, "BadRequest", "Malformed JSON at 17"), split, badPayload, 0, "")
	f(refused(400, "RecordsTimeRangeIsMoreThan30Minutes", ""), regroup, timeSpan, 0, adviseUnknown)
	// the rule, the role, the token
	f(refused(400, "InvalidStream", "The stream was not configured"), slow, misconfigured, 0, adviseStream)
	f(refused(400, "InvalidTransformOutput", "a record is not JSON"), slow, misconfigured, 0, adviseStream)
	f(refused(400, "", ""), slow, misconfigured, 0, adviseUnknown)
	f(refused(400, "Other", "words"), slow, misconfigured, 0, adviseUnknown)
	f(refused(401, "InvalidToken", ""), slow, unauthorized, 0, advise401)
	f(refused(403, "OperationFailed", ""), slow, misconfigured, 0, advise403)
	f(refused(404, "NotFound", ""), slow, misconfigured, 0, advise404)
	f(refused(409, "", ""), slow, misconfigured, 0, adviseUnknown)
	f(refused(308, "", ""), slow, misconfigured, 0, adviseRedirect)
	// no answer: a person is called when the endpoint itself is wrong
	post := func(err error) error { return &url.Error{Op: "Post", URL: "https://dce.test", Err: err} }
	f(post(&net.DNSError{Err: "no such host", IsNotFound: true}), again, noAnswer, 0, adviseName)
	f(post(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), again, noAnswer, 0, "")
	f(post(&tls.CertificateVerificationError{Err: errors.New("unknown authority")}), again, noAnswer, 0, adviseCertificate)
	f(post(io.ErrUnexpectedEOF), again, noAnswer, 0, "")
	f(&tokenError{errors.New("invalid_client")}, again, noToken, 0, adviseToken)
	// what passes
	f(refused(429, "", "", "Retry-After", "17"), again, throttled, 17*time.Second, "")
	f(refused(429, "", ""), again, throttled, 0, "")
	f(refused(429, "", "", "Retry-After", "soon"), again, throttled, 0, "")
	f(refused(429, "", "", "Retry-After", "-5"), again, throttled, 0, "")
	f(refused(429, "", "", "Retry-After", "100000"), again, throttled, time.Hour, "")
	f(refused(503, "", "", "Retry-After", "3"), again, serverError, 3*time.Second, "")
	f(refused(500, "", ""), again, serverError, 0, "")
	f(refused(408, "", ""), again, serverError, 0, "")
	f(io.ErrUnexpectedEOF, again, noAnswer, 0, "")
	f(context.DeadlineExceeded, again, noAnswer, 0, "")
}

// What was sent and not answered, or not by the service itself, may have been
// taken.
func TestUnknownOutcomes(t *testing.T) {
	f := func(err error, want bool) {
		t.Helper()
		if v := judge(err); v.unknown != want {
			t.Errorf("%.80v: got unknown %t; want %t", err, v.unknown, want)
		}
	}
	f(&unknownError{io.ErrUnexpectedEOF}, true)
	f(fmt.Errorf("upload: %w", &unknownError{context.DeadlineExceeded}), true)
	f(refused(502, "", ""), true)
	f(refused(504, "", ""), true)
	// not sent, or answered
	f(io.ErrUnexpectedEOF, false)
	f(&tokenError{context.DeadlineExceeded}, false)
	f(refused(500, "", ""), false)
	f(refused(503, "", ""), false)
	f(refused(408, "", ""), false)
	f(nil, false)
}

// Once there is an answer its status counts, even if the rest of it is lost.
func TestAnswerIsItsStatus(t *testing.T) {
	f := func(status int, want outcome) {
		t.Helper()
		lost := roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))}, nil
		})
		c, err := connect(three.Endpoint, cloud.AzurePublic, nil, &http.Client{Transport: lost}, "test")
		if err != nil {
			t.Fatal(err)
		}
		if v := judge(c.post(t.Context(), ruleC, "Custom-C", requestID(), bytes.NewBufferString("body"))); v.outcome != want || v.unknown {
			t.Errorf("%d: got %s, unknown %t; want %s, known", status, v.outcome, v.unknown, want)
		}
	}
	f(200, success)
	f(202, success)
	f(204, success)
	f(403, misconfigured)
	f(503, serverError)
}

// A body that a transport may still read is not written to by the next call.
func TestBodyInUseIsNotReused(t *testing.T) {
	f := func(name string, reading roundTrip) {
		t.Helper()
		c, err := connect(three.Endpoint, cloud.AzurePublic, nil, &http.Client{Transport: reading}, "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.post(t.Context(), ruleC, "Custom-C", requestID(), bytes.NewBufferString("body")); err != nil {
			t.Fatal(err)
		}
		if c.bodies.Get() != nil {
			t.Errorf("%s: the body is used again", name)
		}
	}
	taken := &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody}
	f("not closed", func(*http.Request) (*http.Response, error) { return taken, nil })
	f("opened again", func(r *http.Request) (*http.Response, error) {
		r.Body.Close()
		_, err := r.GetBody()
		return taken, err
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// makeParts makes parts with rows of the given sizes, 20 minutes apart.
func makeParts(sizes ...[]int) []*part {
	var parts []*part
	for _, rows := range sizes {
		p := &part{left: len(rows)}
		for i, size := range rows {
			if i > 0 {
				p.json = append(p.json, ',')
			}
			p.json = append(p.json, strings.Repeat("x", size)...)
			p.rows = append(p.rows, encodedRow{len(p.json), i, int64(i) * time.Minute.Microseconds() * 20})
		}
		parts = append(parts, p)
	}
	return parts
}

func lengths(groups [][]run) string {
	var n []int
	for _, g := range groups {
		n = append(n, countRows(g))
	}
	return fmt.Sprint(n)
}

func TestCuts(t *testing.T) {
	f := func(what string, got [][]run, want string) {
		t.Helper()
		if l := lengths(got); l != want {
			t.Errorf("%s: got groups of %s; want %s", what, l, want)
		}
	}
	one := func(sizes ...int) []run { return runsOf(makeParts(sizes)) }
	// chunks: brackets and commas count
	f("small", chunks(one(1, 2, 3)), "[3]")
	f("none", chunks(nil), "[]")
	f("a part without rows", chunks(runsOf(makeParts([]int{1}, nil, []int{3}))), "[2]")
	f("exactly full", chunks(one(499_999, maxCallBytes-499_999-3)), "[2]")
	f("a byte more", chunks(one(499_999, maxCallBytes-499_999-2)), "[1 1]")
	f("many", chunks(one(600_000, 300_000, 200_000, 999_998, 1)), "[2 1 1 1]")
	f("exactly full of two parts", chunks(runsOf(makeParts([]int{499_999}, []int{maxCallBytes - 499_999 - 3}))), "[2]")
	f("a byte more of two parts", chunks(runsOf(makeParts([]int{499_999}, []int{maxCallBytes - 499_999 - 2}))), "[1 1]")
	for _, call := range chunks(one(500_000, 300_000, 199_996, 400_000, 599_997, 7)) {
		if size := callSize(call); size > maxCallBytes {
			t.Errorf("a call of %d bytes is more than a call takes", size)
		}
	}
	// halves: between parts, else in the middle
	f("one part", halves(one(1, 1, 1, 1, 1)), "[2 3]")
	f("two rows", halves(one(1, 1)), "[1 1]")
	f("two parts", halves(runsOf(makeParts([]int{1}, []int{1, 1, 1, 1, 1}))), "[1 5]")
	f("two rows of two parts", halves(runsOf(makeParts([]int{1}, []int{1}))), "[1 1]")
	f("three parts", halves(runsOf(makeParts([]int{1, 1}, []int{1, 1, 1}, []int{1, 1}))), "[2 5]")
	f("rows of one part that are apart", halves(timeGroups(one(1, 1, 1, 1))[0]), "[1 1]")
	// time groups: 20 minutes a row
	f("times", timeGroups(one(1, 1, 1, 1, 1)), "[2 2 1]")
	f("one time", timeGroups(one(1)), "[1]")
}

// However calls are cut, they hold the same rows.
func TestCutsKeepRows(t *testing.T) {
	whole := runsOf(makeParts([]int{3, 400_000, 7}, []int{600_000, 2, 9, 4}, []int{5}))
	rows := func(groups ...[]run) (rows []string) {
		for _, g := range groups {
			for _, r := range g {
				for _, row := range strings.Split(string(r.json()), ",") {
					rows = append(rows, fmt.Sprintf("%p %s", r.part, row))
				}
			}
		}
		return rows
	}
	f := func(what string, got [][]run) {
		t.Helper()
		if !slices.Equal(rows(got...), rows(whole)) {
			t.Errorf("%s: rows were lost, doubled or moved", what)
		}
	}
	f("chunks", chunks(whole))
	f("halves", halves(whole))
	for at := 1; at < countRows(whole); at++ {
		f("cut", cut(whole, at))
	}
}

func TestPartSizeIsWhatItTakes(t *testing.T) {
	parts := makeParts([]int{10, 20}, []int{5})
	size := len("[]")
	for _, p := range parts {
		size += p.size()
	}
	if got := callSize(runsOf(parts)); got != size-1 { // the last row has no comma
		t.Errorf("a call of the parts is %d bytes; gathering counted %d", got, size)
	}
}

func TestOpenRefuses(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := connection.Destination{Endpoint: "https://dce.test", Credential: connection.Credential{Kind: "none"}, Tables: three.Tables}
	f := func(change func(*connection.Destination), want string) {
		t.Helper()
		d := good
		change(&d)
		s, err := Open(d, testOptions())
		if err == nil {
			s.Close(t.Context())
		}
		if err == nil && want != "" || err != nil && (want == "" || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%+v: got error %v; want %q", d, err, want)
		}
	}
	kind := func(k connection.Credential) func(*connection.Destination) {
		return func(d *connection.Destination) { d.Credential = k }
	}
	f(func(*connection.Destination) {}, "")
	// endpoint: https, unless there is no token to be seen
	f(func(d *connection.Destination) { d.Endpoint = "http://localhost:1" }, "")
	f(func(d *connection.Destination) { d.Endpoint = "dce.test" }, "endpoint: ")
	f(func(d *connection.Destination) { d.Endpoint = "http://dce.test"; d.Credential.Kind = "" }, "endpoint: ")
	f(func(d *connection.Destination) { d.Endpoint = "://" }, "endpoint: ")
	// cloud, CA
	f(func(d *connection.Destination) { d.Cloud = "usgovernment" }, "")
	f(func(d *connection.Destination) { d.Cloud = "china" }, "")
	f(func(d *connection.Destination) { d.Cloud = "mars" }, "cloud: ")
	f(func(d *connection.Destination) { d.CAFile = "/does/not/exist" }, "ca_file: ")
	f(func(d *connection.Destination) { d.CAFile = file("no certificate") }, "ca_file: ")
	// credentials
	secret := connection.Credential{Kind: "client_secret", TenantID: "tenant", ClientID: "client"}
	withFile := secret
	withFile.ClientSecretFile = file("secret\n")
	f(kind(withFile), "")
	f(kind(secret), "credential.client_secret_file: ")
	withFile.ClientSecretFile = "/does/not/exist"
	f(kind(withFile), "credential.client_secret_file: ")
	f(kind(connection.Credential{Kind: "client_certificate", TenantID: "t", ClientID: "c", CertificateFile: selfSigned(t)}), "")
	f(kind(connection.Credential{Kind: "client_certificate", CertificateFile: file("none")}), "credential.certificate_file: ")
	f(kind(connection.Credential{Kind: "managed_identity"}), "")
	f(kind(connection.Credential{Kind: "managed_identity", ClientID: "id"}), "")
	f(kind(connection.Credential{Kind: "workload_identity", TenantID: "t", ClientID: "c", TokenFile: file("token")}), "")
	f(kind(connection.Credential{Kind: "workload_identity"}), "credential.kind: ")
	f(kind(connection.Credential{}), "")
	f(kind(connection.Credential{Kind: "aws_web_identity"}), "credential.kind: ")
	f(kind(connection.Credential{Kind: "password"}), "credential.kind: ")
}

// selfSigned returns the path of a PEM file with a certificate and its key.
func selfSigned(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "writer"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	path := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretFromTheEnvironment(t *testing.T) {
	t.Setenv("AZURE_CLIENT_SECRET", "from the environment")
	got, err := clientSecret(connection.Credential{})
	if err != nil || got != "from the environment" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLocalPauses(t *testing.T) {
	p, now := NewPauses(), time.Now()
	f := func(rule string, pause time.Duration, want time.Duration) {
		t.Helper()
		p.Pause(t.Context(), rule, now.Add(pause))
		if got := p.Until(rule); !got.Equal(now.Add(want)) {
			t.Errorf("%s: paused for %v; want %v", rule, got.Sub(now), want)
		}
	}
	f("one", time.Minute, time.Minute)
	f("one", time.Second, time.Minute) // a shorter pause changes nothing
	f("one", time.Hour, time.Hour)
	f("other", time.Second, time.Second)
	if !p.Until("unknown").IsZero() {
		t.Error("a rule that was never paused is paused")
	}
}

func TestAlarm(t *testing.T) {
	var a alarm
	now := time.Now()
	f := func(after time.Duration, unsaid int, want bool) {
		t.Helper()
		if n, ok := a.ring(now.Add(after)); n != unsaid || ok != want {
			t.Errorf("after %v: got %d, %v; want %d, %v", after, n, ok, unsaid, want)
		}
	}
	f(0, 0, true)
	f(time.Second, 0, false)
	f(59*time.Second, 0, false)
	f(time.Minute, 2, true)
	f(3*time.Minute, 0, true)
}
