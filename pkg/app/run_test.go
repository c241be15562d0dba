package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/connection"
)

func testConfig(t *testing.T) Config {
	cfg := DefaultConfig()
	cfg.Bus.Store = t.TempDir()
	cfg.Admin.Address = ""
	cfg.Grace = 2 * time.Second
	cfg.Destinations = []connection.Destination{{Name: "local", Directory: t.TempDir()}}
	return cfg
}

// fake is a service that notes its environment and runs until it is stopped.
func fake(name string, note func(*Env)) Service {
	return Service{name, func(_ context.Context, env *Env) (func(context.Context) error, error) {
		note(env)
		return func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, nil
	}}
}

// Services get the process's environment and run until there is nothing to do.
func TestRunUntilIdle(t *testing.T) {
	defer goleak.VerifyNone(t)
	var envs []*Env
	note := func(e *Env) { envs = append(envs, e) }
	registry := prometheus.NewRegistry()
	err := Run(t.Context(), testConfig(t), slog.New(slog.DiscardHandler), Options{UntilIdle: 200 * time.Millisecond, Metrics: registry},
		fake("fetcher", note), fake("parser", note))
	if err != nil {
		t.Fatal(err)
	}
	if len(envs) != 2 || envs[0] != envs[1] {
		t.Fatalf("got environments %v; want the same one twice", envs)
	}
	env := envs[0]
	if env.Bus == nil || env.Stages == nil || env.Log == nil || env.Version == "" {
		t.Errorf("the environment is not complete: %+v", env)
	}
	equal(t, env.Config.Grace, time.Second) // two services share two seconds
	if n, err := testutil.GatherAndCount(registry, "logferry_build_info"); n != 1 || err != nil {
		t.Errorf("build info: %d series, %v; want 1", n, err)
	}
}

// What goes wrong at the start is the run's error, and all is cleaned up.
func TestRunFails(t *testing.T) {
	defer goleak.VerifyNone(t)
	log := slog.New(slog.DiscardHandler)
	f := func(want string, cfg Config, services ...Service) {
		t.Helper()
		err := Run(t.Context(), cfg, log, Options{}, services...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %s", err, want)
		}
	}
	// A service that cannot start, or fails later.
	broken := Service{"writer", func(context.Context, *Env) (func(context.Context) error, error) {
		return nil, errors.New("no credential")
	}}
	f("start writer: no credential", testConfig(t), fake("parser", func(*Env) {}), broken)
	failing := Service{"writer", func(context.Context, *Env) (func(context.Context) error, error) {
		return func(context.Context) error { return errors.New("no disk") }, nil
	}}
	f("writer: no disk", testConfig(t), fake("parser", func(*Env) {}), failing)
	// An address that is taken.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := testConfig(t)
	cfg.Admin.Address = l.Addr().String()
	f("listen at admin.address", cfg, fake("parser", func(*Env) {}))
	// A store that cannot be made.
	cfg = testConfig(t)
	cfg.Bus.Store = "/dev/null/store"
	f("open the bus", cfg, fake("parser", func(*Env) {}))
}

// The endpoint answers while the services run.
func TestRunAdmin(t *testing.T) {
	defer goleak.VerifyNone(t)
	var log buffer
	cfg := testConfig(t)
	cfg.Admin.Address = "127.0.0.1:0"
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	probe := Service{"probe", func(context.Context, *Env) (func(context.Context) error, error) {
		return func(context.Context) error { return get(client, "http://"+log.adminAddress()+"/readyz") }, nil
	}}
	if err := Run(t.Context(), cfg, slog.New(slog.NewJSONHandler(&log, nil)), Options{}, probe); err != nil {
		t.Error(err)
	}
}

// buffer keeps a log that is read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// adminAddress returns the address that the log names.
func (b *buffer) adminAddress() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for lines := bufio.NewScanner(bytes.NewReader(b.text.Bytes())); lines.Scan(); {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "admin endpoint" {
			return line.Address
		}
	}
	return "the log names no address"
}

func get(client *http.Client, url string) error {
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		return errors.Join(err, errors.New(res.Status+": "+string(body)))
	}
	return err
}
