package story

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// Process is a binary that runs for a test, and is killed at its end at the
// latest. Its log is shown when the test fails, and searched for data races.
type Process struct {
	// Name of the binary.
	Name string
	// Admin is the address of its metrics and health, when it runs on a
	// story's configuration.
	Admin string

	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended, once done

	mu  sync.Mutex
	log bytes.Buffer
}

// Run runs a binary with env beside the test's own environment.
func Run(t *testing.T, env []string, name string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: name, t: t, done: make(chan struct{})}
	p.cmd = exec.Command(binary(t, name), args...)
	p.cmd.Env = append(os.Environ(), env...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout = p.cmd.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var wg conc.WaitGroup
	wg.Go(func() {
		defer close(p.done)
		p.read(out)
		p.err = p.cmd.Wait()
	})
	t.Cleanup(func() {
		p.Kill()
		wg.Wait()
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, p.Output())
		}
		if strings.Contains(p.Output(), "DATA RACE") {
			t.Errorf("%s has a data race:\n%s", name, p.Output())
		}
	})
	return p
}

func (p *Process) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		fmt.Fprintln(&p.log, lines.Text())
		p.mu.Unlock()
	}
}

// Output returns what the process has printed so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait returns how the process ended, and fails the test if it has not after
// timeout.
func (p *Process) Wait(timeout time.Duration) error {
	p.t.Helper()
	select {
	case <-p.done:
		return p.err
	case <-time.After(timeout):
		p.t.Fatalf("%s has not ended after %v", p.Name, timeout)
		return nil
	}
}

// Stop ends the process as an operator would and demands a clean end.
func (p *Process) Stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Errorf("stop %s: %v", p.Name, err)
	}
	if err := p.Wait(time.Minute); err != nil {
		p.t.Errorf("%s ended with %v", p.Name, err)
	}
}

// Kill ends the process with SIGKILL and returns once it is gone.
func (p *Process) Kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("kill %s: %v", p.Name, err)
	}
	<-p.done
}

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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
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
func Answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
