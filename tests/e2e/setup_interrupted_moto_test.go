//go:build moto

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// gate stands before moto and refuses one of the calls that change something,
// as AWS does for want of a permission.
type gate struct {
	proxy *httputil.ReverseProxy

	mu      sync.Mutex
	refuse  int      // which of them, from 1; 0: none
	changes []string // those that came
}

// changing matches the operations that change something.
var changing = regexp.MustCompile(`^(Create|Put|Set|Add|Update|Start|Subscribe)`)

// operation is what a request is called, and how its service answers: in JSON
// or XML.
func operation(r *http.Request) (name string, inJSON bool) {
	if _, name, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return name[strings.LastIndexByte(name, '.')+1:], true
	}
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		return form.Get("Action"), false
	}
	if r.Method == http.MethodPut { // S3
		return "PutBucket", false
	}
	return "", false
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, inJSON := operation(r)
	if !changing.MatchString(name) {
		g.proxy.ServeHTTP(w, r)
		return
	}
	g.mu.Lock()
	g.changes = append(g.changes, name)
	refused := len(g.changes) == g.refuse
	g.mu.Unlock()
	switch {
	case !refused:
		g.proxy.ServeHTTP(w, r)
	case inJSON:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"__type":"AccessDeniedException","message":"not authorized"}`)
	case r.Method == http.MethodPut:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>not authorized</Message></Error>`)
	default:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>`)
	}
}

// arm has the n-th change refused from now on.
func (g *gate) arm(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse, g.changes = n, nil
}

// count returns how many changes came.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.changes)
}

// denied is how the missing permission is told: which one, and on what.
var denied = regexp.MustCompile(`these credentials may not [a-z0-9]+:[A-Za-z]+ on (arn:|alias/)`)

// An apply is refused one permission after the other. It says which, what was
// made stays, and the next apply finishes it.
func TestSetupMotoInterrupted(t *testing.T) {
	b := newBench(t)
	to, err := url.Parse(b.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{proxy: httputil.NewSingleHostReverseProxy(to)}
	server := httptest.NewServer(g)
	defer server.Close()
	b.env = append(b.env, "AWS_ENDPOINT_URL="+server.URL)
	spec := []string{"--type", "cloudtrail", "--via", "topic", "--key", "alias/trail", "--data-events"}
	apply := append([]string{"apply", "--yes"}, spec...)
	b.run(apply...)
	all := g.count()
	if all < 15 {
		t.Fatalf("an apply changes %d things: %q; want more", all, g.changes)
	}
	for n := 1; n <= all; n++ {
		b.reset()
		g.arm(n)
		out, err := b.try(apply...)
		if err == nil || !denied.MatchString(out) || !strings.Contains(out, "apply goes on from there") {
			t.Errorf("change %d (%s) refused: got %v\n%s\nwant which permission is missing", n, g.changes[n-1], err, out)
		}
		g.arm(0)
		b.run(apply...)
		if left := b.changes(apply...).pending(forgotten...); len(left) > 0 {
			t.Errorf("change %d refused: a third apply changed %q; want nothing", n, left)
		}
	}
	b.run(append([]string{"destroy", "--yes"}, spec...)...)
	b.gone(spec)
}
