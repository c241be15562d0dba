package bus

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Codes of JetStream errors for which nats.go has no name.
const (
	codeNoSuitablePeers jetstream.ErrorCode = 10005
	codeUnavailable     jetstream.ErrorCode = 10008
)

// notReady reports whether the bus is only out of reach, starting up or
// electing.
func notReady(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.ErrorCode == codeNoSuitablePeers || api.ErrorCode == codeUnavailable
	}
	for _, passing := range []error{
		nats.ErrNoResponders, nats.ErrTimeout, context.DeadlineExceeded, nats.ErrDisconnected, nats.ErrReconnectBufExceeded,
		jetstream.ErrNoStreamResponse, jetstream.ErrJetStreamNotEnabled,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// codeStoreFailed is what the server answers when a stream does not take a
// message; only the text says why.
const codeStoreFailed jetstream.ErrorCode = 10077

// isTaken reports that a stream which takes each subject once has that subject.
func isTaken(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && api.ErrorCode == codeStoreFailed && strings.Contains(api.Description, "maximum messages per subject")
}

// redact drops the passwords of a URL, or of a list of URLs, for messages.
func redact(raw string) string {
	urls := strings.Split(raw, ",")
	for i, text := range urls {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil {
			return "(a URL that cannot be read)"
		}
		urls[i] = u.Redacted()
	}
	return strings.Join(urls, ",")
}
