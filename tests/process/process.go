// Package process builds Logferry's binaries and a NATS server, and runs them
// as processes of this machine, for tests and the load harness.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sourcegraph/conc"
)

// Command is what is run.
type Command struct {
	// Path of the binary, and its arguments.
	Path string
	Args []string
	// Env is what its environment has beside that of the caller.
	Env []string
	// Log gets what it prints, on both streams.
	Log io.Writer
}

// Process is a binary that runs, or has ended. Whoever starts it ends it, with
// [Process.Stop] or [Process.Kill]; both return once it is gone.
type Process struct {
	cmd  *exec.Cmd
	wait conc.WaitGroup
	done chan struct{} // closed when it has ended
	err  error         // how it ended, once done
}

// Start runs a command.
func Start(c Command) (*Process, error) {
	p := &Process{cmd: exec.Command(c.Path, c.Args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = c.Log, c.Log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(c.Path), err)
	}
	p.wait.Go(func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	})
	return p, nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Name returns the name of its binary.
func (p *Process) Name() string { return filepath.Base(p.cmd.Path) }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether the process has ended, and how.
func (p *Process) Ended() (bool, error) {
	select {
	case <-p.done:
		return true, p.err
	default:
		return false, nil
	}
}

// Stop ends the process as an operator would, and with SIGKILL when ctx ends
// first. It returns how the process ended; that it had ended before is an
// error.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(fmt.Errorf("stop %s: %w", p.Name(), err), p.err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
	}
	p.wait.Wait()
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.Name(), p.err)
	}
	return nil
}

// Kill ends the process with SIGKILL.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	p.wait.Wait()
}

// Ready waits until the URL answers 200; the process must not end before.
func (p *Process) Ready(ctx context.Context, url string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !Answers(ctx, url) {
		select {
		case <-tick.C:
		case <-p.done:
			return errors.Join(fmt.Errorf("%s ended before it was ready", p.Name()), p.err)
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is ready: %w", p.Name(), ctx.Err())
		}
	}
	return nil
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

// FreeAddress returns a loopback address that nothing listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
