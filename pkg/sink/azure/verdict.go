package azure

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/logferry/logferry/pkg/fault"
)

// maxRetryAfter bounds the pause that an answer can ask for.
const maxRetryAfter = time.Hour

// step is what to do after a call.
type step int

const (
	again    step = iota // the same call, after a wait
	slow                 // the same call, after a long wait: a person must act
	accepted             // nothing: the rows are taken
	split                // the halves of the call, each by itself
	regroup              // the rows again, in calls of a shorter time span
)

// outcome is how a call ended, as metrics and logs tell it.
type outcome string

const (
	success       outcome = "accepted"
	throttled     outcome = "throttled"
	tooLarge      outcome = "too_large"
	badPayload    outcome = "bad_payload"
	timeSpan      outcome = "time_span"
	unauthorized  outcome = "unauthorized"
	misconfigured outcome = "misconfigured"
	serverError   outcome = "server_error"
	noAnswer      outcome = "no_answer"
	noToken       outcome = "no_token"
)

// verdict is what an answer means.
type verdict struct {
	step    step
	outcome outcome
	// wait is what the answer asks for; 0: it does not say.
	wait time.Duration
	// reason is why a row is rejected when the call was that row alone; empty:
	// it is not, and the call is made again.
	reason fault.Reason
	// unknown says that the service may have taken the rows all the same.
	unknown bool
	// advice tells a person what to do; empty: nothing yet.
	advice string
	err    error
	// id is the request id of the call.
	id string
}

// What to do about the answers that only a person can change.
const (
	adviseToken       = "no token: check the destination's credential (kind, tenant_id, client_id, secret or certificate) and that the login host can be reached"
	advise401         = "the token is refused: check that the destination's cloud and tenant are those of the data collection rule"
	advise403         = "grant the writer's identity the role Monitoring Metrics Publisher on the data collection rule; a new grant takes up to 30 minutes to work"
	advise404         = "check the destination's endpoint and the immutable id of the rule (dcr-...)"
	adviseStream      = "the data collection rule does not fit: check the stream's name, its columns and its transformation; a change of the rule takes some minutes to work"
	adviseCertificate = "the endpoint's certificate is not trusted: check the destination's endpoint, and name the certificates to trust in its ca_file"
	adviseName        = "the endpoint's host does not exist: check the destination's endpoint, and DNS here"
	adviseUnknown     = "the service refuses the call for a reason that Logferry does not know: see its code and message"
	adviseRedirect    = "the endpoint redirects: set the destination's endpoint to the logs ingestion endpoint itself"
)

// judge decides what the outcome of a call means. This is the table:
//
//	2xx                              accepted
//	400 RecordsTimeRangeIsMore...    regroup by time
//	400 malformed payload, 413       split; a lone row is rejected
//	TimeoutExpired while reading     split; a lone row again, with back-off
//	400 else, 403, 404, other 4xx    slow, for ever: nothing is dropped for a
//	                                 configuration that can be mended
//	401                              once with a new token, then slow
//	408, 5xx, no answer, no token    again, with back-off
//	429                              the whole rule waits
//
// After a call that was sent and not answered, and after 502 and 504, nobody can
// know whether the service took the rows: they are posted again, and counted.
func judge(err error) verdict {
	if err == nil {
		return verdict{step: accepted, outcome: success}
	}
	if _, ok := errors.AsType[*tokenError](err); ok {
		return verdict{step: again, outcome: noToken, advice: adviseToken, err: err}
	}
	response, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		_, sent := errors.AsType[*unknownError](err)
		return verdict{step: again, outcome: noAnswer, unknown: sent, advice: adviseReach(err), err: err}
	}
	v := judgeStatus(response)
	v.err = refusal(response)
	return v
}

// adviseReach tells an endpoint that is wrong from one that is out of reach for
// a while, about which there is nothing to say.
func adviseReach(err error) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return adviseName
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return adviseCertificate
	}
	return ""
}

func judgeStatus(r *azcore.ResponseError) verdict {
	switch code := r.StatusCode; {
	case code/100 == 2: // the SDK itself knows 204 only
		return verdict{step: accepted, outcome: success}
	case r.ErrorCode == "TimeoutExpired" && containsAny(message(r), "ClientConnectionAbort"):
		// So the service may put it that a call is too large. It is also what a
		// broken connection looks like: no row is given up for it.
		return verdict{step: split, outcome: tooLarge}
	case code == http.StatusTooManyRequests:
		return verdict{step: again, outcome: throttled, wait: retryAfter(r, time.Now())}
	case code == http.StatusRequestEntityTooLarge:
		return verdict{step: split, outcome: tooLarge, reason: fault.RowTooLarge}
	case code == http.StatusBadGateway || code == http.StatusGatewayTimeout: // it does not know either
		return verdict{step: again, outcome: serverError, unknown: true, wait: retryAfter(r, time.Now())}
	case code == http.StatusRequestTimeout || code >= 500:
		return verdict{step: again, outcome: serverError, wait: retryAfter(r, time.Now())}
	case code == http.StatusBadRequest:
		return judgeBadRequest(r)
	case code == http.StatusUnauthorized:
		return verdict{step: slow, outcome: unauthorized, advice: advise401}
	case code == http.StatusForbidden:
		return verdict{step: slow, outcome: misconfigured, advice: advise403}
	case code == http.StatusNotFound:
		return verdict{step: slow, outcome: misconfigured, advice: advise404}
	case code/100 == 3:
		return verdict{step: slow, outcome: misconfigured, advice: adviseRedirect}
	}
	return verdict{step: slow, outcome: misconfigured, advice: adviseUnknown}
}

// judgeBadRequest tells a rule that does not fit from rows that do not. What it
// does not know it takes for the rule's fault, so that no row is given up for
// it.
func judgeBadRequest(r *azcore.ResponseError) verdict {
	switch {
	case strings.HasPrefix(r.ErrorCode, "RecordsTimeRange"):
		return verdict{step: regroup, outcome: timeSpan, advice: adviseUnknown}
	case r.ErrorCode == "ContentLengthLimitExceeded":
		return verdict{step: split, outcome: tooLarge, reason: fault.RowTooLarge}
	case containsAny(r.ErrorCode, "InvalidStream", "Transform", "Table", "Dcr", "Rule"):
		return verdict{step: slow, outcome: misconfigured, advice: adviseStream}
	case containsAny(r.ErrorCode+" "+message(r), "malformed", "json", "payload", "record"):
		return verdict{step: split, outcome: badPayload, reason: fault.RowRejected}
	}
	return verdict{step: slow, outcome: misconfigured, advice: adviseUnknown}
}

func containsAny(s string, words ...string) bool {
	s = strings.ToLower(s)
	for _, w := range words {
		if strings.Contains(s, strings.ToLower(w)) {
			return true
		}
	}
	return false
}

// refusal says in one line what the service answered.
func refusal(r *azcore.ResponseError) error {
	return fmt.Errorf("status %d, code %q: %s", r.StatusCode, r.ErrorCode, message(r))
}

// message returns the words of an error answer.
func message(r *azcore.ResponseError) string {
	if r.RawResponse == nil {
		return ""
	}
	body, err := runtime.Payload(r.RawResponse)
	if err != nil {
		return ""
	}
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	const enough = 500
	m := answer.Error.Message
	return strings.ToValidUTF8(m[:min(len(m), enough)], "")
}

// retryAfter returns the wait that the answer's header asks for, in seconds or
// as a date; 0 when it does not.
func retryAfter(r *azcore.ResponseError, now time.Time) time.Duration {
	if r.RawResponse == nil {
		return 0
	}
	value := r.RawResponse.Header.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
