package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sourcegraph/conc/pool"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/connection"
)

// names returns the destinations that services were made with.
func names(env *Env) string {
	var all []string
	for _, d := range env.Config.Destinations {
		all = append(all, d.Name)
	}
	return strings.Join(all, " ")
}

// rename returns an edit that adds a destination in the place of those that
// commands added.
func rename(name, directory string) func(*connection.Set) error {
	return func(s *connection.Set) error {
		s.Destinations = append(s.Destinations[:1:1], connection.Destination{Name: name, Directory: directory})
		return nil
	}
}

// Services run with the connections and destinations in force. A set that they
// cannot start with leaves the one before in force.
func TestRunFollows(t *testing.T) {
	defer goleak.VerifyNone(t)
	made := make(chan *Env, 8)
	service := Service{"writer", func(_ context.Context, env *Env) (func(context.Context) error, error) {
		if strings.HasSuffix(names(env), "broken") {
			return nil, errors.New("no certificate")
		}
		counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "made_total"})
		env.Metrics.MustRegister(counter)
		counter.Inc()
		made <- env
		return func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, nil
	}}
	cfg := testConfig(t)
	var log buffer
	metrics := prometheus.NewRegistry()
	ctx, stop := context.WithCancel(t.Context())
	run := pool.New().WithErrors()
	run.Go(func() error {
		return Run(ctx, cfg, slog.New(slog.NewJSONHandler(&log, nil)), Options{Metrics: metrics}, service)
	})
	next := func(want string) *Env {
		t.Helper()
		select {
		case env := <-made:
			equal(t, names(env), want)
			return env
		case <-time.After(20 * time.Second):
			t.Fatalf("no services were made with destinations %s", want)
			return nil
		}
	}
	edit := func(env *Env, f func(*connection.Set) error) {
		t.Helper()
		if err := env.Registry.Edit(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	env := next("local")
	edit(env, rename("second", t.TempDir()))
	env = next("local second")
	if _, err := env.Bus.Rows(t.Context(), "second", "AWSCloudTrail"); err != nil {
		t.Errorf("rows for the new destination: %v", err)
	}
	edit(env, rename("broken", t.TempDir()))
	env = next("local second")
	edit(env, rename("third", t.TempDir()))
	next("local third")
	stop()
	if err := run.Wait(); err != nil {
		t.Error(err)
	}
	if err := testutil.GatherAndCompare(metrics, strings.NewReader("# HELP made_total \n# TYPE made_total counter\nmade_total 1\n"), "made_total"); err != nil {
		t.Errorf("metrics of the services that ran last: %v", err)
	}
	if text := log.text.String(); !strings.Contains(text, "going on as before") || !strings.Contains(text, "no certificate") {
		t.Errorf("the log does not tell of the set that did not start:\n%s", text)
	}
}
