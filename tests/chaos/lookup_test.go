//go:build chaos

package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud/lookupevents"
	"github.com/logferry/logferry/tests/story"
)

// Invariant 4: wherever the reader of an event history dies, the same events
// become the same parts, and each arrives once. In one process the writer dies
// with it: its calls on their way are the window.
func TestChaosLookupDies(t *testing.T) {
	for _, point := range []string{"lookup.read", "lookup.intended", "lookup.part", "lookup.sent", "lookup.done", "lookup.known"} {
		t.Run(point, func(t *testing.T) {
			s := begin(t)
			const events = 300
			s.Config.Connections[0].Lookup = connection.Lookup{Regions: []string{"us-east-1"}}
			var all []lookupevents.Event
			for i := range events {
				at := time.Now().Add(-5 * time.Minute).Add(time.Duration(i) * time.Second / 2)
				all = append(all, lookupevents.Event{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Time: at})
			}
			s.Cloud.History.Put(connection.Account{RoleARN: story.RoleARN}.ID(), "us-east-1", all...)
			s.Rows["AWSCloudTrail"] = events
			p := s.Launch(story.Failpoint(point, 1), "logferry", "run")
			p.Died(story.Patience)
			over := time.Now()
			p = s.Start("logferry", "run")
			window := none
			if point == "lookup.part" || point == "lookup.sent" { // a writer may just have called
				window = func() int64 { return events }
			}
			passed(t, s, "the lookup dies at "+point, over, window)
			p.Stop()
			s.UntilIdle() // nor does anything come later
			s.Arrived()
		})
	}
}
