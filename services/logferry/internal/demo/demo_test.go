package demo

import (
	"bytes"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/app"
)

// Services that carry nothing are found out. (That all is well with the real
// ones is a script of the command.)
func TestMissingRows(t *testing.T) {
	setBack(t)
	idle := app.Service{Name: "poller", New: func(context.Context, *app.Env) (func(context.Context) error, error) {
		return func(context.Context) error { return nil }, nil
	}}
	dir := t.TempDir()
	err := Run(t.Context(), Options{Objects: 8, Dir: dir, Out: io.Discard, Services: []app.Service{idle}})
	if err == nil || !strings.Contains(err.Error(), "AWSCloudTrail: 0 rows arrived") || !strings.Contains(err.Error(), "0 dead letters") {
		t.Errorf("got %v; want what is missing", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "logferry.log")); err != nil {
		t.Errorf("the log is not left: %v", err)
	}
}

// setBack sets the variables back that the demo sets.
func setBack(t *testing.T) {
	t.Helper()
	for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_EC2_METADATA_DISABLED", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(variable, os.Getenv(variable))
	}
}

// While a demo stays, its directory has what other commands need to work beside
// it.
func TestPlayground(t *testing.T) {
	setBack(t)
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	visited := false
	visitor := app.Service{Name: "visitor", New: func(_ context.Context, env *app.Env) (func(context.Context) error, error) {
		return func(context.Context) error {
			defer interrupt()
			visited = true
			got, err := app.Load(filepath.Join(dir, configName))
			if err != nil {
				return err
			}
			want := env.Config
			want.Grace = got.Grace // a service has a share of it
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the file says\n%+v; want\n%+v", got, want)
			}
			return nil
		}, nil
	}}
	var out bytes.Buffer
	err := Run(ctx, Options{Stay: true, Dir: dir, Out: &out, Services: []app.Service{visitor}})
	if !visited {
		t.Fatalf("the services did not run: %v", err)
	}
	environment, err := os.ReadFile(filepath.Join(dir, environmentName))
	if err != nil || !strings.Contains(string(environment), "export AWS_ENDPOINT_URL='http://127.0.0.1:") {
		t.Errorf("got the environment %q, %v; want where AWS is", environment, err)
	}
	if text := out.String(); !strings.Contains(text, " audit -c "+filepath.Join(dir, configName)+" --connection org-trail --bucket org-logs --from ") {
		t.Errorf("got %s; want what may be tried", text)
	}
}

func TestReadings(t *testing.T) {
	registry := prometheus.NewRegistry()
	rows := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rows"}, []string{"table", "connection"})
	lag := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "lag", Buckets: []float64{1, 2, 4}}, []string{"table", "connection"})
	registry.MustRegister(rows, lag)
	rows.WithLabelValues("a", "x").Add(3)
	rows.WithLabelValues("a", "y").Add(4)
	rows.WithLabelValues("b", "x").Add(5)
	for _, seconds := range []float64{0.5, 1.5, 1.5, 3} {
		lag.WithLabelValues("a", "x").Observe(seconds)
	}
	lag.WithLabelValues("b", "x").Observe(9)
	r, err := read(registry)
	if err != nil {
		t.Fatal(err)
	}
	sum := func(name, label, value string, want int64) {
		t.Helper()
		if got := r.sum(name, label, value); got != want {
			t.Errorf("%s %s=%s: got %d; want %d", name, label, value, got, want)
		}
	}
	sum("rows", "table", "a", 7)
	sum("rows", "connection", "x", 8)
	sum("rows", "", "", 12)
	sum("rows", "table", "c", 0)
	sum("none", "", "", 0)
	quantile := func(q float64, table string, want float64) {
		t.Helper()
		if got := r.quantile(q, "lag", "table", table); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%v of %s: got %v; want %v", q, table, got, want)
		}
	}
	quantile(0.25, "a", 1)
	quantile(0.5, "a", 1.5)
	quantile(1, "a", 4)
	quantile(0.5, "b", 4) // beyond the last bucket
	quantile(0.5, "c", math.NaN())
}

func TestProgram(t *testing.T) {
	f := func(arg0, want string) {
		t.Helper()
		if got := program(arg0); got != want {
			t.Errorf("%s: got %q; want %q", arg0, got, want)
		}
	}
	f("logferry", "logferry")
	f("bin/logferry", "bin/logferry")
	f("/tmp/go-build123/b001/exe/logferry", "go run ./services/logferry")
}

func TestThousands(t *testing.T) {
	f := func(n int64, want string) {
		t.Helper()
		if got := thousands(n); got != want {
			t.Errorf("%d: got %q; want %q", n, got, want)
		}
	}
	f(0, "0")
	f(999, "999")
	f(1000, "1,000")
	f(1234567, "1,234,567")
}
