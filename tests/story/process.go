package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logferry/logferry/tests/process"
)

// Process is a binary that runs for a test, and is killed at its end at the
// latest. Its log is shown when the test fails, and searched for data races.
type Process struct {
	// Name of the binary.
	Name string
	// Admin is the address of its metrics and health, when it runs on a
	// story's configuration.
	Admin string

	t   *testing.T
	run *process.Process
	log output
}

// output keeps what a process prints, and can be read meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Run runs a binary with env beside the test's own environment.
func Run(t *testing.T, env []string, name string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: name, t: t}
	run, err := process.Start(process.Command{Path: binary(t, name), Args: args, Env: env, Log: &p.log})
	if err != nil {
		t.Fatal(err)
	}
	p.run = run
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, p.Output())
		}
		if strings.Contains(p.Output(), "DATA RACE") {
			t.Errorf("%s has a data race:\n%s", name, p.Output())
		}
	})
	return p
}

// Output returns what the process has printed so far.
func (p *Process) Output() string { return p.log.String() }

// PID returns the number of the process.
func (p *Process) PID() int { return p.run.PID() }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	ended, _ := p.run.Ended()
	return ended
}

// ready waits until the URL answers.
func (p *Process) ready(url string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	if err := p.run.Ready(ctx, url); err != nil {
		p.t.Fatalf("%v\n%s", err, p.Output())
	}
}

// Wait returns how the process ended, and fails the test if it has not after
// timeout.
func (p *Process) Wait(timeout time.Duration) error {
	p.t.Helper()
	select {
	case <-p.run.Done():
		_, err := p.run.Ended()
		return err
	case <-time.After(timeout):
		p.t.Fatalf("%s has not ended after %v", p.Name, timeout)
		return nil
	}
}

// Stop ends the process as an operator would and demands a clean end.
func (p *Process) Stop() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // also at the end of the test
	defer cancel()
	if err := p.run.Stop(ctx); err != nil {
		p.t.Error(err)
	}
}

// Kill ends the process with SIGKILL and returns once it is gone.
func (p *Process) Kill() { p.run.Kill() }

// Failpoint returns the environment in which a process kills itself the n-th
// time that it passes a point, see pkg/failpoint. The binaries must be built
// with the tag failpoint.
func Failpoint(name string, n int) []string {
	return []string{fmt.Sprintf("LOGFERRY_FAILPOINT=%s:%d", name, n)}
}

// Died waits until the process has killed itself at its failpoint. An end of
// another kind fails the test.
func (p *Process) Died(timeout time.Duration) {
	p.t.Helper()
	err := p.Wait(timeout)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return
		}
	}
	p.t.Fatalf("%s ended with %v; want killed at its failpoint\n%s", p.Name, err, p.Output())
}

// FreeAddress returns a loopback address that nothing listens on.
func FreeAddress(t *testing.T) string {
	t.Helper()
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Eventually polls until ok, and fails the test after timeout.
func Eventually(t *testing.T, timeout time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(timeout); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited %v in vain for %s", timeout, what)
		}
	}
}

// Answers reports whether a URL answers 200.
func Answers(ctx context.Context, url string) bool { return process.Answers(ctx, url) }
