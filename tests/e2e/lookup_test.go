package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/localcloud/lookupevents"
	"github.com/logferry/logferry/tests/story"
)

// An account without a trail: its event history becomes rows, each event once,
// and what is no event a dead letter. Run again, nothing comes twice.
func TestEventHistory(t *testing.T) {
	s := story.New(t)
	account := connection.Account{RoleARN: story.RoleARN}.ID()
	s.Config.Connections[0].Lookup = connection.Lookup{Regions: []string{"us-east-1", "eu-west-1"}}
	const each = 150
	for r, region := range s.Config.Connections[0].Lookup.Regions {
		at := time.Now().Add(-5 * time.Minute)
		var events []lookupevents.Event
		for i := range each {
			events = append(events, lookupevents.Event{
				ID: fmt.Sprintf("%08x-0000-4000-8000-%012d", r, i), Time: at.Add(time.Duration(i) * time.Second),
			})
		}
		events[7].Record = `{"eventID": "no JSON", oops`
		s.Cloud.History.Put(account, region, events...)
	}
	s.Cloud.History.SetTwice(0.2, 0.1)
	s.Rows["AWSCloudTrail"] = 2 * (each - 1)
	s.Dead[string(fault.BadRecord)] = 2
	s.UntilIdle()
	s.Delivered()
	p := s.Start("logferry", "run")
	s.Buried(s.EmbeddedBus())
	p.Stop()
	s.UntilIdle()
	s.Delivered()
}
