package inject

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Serve answers a call: as handle does, or as the fault says. refuse writes
// an error in the shape of the service; its fault has a status.
func Serve(w http.ResponseWriter, r *http.Request, f Fault, handle http.HandlerFunc,
	refuse func(w http.ResponseWriter, f Fault)) {
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case f.Hang:
		// The server notices that the client has gone only once the body is
		// read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	case f.Reset:
		reset(w)
	case f.ResetAfter:
		handle(&nowhere{header: make(http.Header)}, r)
		reset(w)
	case f.Truncate > 0:
		handle(&truncated{ResponseWriter: w, left: f.Truncate}, r)
	case f.IsError():
		if f.Status == 0 {
			f.Status = http.StatusBadRequest
		}
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
		}
		refuse(w, f)
	default:
		handle(w, r)
	}
}

// reset closes the client's connection so that it sees a reset, not an
// orderly end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	inner := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // below TLS
		inner = t.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = inner.Close()
}

// nowhere is a response that no one gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// truncated passes on the beginning of a body and then breaks the connection.
type truncated struct {
	http.ResponseWriter
	left int64
}

func (t *truncated) Write(p []byte) (int, error) {
	if int64(len(p)) <= t.left {
		t.left -= int64(len(p))
		return t.ResponseWriter.Write(p)
	}
	_, _ = t.ResponseWriter.Write(p[:t.left])
	_ = http.NewResponseController(t.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}
