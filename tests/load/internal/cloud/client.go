package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/logferry/logferry/tests/load/internal/report"
)

// Client is the parent's hand on the stand-ins' process.
type Client struct {
	// Hello is what the process said of itself.
	Hello Hello

	command *exec.Cmd
	stdin   io.Closer
}

// Start runs a command that calls [Serve] with its standard input and output,
// such as the load program itself with the argument "cloud", and waits until
// the stand-ins are ready. The options reach it by its standard input, and it
// ends when that closes: with [Client.Close] or with this process.
func Start(ctx context.Context, o Options, command string, args ...string) (*Client, error) {
	c := &Client{command: exec.Command(command, args...)}
	c.command.Stderr = os.Stderr
	stdin, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start the stand-ins: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = stdin.Close() })
	defer stop()
	if err := json.NewEncoder(stdin).Encode(o); err != nil {
		return nil, errors.Join(fmt.Errorf("hand the options to the stand-ins: %w", err), c.Close())
	}
	if err := json.NewDecoder(stdout).Decode(&c.Hello); err != nil {
		return nil, errors.Join(fmt.Errorf("read where the stand-ins are: %w", err), c.Close())
	}
	return c, nil
}

// Close ends the process and returns when it has ended.
func (c *Client) Close() error {
	_ = c.stdin.Close()
	return c.command.Wait()
}

// Prepare replaces the stock by objects of the load and returns when they lie
// ready.
func (c *Client) Prepare(ctx context.Context, l Load) (p Prepared, err error) {
	return p, c.call(ctx, "prepare", l, &p)
}

// Feed begins to announce objects and returns at once. A feed in progress goes
// over into the new one.
func (c *Client) Feed(ctx context.Context, f Feed) error { return c.call(ctx, "feed", f, nil) }

// Stop ends the feed; what was announced stays so.
func (c *Client) Stop(ctx context.Context) error { return c.call(ctx, "stop", nil, nil) }

// Snapshot reads what was counted so far.
func (c *Client) Snapshot(ctx context.Context) (s Snapshot, err error) {
	return s, c.call(ctx, "snapshot", nil, &s)
}

// WaitFed returns when the feed has ended by one of its limits.
func (c *Client) WaitFed(ctx context.Context) error { return c.call(ctx, "fed", nil, nil) }

// WaitDrained returns when all that was fed has arrived and the queue is
// empty, or when no row has arrived and no message was deleted for as long as
// idle; and the state then.
func (c *Client) WaitDrained(ctx context.Context, idle time.Duration) (s Snapshot, err error) {
	return s, c.call(ctx, "drained", idle, &s)
}

// Fault puts a fault in the place of the one before.
func (c *Client) Fault(ctx context.Context, f Fault) error { return c.call(ctx, "fault", f, nil) }

// Plot returns one point for each second since from, the last one not whole;
// At is counted from there, CPU, RSS and marks are left to the caller.
func (c *Client) Plot(ctx context.Context, from time.Time) (p []report.Point, err error) {
	return p, c.call(ctx, "plot", from, &p)
}

// Floor measures the codec floor on objects that were made and bodies that were
// posted, and takes some seconds of a core: ask when nothing else runs. The
// ratio is left to the caller.
func (c *Client) Floor(ctx context.Context) (f report.Floor, err error) {
	return f, c.call(ctx, "floor", nil, &f)
}

// call sends in as JSON to the control endpoint and reads out.
func (c *Client) call(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Hello.Control+"/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("ask the stand-ins to %s: %w", path, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return fmt.Errorf("ask the stand-ins to %s: %s", path, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}
