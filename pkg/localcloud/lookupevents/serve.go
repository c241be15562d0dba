package lookupevents

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
)

const (
	// Target is what the header X-Amz-Target of a call to CloudTrail holds, before
	// the operation. Some clients write the service's full name before it.
	Target = "CloudTrail_20131101."
	// RegionsPath is the path of a call of the Account API's ListRegions.
	RegionsPath = "/listRegions"

	contentType = "application/x-amz-json-1.1"
)

// Is reports whether the call is one for this stand-in.
func Is(r *http.Request) bool {
	return strings.Contains(r.Header.Get("X-Amz-Target"), Target) || r.Method == http.MethodPost && r.URL.Path == RegionsPath
}

// question is the body of a call of LookupEvents.
type question struct {
	StartTime, EndTime *float64
	EventCategory      string
	MaxResults         *int
	NextToken          string
	LookupAttributes   []any
}

// answered is an event as the service answers it.
type answered struct {
	EventID         string `json:"EventId"`
	EventName       string
	EventTime       int64
	EventSource     string
	ReadOnly        string
	CloudTrailEvent string
}

type answer struct {
	Events    []answered
	NextToken string `json:",omitempty"`
}

// token is what the text of a NextToken holds.
type token struct {
	Question string // a hash of the question that it belongs to
	Issued   int64  // in nanoseconds
	Next     int    // how many events lie before the next page
	Twice    bool   // the page before it has come twice
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	s.mu.Lock()
	w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	s.mu.Unlock()
	account, fault := s.options.Caller(r)
	if fault.IsError() {
		Refuse(w, inject.Fault{Status: http.StatusBadRequest, Code: "UnrecognizedClientException", Message: fault.Message})
		return
	}
	at := place{account, regionOf(r)}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), Target)
	handle := s.lookupEvents
	switch {
	case r.URL.Path == RegionsPath:
		operation, handle = "ListRegions", s.listRegions
	case operation != "LookupEvents":
		Refuse(w, invalid("UnknownOperationException", "The stand-in knows no operation %s.", operation))
		return
	}
	call := inject.Call{Service: inject.CloudTrail, Operation: operation, Resource: at.account + "/" + at.region}
	inject.Serve(w, r, s.options.Faults.Next(call), func(w http.ResponseWriter, r *http.Request) { handle(w, r, at) }, Refuse)
}

// Refuse answers with the error that a fault names.
func Refuse(w http.ResponseWriter, f inject.Fault) {
	if f.Code == "" {
		f.Code = "InternalFailure"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Errortype", f.Code)
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.Code, "message": f.Message})
}

func invalid(code, format string, args ...any) inject.Fault {
	return inject.Fault{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

func (s *Server) listRegions(w http.ResponseWriter, _ *http.Request, at place) {
	type region struct{ RegionName, RegionOptStatus string }
	var out struct{ Regions []region }
	s.mu.Lock()
	for _, name := range s.enabled(at.account) {
		out.Regions = append(out.Regions, region{name, "ENABLED"})
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

func (s *Server) lookupEvents(w http.ResponseWriter, r *http.Request, at place) {
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		Refuse(w, invalid("SerializationException", "%v", err))
		return
	}
	out, fault := s.answer(q, at)
	if fault.IsError() {
		Refuse(w, fault)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_ = json.NewEncoder(w).Encode(out)
}

// answer answers a question, if it is within the quota.
func (s *Server) answer(q question, at place) (answer, inject.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := s.history(at), s.options.Now()
	if !h.admit(now) {
		return answer{}, invalid("ThrottlingException", "Rate exceeded")
	}
	if regions, set := s.regions[at.account]; set && !slices.Contains(regions, at.region) {
		return answer{}, invalid("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	from, to, limit, fault := q.bounds(now)
	if fault.IsError() {
		return answer{}, fault
	}
	page := token{Question: q.hash(at)}
	if q.NextToken != "" {
		text, err := base64.StdEncoding.DecodeString(q.NextToken)
		if err != nil || json.Unmarshal(text, &page) != nil || page.Question != q.hash(at) ||
			now.Sub(time.Unix(0, page.Issued)) > s.options.TokenLife {
			return answer{}, invalid("InvalidNextTokenException", "Invalid or expired next token, or one of another request.")
		}
	}
	category := q.EventCategory
	if category == "" {
		category = Management
	}
	h.sort()
	return s.page(at, h.events[category], from, to, limit, page, now), inject.Fault{}
}

// bounds reads the window and the size of a page.
func (q question) bounds(now time.Time) (from, to time.Time, limit int, f inject.Fault) {
	from, to, limit = now.Add(-retention), now, pageEvents
	if q.EventCategory != "" && q.EventCategory != Insight {
		return from, to, 0, invalid("InvalidEventCategoryException", "The event category %s is not valid.", q.EventCategory)
	}
	if len(q.LookupAttributes) > 1 {
		return from, to, 0, invalid("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
	}
	if q.MaxResults != nil {
		limit = *q.MaxResults
	}
	if limit < 1 || limit > pageEvents {
		return from, to, 0, invalid("InvalidMaxResultsException", "MaxResults must be between 1 and %d.", pageEvents)
	}
	if q.StartTime != nil {
		from = later(from, instant(*q.StartTime))
	}
	if q.EndTime != nil {
		to = instant(*q.EndTime)
	}
	if q.StartTime != nil && q.EndTime != nil && instant(*q.StartTime).After(to) {
		return from, to, 0, invalid("InvalidTimeRangeException", "The start time must be before the end time.")
	}
	return from, to, limit, f
}

func instant(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// hash names a question, whatever its token.
func (q question) hash(at place) string {
	q.NextToken = ""
	text, _ := json.Marshal(q) // a struct of plain values
	sum := sha256.Sum256(append(text, at.account+at.region...))
	return base64.RawStdEncoding.EncodeToString(sum[:12])
}

// page returns the events of a page, newest first, and the token of the next.
// The window's events are numbered from its newest on; what is not visible yet
// keeps its number, so that what becomes visible meanwhile moves nothing.
func (s *Server) page(at place, events []Event, from, to time.Time, limit int, t token, now time.Time) answer {
	first := sort.Search(len(events), func(i int) bool { return !events[i].Time.Before(from) })
	end := sort.Search(len(events), func(i int) bool { return events[i].Time.After(to) })
	out := answer{Events: []answered{}}
	begin, i := t.Next, end-1-t.Next
	for ; i >= first && len(out.Events) < limit; i-- {
		e := events[i]
		if now.Before(later(e.Time, e.Visible)) {
			continue
		}
		said := answered{e.ID, "DescribeInstances", e.Time.Unix(), "ec2.amazonaws.com", "true", e.record(at)}
		out.Events = append(out.Events, said)
		if len(out.Events) < limit && s.chance(s.options.TwiceEvent) {
			out.Events = append(out.Events, said)
		}
	}
	next := token{Question: t.Question, Issued: now.UnixNano(), Next: end - 1 - i}
	if i < first {
		return out
	}
	if !t.Twice && s.chance(s.options.TwicePage) {
		next.Next, next.Twice = begin, true
	}
	text, _ := json.Marshal(next) // a struct of plain values
	out.NextToken = base64.StdEncoding.EncodeToString(text)
	return out
}
