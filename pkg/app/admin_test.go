package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAdmin(t *testing.T) {
	a := &admin{metrics: newMetrics(nil), check: func() error { return nil }}
	f := func(path string, status int, body string) {
		t.Helper()
		w := httptest.NewRecorder()
		a.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != status || !strings.Contains(w.Body.String(), body) {
			t.Errorf("%s: %d %.200q; want %d with %q", path, w.Code, w.Body, status, body)
		}
	}
	// Alive from the beginning, ready once the services have started.
	f("/healthz", 200, "ok")
	f("/readyz", 503, "starting")
	a.started.Store(true)
	f("/readyz", 200, "ok")
	a.check = func() error { return errors.New("the bus is not connected") }
	f("/readyz", 503, "the bus is not connected")
	f("/healthz", 200, "ok")
	// Metrics of the process and of the program.
	f("/metrics", 200, "logferry_build_info{commit=")
	f("/metrics", 200, "go_goroutines")
	f("/", 404, "")
	// Profiles only when they are asked for.
	f("/debug/pprof/", 404, "")
	a.profiles = true
	f("/debug/pprof/", 200, "goroutine")
	f("/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
	f("/debug/pprof/cmdline", 200, "app.test")
}

// A caller's registry is used as it is.
func TestRegistryGiven(t *testing.T) {
	r := prometheus.NewRegistry()
	if got := newMetrics(r); got != r {
		t.Error("got another registry than the one that was given")
	}
}
