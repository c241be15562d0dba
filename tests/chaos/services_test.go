//go:build chaos

package chaos

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/tests/story"
)

const (
	poller  = "logferry-poller"
	fetcher = "logferry-fetcher"
	parser  = "logferry-parser"
)

// A service dies at each of its steps, by its own hand, and another takes its
// place. Only the death of a writer may double rows.
func TestChaosSteps(t *testing.T) {
	for _, step := range []struct {
		service, point string
		pass           int
	}{
		// Invariant 1: a message that was received, and no more, is not deleted;
		// it comes again when its visibility lapses.
		{poller, "poller.received", 2},
		// Invariant 1: an object that is seen and on the bus is adopted by the
		// poller that receives its message next.
		{poller, "poller.published", 15},
		// Invariant 1: objects that are done, their messages not deleted: the
		// ledger knows, and nothing is published again.
		{poller, "poller.done", 10},
		// Invariant 5: entered as done, and not yet in the history.
		{poller, "ledger.done", 2},
		// Invariant 4: an object that is cut in the middle has the same parts
		// the next time.
		{fetcher, "fetcher.part", 15},
		// Invariant 4: all parts are sent, and the ledger does not know how many.
		{fetcher, "fetcher.sent", 12},
		// Invariant 2: sent and entered, but not acknowledged.
		{fetcher, "fetcher.entered", 12},
		{fetcher, "bus.ack", 12},
		// Invariant 2: parsed, and nothing emitted.
		{parser, "parser.parsed", 12},
		// Invariant 2: the rows are stored, their records not acknowledged.
		{parser, "bus.ack", 12},
		// Invariant 5: the window itself: accepted, and not in the ledger.
		{writer, "writer.accepted", 8},
		// Invariant 5: in the ledger, not acknowledged: the parts are looked up
		// and not written. Others of the same call are in the window.
		{writer, "writer.entered", 8},
	} {
		t.Run(step.service+" at "+step.point, func(t *testing.T) {
			s := begin(t)
			c := play(t, s, map[string][]string{step.service: story.Failpoint(step.point, step.pass)})
			feed(s, 30)
			c.services[step.service].Died(story.Patience)
			over := time.Now()
			c.replace(step.service)
			passed(t, s, step.service+" dies at "+step.point, over, c.deaths)
			c.stop()
		})
	}
}

// Invariant 5: a part that the ledger has as settled is never written again.
// With one part in work there is no other in the window.
func TestChaosWriterDiesOnceItsOnlyPartIsEntered(t *testing.T) {
	s := begin(t)
	s.Config.Writer.InFlight, s.Config.Writer.Linger = 1, 10*time.Millisecond
	c := play(t, s, map[string][]string{writer: story.Failpoint("writer.entered", 3)})
	for i := range 6 {
		s.Announce(i, s.Put(s.Logs.CloudTrail(10+i)))
	}
	c.services[writer].Died(story.Patience)
	over := time.Now()
	c.replace(writer)
	passed(t, s, "writer dies at writer.entered, one part in work", over, none)
	c.stop()
}

// beat waits for some moment in which services have work, and slows the
// service down, so that a writer has calls on their way then.
func beat(s *story.Story) {
	s.Cloud.Faults.Fail(uploads(), inject.Fault{Delay: 300 * time.Millisecond, For: time.Second})
	moment := time.NewTimer(100*time.Millisecond + rand.N(900*time.Millisecond))
	<-moment.C
}

// Invariants 1, 2, 4 and 5, wherever a service is: each is killed ten times
// while objects arrive, without choosing the moment.
func TestChaosKilledServices(t *testing.T) {
	for _, name := range story.Services() {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			c := play(t, s, nil)
			s.Broken()
			for blow := range 10 {
				for i := range 10 {
					s.Announce(i, s.Put(s.Object(10*blow+i)))
				}
				beat(s)
				c.kill(name)
			}
			passed(t, s, name+" killed, 10 times", time.Now(), c.deaths)
			c.stop()
		})
	}
}

// All invariants at once: the four services and the bus are killed again and
// again while objects arrive.
func TestChaosKilledServicesAndBus(t *testing.T) {
	s := begin(t)
	c := play(t, s, nil)
	s.Broken()
	for i := range 200 {
		s.Announce(i, s.Put(s.Object(i)))
		if i%10 != 9 {
			continue
		}
		beat(s)
		if i/10%4 == 3 {
			t.Logf("object %d: killing the bus", i)
			c.bus.Restart()
			continue
		}
		name := story.Services()[rand.N(4)]
		t.Logf("object %d: killing %s", i, name)
		c.kill(name)
	}
	passed(t, s, "services and the bus killed, 20 times", time.Now(), c.deaths)
	c.stop()
}
