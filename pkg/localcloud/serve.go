package localcloud

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/lookupevents"
	"github.com/logferry/logferry/pkg/localcloud/s3"
	"github.com/logferry/logferry/pkg/localcloud/sqs"
	"github.com/logferry/logferry/pkg/localcloud/sts"
)

// server is one HTTP server and what it takes to end it cleanly.
type server struct {
	address string
	http    *http.Server
	cancel  context.CancelFunc
	wg      conc.WaitGroup
	// open is read-locked by every call in progress.
	open sync.RWMutex
}

func serve(ctx context.Context, l net.Listener, t *tls.Config, h http.Handler, log *slog.Logger) *server {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{address: l.Addr().String(), cancel: cancel}
	s.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.open.RLock()
			defer s.open.RUnlock()
			if ctx.Err() != nil {
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1 only: resets must be real
	}
	if t != nil {
		l = tls.NewListener(l, t)
	}
	s.wg.Go(func() { _ = s.http.Serve(l) })
	return s
}

// close ends the server and returns when no call is in progress.
func (s *server) close() {
	s.cancel()
	_ = s.http.Close()
	s.wg.Wait()
	s.open.Lock()
	defer s.open.Unlock()
}

// awsHandler tells the services behind the one endpoint apart.
func (c *Cloud) awsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.Header.Get("X-Amz-Target"), sqs.Target):
			c.authorized(w, r, c.SQS, sqs.Refuse)
		case lookupevents.Is(r):
			c.History.ServeHTTP(w, r)
		case r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), sts.ContentType):
			c.STS.ServeHTTP(w, r)
		default:
			c.authorized(w, r, c.S3, s3.Refuse)
		}
	})
}

// authorized passes the call on, unless it has to carry credentials and does
// not.
func (c *Cloud) authorized(w http.ResponseWriter, r *http.Request, h http.Handler, refuse sts.Refuse) {
	if c.options.RequireCredentials {
		if f := c.STS.Authenticate(r); f.IsError() {
			refuse(w, f)
			return
		}
	}
	h.ServeHTTP(w, r)
}

// account returns the account of a caller: that of its session, or the stand-in's
// own when a call may come without credentials.
func (c *Cloud) account(r *http.Request) (string, inject.Fault) {
	account, f := c.STS.Account(r)
	if f.IsError() && !c.options.RequireCredentials {
		return c.options.Account, inject.Fault{}
	}
	return account, f
}

// azureHandler tells the ingestion endpoint from Entra.
func (c *Cloud) azureHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/dataCollectionRules/", c.Ingestion)
	mux.Handle("/", c.Entra)
	return mux
}
