package story

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/sourcegraph/conc"
)

// wire passes the bytes of TCP connections on to a target, until it is cut.
// While it is cut it holds back what comes, and loses nothing of it; new
// connections are taken and wait.
type wire struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	whole chan struct{} // closed while bytes pass
}

// newWire listens on a free address of this machine until the end of the test.
func newWire(t *testing.T, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{target: target, listener: listener, whole: make(chan struct{})}
	close(w.whole)
	ctx, cancel := context.WithCancel(context.Background())
	var work conc.WaitGroup
	work.Go(func() { w.accept(ctx, &work) })
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		work.Wait()
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) accept(ctx context.Context, work *conc.WaitGroup) {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return // closed at the end
		}
		work.Go(func() { w.join(ctx, in) })
	}
}

// join passes bytes both ways between in and a connection of its own to the
// target, until either is closed.
func (w *wire) join(ctx context.Context, in net.Conn) {
	defer in.Close()
	if !w.passing(ctx) {
		return
	}
	out, err := new(net.Dialer).DialContext(ctx, "tcp", w.target)
	if err != nil {
		return // the target is down: so is the connection
	}
	defer out.Close()
	part := func() {
		_ = in.Close()
		_ = out.Close()
	}
	defer context.AfterFunc(ctx, part)()
	var both conc.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			defer part()
			w.pass(ctx, way[0], way[1])
		})
	}
	both.Wait()
}

// pass copies until an end is closed.
func (w *wire) pass(ctx context.Context, from, to net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if !w.passing(ctx) {
			return
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

// passing waits until the wire is whole; false: ctx has ended.
func (w *wire) passing(ctx context.Context) bool {
	w.mu.Lock()
	whole := w.whole
	w.mu.Unlock()
	select {
	case <-whole:
		return true
	case <-ctx.Done():
		return false
	}
}

// cut stops the bytes.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.whole:
		w.whole = make(chan struct{})
	default: // cut already
	}
}

// heal lets the bytes pass again.
func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.whole: // whole already
	default:
		close(w.whole)
	}
}
