package ingestion

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/localcloud/inject"
)

// Faults of the real service, as it words them.

// Throttled is the answer to too many calls or bytes a minute.
func Throttled(retryAfter time.Duration) inject.Fault {
	return inject.Fault{Status: http.StatusTooManyRequests, Code: "TooManyRequests", RetryAfter: retryAfter,
		Message: "The request rate limit of the data collection rule has been exceeded."}
}

// Forbidden is the answer to an identity that has no role on the rule, or has
// had it for less than half an hour.
func Forbidden() inject.Fault {
	return inject.Fault{Status: http.StatusForbidden, Code: "OperationFailed",
		Message: "The authentication token provided does not have access to ingest data for the data collection rule with immutable Id '<rule>'. AccessGranted: False, IsRbacPresent: False, IsDcrDceBindingValid: True."}
}

// NoStream is the answer for a stream that the rule does not declare, or has
// declared for only some minutes.
func NoStream() inject.Fault {
	return inject.Fault{Status: http.StatusBadRequest, Code: "InvalidStream",
		Message: "The stream <stream> was not configured in the data collection rule with immutable Id <rule>."}
}

// TooLarge is the answer to a call over 1 MB.
func TooLarge() inject.Fault {
	return inject.Fault{Status: http.StatusRequestEntityTooLarge, Code: "ContentLengthLimitExceeded",
		Message: "Maximum allowed content length: 1048576 bytes (1 MB)."}
}

// Unauthorized is the answer to a token that is missing, expired or for
// someone else.
func Unauthorized() inject.Fault {
	return inject.Fault{Status: http.StatusUnauthorized, Code: "Unauthorized",
		Message: "The authentication token is missing, expired or not valid for this audience."}
}

// NoRule is the answer for a rule that does not exist.
func NoRule() inject.Fault {
	return inject.Fault{Status: http.StatusNotFound, Code: "NotFound",
		Message: "Data collection rule with immutable Id '<rule>' not found."}
}

func badRequest(code, format string, args ...any) inject.Fault {
	return inject.Fault{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	rule, stream, ok := target(r.URL.Path)
	if !ok {
		refuse(w, inject.Fault{Status: http.StatusNotFound, Code: "NotFound", Message: "The requested resource does not exist."})
		return
	}
	u := Upload{Rule: rule, Stream: stream, RequestID: r.Header.Get("x-ms-client-request-id"), Time: start}
	// refused notes a call that fails, for its own sake or by an injected fault.
	refused := func(w http.ResponseWriter, f inject.Fault) {
		f.Message = strings.NewReplacer("<rule>", rule, "<stream>", stream).Replace(f.Message)
		u.Status, u.Message = f.Status, f.Message
		s.remember(u)
		// A client that is still writing would see a reset and not the answer.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 4*maxCall))
		if known, ok := s.rules[rule][stream]; ok {
			s.mu.Lock()
			s.statsLocked(known.table).Refused++
			s.mu.Unlock()
		}
		refuse(w, f)
	}
	call := inject.Call{Service: inject.Ingestion, Operation: "Upload", Resource: rule + "/" + stream}
	inject.Serve(w, r, s.options.Faults.Next(call), func(w http.ResponseWriter, r *http.Request) {
		rows, f := s.upload(r, rule, stream)
		if f.IsError() {
			refused(w, f)
			return
		}
		u.Status, u.Rows = http.StatusNoContent, rows
		s.remember(u)
		w.WriteHeader(http.StatusNoContent)
	}, refused)
}

// target takes a call's path apart.
func target(path string) (rule, stream string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) != 4 || parts[0] != "dataCollectionRules" || parts[2] != "streams" {
		return "", "", false
	}
	return parts[1], parts[3], true
}

// upload checks a call as the service does: who, where, what.
func (s *Server) upload(r *http.Request, rule, name string) (rows int, f inject.Fault) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return 0, Unauthorized()
	}
	if err := s.options.Verify(token, Audience); err != nil {
		f := Unauthorized()
		f.Message += " " + err.Error()
		return 0, f
	}
	if r.Method != http.MethodPost {
		return 0, inject.Fault{Status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed", Message: r.Method}
	}
	if version := r.URL.Query().Get("api-version"); version != "2023-01-01" {
		return 0, badRequest("InvalidApiVersion", "The api-version %q is not supported.", version)
	}
	streams, ok := s.rules[rule]
	if !ok {
		return 0, NoRule()
	}
	stream, ok := streams[name]
	if !ok {
		return 0, NoStream()
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return 0, inject.Fault{Status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType", Message: "Content-Type must be application/json."}
	}
	return s.body(r, stream)
}

// buffer holds the body and the rows of one call; they are used again.
type buffer struct {
	wire    bytes.Buffer // as it was sent
	body    bytes.Buffer
	gzip    *gzip.Reader
	rows    []Row
	values  [][]byte
	follows []int // index of the column that came after each, by index
}

// body reads, checks and accepts the body of a call.
func (s *Server) body(r *http.Request, stream stream) (rows int, f inject.Fault) {
	b := s.buffers.Get().(*buffer)
	defer s.buffers.Put(b)
	if f := b.read(r.Body, r.Header.Get("Content-Encoding")); f.IsError() {
		return 0, f
	}
	stats := Stats{Calls: 1, Bytes: int64(b.body.Len()), WireBytes: int64(b.wire.Len())}
	if err := b.parse(stream, time.Now(), &stats); err != nil {
		return 0, badRequest("InvalidPayload", "Malformed JSON, or a value that does not fit its column: %v", err)
	}
	s.accept(stream.table, b.rows, stats)
	return len(b.rows), inject.Fault{}
}

// read reads a body, of which it takes no more than a call may have.
func (b *buffer) read(wire io.Reader, encoding string) inject.Fault {
	b.wire.Reset()
	b.body.Reset()
	_, err := b.wire.ReadFrom(io.LimitReader(wire, maxCall+1))
	switch {
	case err != nil:
		return badRequest("InvalidPayload", "Reading the body: %v", err)
	case b.wire.Len() > maxCall:
		return TooLarge()
	}
	switch encoding {
	case "":
		b.body.Write(b.wire.Bytes())
		return inject.Fault{}
	case "gzip":
		return b.unpack()
	}
	return inject.Fault{Status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType", Message: "Content-Encoding must be gzip."}
}

// unpack decompresses the body.
func (b *buffer) unpack() inject.Fault {
	if b.gzip == nil {
		b.gzip = new(gzip.Reader)
	}
	if err := b.gzip.Reset(bytes.NewReader(b.wire.Bytes())); err != nil {
		return badRequest("InvalidPayload", "The body is not gzip: %v", err)
	}
	_, err := b.gzip.WriteTo(&limited{&b.body})
	switch {
	case errors.Is(err, errTooLarge):
		return TooLarge()
	case err != nil:
		return badRequest("InvalidPayload", "Reading the body: %v", err)
	}
	return inject.Fault{}
}

// limited takes no more than a call may have.
type limited struct{ to *bytes.Buffer }

var errTooLarge = errors.New("more than a call may have")

func (l *limited) Write(p []byte) (int, error) {
	if l.to.Len()+len(p) > maxCall {
		return 0, errTooLarge
	}
	return l.to.Write(p)
}

// refuse answers with an error in the shape of the service.
func refuse(w http.ResponseWriter, f inject.Fault) {
	if f.Code == "" {
		f.Code = http.StatusText(f.Status)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("x-ms-error-code", f.Code)
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": f.Code, "message": f.Message}})
}
