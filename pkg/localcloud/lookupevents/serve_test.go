package lookupevents

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
)

const account = "111122223333"

// stand is a stand-in whose clock stands still until it is told otherwise.
type stand struct {
	*Server
	t   *testing.T
	now time.Time
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	s.Server = New(Options{
		Caller: func(r *http.Request) (string, inject.Fault) {
			if r.Header.Get("Authorization") == "" {
				return "", inject.Fault{Status: http.StatusForbidden, Code: "MissingAuthenticationToken"}
			}
			return account, inject.Fault{}
		},
		Faults: new(inject.Table), Now: func() time.Time { return s.now },
	})
	return s
}

// ask asks in a region, a second after the last time, and returns the ids of the
// events or the error's code.
func (s *stand) ask(region, body string) (ids, token, code string) {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	return s.askNow(region, body)
}

func (s *stand) askNow(region, body string) (ids, token, code string) {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents")
	if region != "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20261123/"+region+"/cloudtrail/aws4_request")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var out struct {
		Type      string `json:"__type"`
		NextToken string
		Events    []struct {
			ID              string `json:"EventId"`
			CloudTrailEvent string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		s.t.Fatalf("%v: %s", err, w.Body)
	}
	var all []string
	for _, e := range out.Events {
		if !strings.Contains(e.CloudTrailEvent, `"eventID":"`+e.ID+`"`) {
			s.t.Errorf("event %s has the record %s", e.ID, e.CloudTrailEvent)
		}
		all = append(all, e.ID)
	}
	return strings.Join(all, " "), out.NextToken, out.Type
}

func (s *stand) at(ago time.Duration, id string) Event { return Event{ID: id, Time: s.now.Add(-ago)} }

// span is the members of a question about the time between.
func (s *stand) span(from, to time.Duration) string {
	return fmt.Sprintf(`"StartTime":%d,"EndTime":%d`, s.now.Add(-from).Unix(), s.now.Add(-to).Unix())
}

func TestLookupEvents(t *testing.T) {
	s := newStand(t)
	late := s.at(5*time.Minute, "late")
	late.Visible = s.now.Add(time.Hour)
	insight := s.at(5*time.Minute, "insight")
	insight.Category = Insight
	s.Put(account, "eu-west-1", s.at(2*time.Minute, "b"), s.at(3*time.Minute, "a"), s.at(time.Minute, "c"), late, insight, s.at(-time.Hour, "future"))
	span := s.span(3*time.Minute, 2*time.Minute)
	f := func(region, body, want, code string) {
		t.Helper()
		ids, token, got := s.ask(region, body)
		if ids != want || got != code || token != "" {
			t.Errorf("%s: got %q, %q, token %q; want %q, %q", body, ids, got, token, want, code)
		}
	}
	// newest first; both ends belong to the span
	f("eu-west-1", `{}`, "c b a", "")
	f("eu-west-1", `{`+span+`}`, "b a", "")
	f("us-east-1", `{}`, "", "")
	f("eu-west-1", `{"EventCategory":"insight"}`, "insight", "")
	// what it does not take
	f("eu-west-1", `{"EventCategory":"data"}`, "", "InvalidEventCategoryException")
	f("eu-west-1", `{"MaxResults":51}`, "", "InvalidMaxResultsException")
	f("eu-west-1", `{"StartTime":20,"EndTime":10}`, "", "InvalidTimeRangeException")
	f("eu-west-1", `{"LookupAttributes":[{},{}]}`, "", "InvalidLookupAttributesException")
	f("eu-west-1", `{"NextToken":"none"}`, "", "InvalidNextTokenException")
	f("eu-west-1", `no JSON`, "", "SerializationException")
	f("", `{}`, "", "UnrecognizedClientException")
	s.SetRegions(account, "us-east-1")
	f("eu-west-1", `{}`, "", "UnrecognizedClientException")
	// late events are there in time, and those beyond 90 days are not
	s.SetRegions(account, "eu-west-1")
	s.now = s.now.Add(2 * time.Hour)
	f("eu-west-1", `{}`, "future c b a late", "")
	s.now = s.now.Add(90 * 24 * time.Hour)
	f("eu-west-1", `{}`, "", "")
}

func TestPages(t *testing.T) {
	s := newStand(t)
	for i := range 120 {
		s.Put(account, "eu-west-1", s.at(time.Duration(i)*time.Second, fmt.Sprint(i)))
	}
	first, token, _ := s.ask("eu-west-1", `{}`)
	second, last, _ := s.ask("eu-west-1", `{"NextToken":"`+token+`"}`)
	third, none, _ := s.ask("eu-west-1", `{"NextToken":"`+last+`"}`)
	if all := strings.Fields(first + " " + second + " " + third); len(all) != 120 || all[0] != "0" || all[119] != "119" || none != "" {
		t.Errorf("got %v, token %q; want all in order", all, none)
	}
	// a token is good for its question, its region, and a while
	f := func(region, body string) {
		t.Helper()
		if _, _, code := s.ask(region, body); code != "InvalidNextTokenException" {
			t.Errorf("%s: got %q", body, code)
		}
	}
	f("eu-west-1", `{"MaxResults":40,"NextToken":"`+token+`"}`)
	f("us-east-1", `{"NextToken":"`+token+`"}`)
	s.now = s.now.Add(time.Hour)
	f("eu-west-1", `{"NextToken":"`+token+`"}`)

	s.SetTwice(1, 0)
	page, token, _ := s.ask("eu-west-1", `{}`)
	again, token, _ := s.ask("eu-west-1", `{"NextToken":"`+token+`"}`)
	next, _, _ := s.ask("eu-west-1", `{"NextToken":"`+token+`"}`)
	if page != again || next == again {
		t.Error("want each page twice")
	}
	s.SetTwice(0, 1)
	if page, _, _ = s.ask("eu-west-1", `{}`); !strings.HasPrefix(page, "0 0 1 1 ") {
		t.Errorf("got %q; want each event twice", page)
	}
}

func TestQuota(t *testing.T) {
	s := newStand(t)
	f := func(region string, pass time.Duration, want string) {
		t.Helper()
		s.now = s.now.Add(pass)
		if _, _, code := s.askNow(region, `{}`); code != want {
			t.Errorf("got %q; want %q", code, want)
		}
	}
	f("eu-west-1", 0, "")
	f("eu-west-1", 0, "")
	f("eu-west-1", 0, "ThrottlingException")
	f("us-east-1", 0, "")
	f("eu-west-1", 999*time.Millisecond, "ThrottlingException")
	f("eu-west-1", time.Millisecond, "")
	if got := s.Usage(account, "eu-west-1"); got != (Usage{Calls: 5, Throttled: 2, Most: 4}) {
		t.Errorf("got %+v", got)
	}
}
