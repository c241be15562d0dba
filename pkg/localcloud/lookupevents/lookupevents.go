// Package lookupevents is a stand-in of CloudTrail's event history: its API
// LookupEvents over the AWS JSON 1.1 protocol, and the Account API's ListRegions,
// which says where there is one.
//
// It answers as the service does: newest events first, 50 a page, tokens that
// are good for the same question only and for a while, two calls a second for
// each account and region. What the service does now and then it does when it is
// told to: events become visible late, a page or an event comes twice.
package lookupevents

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
)

// Limits of the service.
const (
	pageEvents = 50
	// callsPerSecond is the quota of an account and region.
	callsPerSecond = 2
	// retention is how long events are kept.
	retention = 90 * 24 * time.Hour
	// maxRequest bounds the body of a call.
	maxRequest = 1 << 20
)

// The categories of events.
const (
	Management = "management"
	Insight    = "insight"
)

// Options configures a [Server]. Caller and Faults are required.
type Options struct {
	// Caller returns the account of the caller, or the error to answer with.
	Caller func(r *http.Request) (account string, f inject.Fault)
	Faults *inject.Table
	// Now is the service's clock; nil: the machine's.
	Now func() time.Time
	// TokenLife is how long a page's token is good for; 0: a quarter of an hour.
	TokenLife time.Duration
	// TwicePage and TwiceEvent are the shares of pages that come twice, and of
	// events that come again in their page.
	TwicePage, TwiceEvent float64
}

// Event is an event in the history.
type Event struct {
	ID string
	// Time is when it happened, to the second.
	Time time.Time
	// Visible is when it can be looked up; zero: from Time on.
	Visible time.Time
	// Record is the text of its member CloudTrailEvent; empty: a record of the
	// stand-in's own that holds the id and the time.
	Record string
	// Category is Management (also when empty) or Insight.
	Category string
}

// place is where events are: the quota is for each, whatever the category.
type place struct{ account, region string }

// history is what happened in a place.
type history struct {
	events   map[string][]Event // by category, sorted by time
	unsorted bool               // events were added since they were sorted
	calls    []time.Time        // within the last second
	usage    Usage
}

// Usage is how a place was used.
type Usage struct {
	// Calls is how many calls were made, Throttled how many of those were
	// refused, Most the largest number within any second.
	Calls, Throttled, Most int
}

// Server is the stand-in, an [http.Handler].
type Server struct {
	options Options

	mu      sync.Mutex
	places  map[place]*history
	regions map[string][]string // that are enabled, by account
	random  uint64
}

// New returns a Server without events, in whose accounts every region that has
// events is enabled.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TokenLife == 0 {
		o.TokenLife = 15 * time.Minute
	}
	return &Server{options: o, places: map[place]*history{}, regions: map[string][]string{}, random: 1}
}

// SetClock gives the stand-in another clock.
func (s *Server) SetClock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Now = now
}

// SetTwice sets the shares of pages and of events that come twice.
func (s *Server) SetTwice(pages, events float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.TwicePage, s.options.TwiceEvent = pages, events
}

// SetTokenLife sets how long tokens are good for.
func (s *Server) SetTokenLife(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.TokenLife = d
}

// SetRegions says which regions are enabled in the account. In another one calls
// are refused as if the credentials were none.
func (s *Server) SetRegions(account string, regions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.regions[account] = slices.Clone(regions)
}

// Put adds events to the history of an account and region.
func (s *Server) Put(account, region string, events ...Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.history(place{account, region})
	for _, e := range events {
		e.Time = e.Time.Truncate(time.Second)
		e.Category = cmp.Or(e.Category, Management)
		h.events[e.Category] = append(h.events[e.Category], e)
	}
	h.unsorted = true
}

// Remove takes an event out of the history, as if the service had lost it.
func (s *Server) Remove(account, region, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.history(place{account, region})
	for category := range h.events {
		h.events[category] = slices.DeleteFunc(h.events[category], func(e Event) bool { return e.ID == id })
	}
}

// Usage returns how an account and region was used so far.
func (s *Server) Usage(account, region string) Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.history(place{account, region}).usage
}

func (s *Server) history(p place) *history {
	h := s.places[p]
	if h == nil {
		h = &history{events: map[string][]Event{}}
		s.places[p] = h
	}
	return h
}

// enabled returns the regions of an account that are enabled.
func (s *Server) enabled(account string) []string {
	if regions, set := s.regions[account]; set {
		return regions
	}
	var regions []string
	for p := range s.places {
		if p.account == account {
			regions = append(regions, p.region)
		}
	}
	slices.Sort(regions)
	return regions
}

// sort orders the events of a place by time; those of the same time keep the
// order in which they were put.
func (h *history) sort() {
	if !h.unsorted {
		return
	}
	for _, events := range h.events {
		slices.SortStableFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })
	}
	h.unsorted = false
}

// admit counts a call and reports whether it is within the quota.
func (h *history) admit(now time.Time) bool {
	begin := now.Add(-time.Second)
	h.calls = slices.DeleteFunc(h.calls, func(t time.Time) bool { return !t.After(begin) })
	h.calls = append(h.calls, now)
	h.usage.Calls++
	h.usage.Most = max(h.usage.Most, len(h.calls))
	if len(h.calls) > callsPerSecond {
		h.usage.Throttled++
		return false
	}
	return true
}

// chance reports whether what happens with that share happens now.
func (s *Server) chance(share float64) bool {
	s.random = s.random*6364136223846793005 + 1442695040888963407
	return float64(s.random>>11)/(1<<53) < share
}

// record returns the text of the event's record.
func (e Event) record(p place) string {
	if e.Record != "" {
		return e.Record
	}
	category := "Management"
	if e.Category == Insight {
		category = "Insight"
	}
	return fmt.Sprintf(`{"eventVersion":"1.11","eventTime":%q,"eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances",`+
		`"awsRegion":%q,"sourceIPAddress":"198.51.100.17","userAgent":"aws-cli/2.15.30","requestParameters":null,"responseElements":null,`+
		`"eventID":%q,"readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":%q,"eventCategory":%q}`,
		e.Time.UTC().Format(time.RFC3339), p.region, e.ID, p.account, category)
}

// scope reads the region of a signed call.
var scope = regexp.MustCompile(`Credential=[^/,\s]+/\d+/([a-z0-9-]+)/`)

func regionOf(r *http.Request) string {
	if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		return m[1]
	}
	return ""
}
