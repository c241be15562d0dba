//go:build chaos

package chaos

import (
	"testing"
	"time"

	"github.com/logferry/logferry/tests/story"
)

// A process that is armed dies at its failpoint and nowhere else, by its own
// hand; the one in its place carries on.
func TestChaosProcessDiesAtItsFailpoint(t *testing.T) {
	t.Parallel()
	s := story.New(t)
	s.Config.Poller.Visibility = 10 * time.Second // what the dead poller held comes back soon
	const point = "poller.published"
	p := s.Launch(story.Failpoint(point, 3), "logferry", "run")
	for i := range 12 {
		s.Announce(i, s.Put(s.Object(i)))
	}
	p.Died(story.Patience)
	over := time.Now()
	p = s.Start("logferry", "run")
	s.Arrived()
	matrix.Add(s.Result("dies at "+point, 0, time.Since(over)))
	p.Stop()
}
