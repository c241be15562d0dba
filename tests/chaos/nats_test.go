//go:build chaos

package chaos

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/tests/story"
)

// Invariant 2: the NATS server dies five times while objects pass. The services
// reconnect, and what was acknowledged, and comes again, is not written again.
func TestChaosBusKilled(t *testing.T) {
	s := begin(t)
	c := play(t, s, nil)
	s.Broken()
	for blow := range 5 {
		for i := range 10 {
			s.Announce(i, s.Put(s.Object(10*blow+i)))
		}
		beat(s)
		c.bus.Restart()
	}
	passed(t, s, "the NATS server killed, 5 times", time.Now(), none)
	c.stop()
}

// Invariants 2 and 5 on a cluster of three: the leaders of the streams die one
// after the other, each while the others carry on.
func TestChaosLeadersKilled(t *testing.T) {
	s := begin(t)
	bus := story.StartCluster(t)
	s.Config.Bus.URL, s.Config.Bus.Replicas = bus.URL, story.Nodes
	p := s.Start("logferry", "run")
	s.Broken()
	for i, stream := range []string{"OBJECTS", "RAW", "ROWS", "LEDGER"} {
		for j := range 10 {
			s.Announce(j, s.Put(s.Object(10*i+j)))
		}
		dead := bus.KillLeader(stream)
		t.Logf("killed node %d, the leader of %s", dead, stream)
		bus.Leader(stream)
		bus.Start(dead)
	}
	passed(t, s, "the leaders of four streams killed, of 3 nodes", time.Now(), none)
	p.Stop()
}

// Invariants 2, 3 and 5 on a cluster of three: the leader of a stream is cut off
// from the others for a while, and the process reaches no other node. Such a
// leader takes messages that will never be stored.
func TestChaosNodeCutOff(t *testing.T) {
	for _, stream := range []string{"LEDGER", "DEAD"} {
		t.Run(stream, func(t *testing.T) {
			s := begin(t)
			bus := story.StartCluster(t)
			s.Config.Bus.URL, s.Config.Bus.Replicas = bus.URL, story.Nodes
			s.Start("logferry", "run").Stop() // makes the streams
			cut := bus.Leader(stream)
			s.Config.Bus.URL = strings.Split(bus.URL, ",")[cut]
			p := s.Start("logferry", "run")
			for i := range 10 {
				s.Announce(i, s.Put(s.Object(i)))
			}
			t.Logf("cutting node %d off, the leader of %s", cut, stream)
			bus.Cut(cut)
			s.Broken()
			for i := range 20 {
				s.Announce(i, s.Put(s.Object(10+i)))
			}
			again := time.NewTimer(15 * time.Second)
			defer again.Stop()
			<-again.C
			bus.Heal(cut)
			bus.Ready()
			passed(t, s, "the leader of "+stream+" cut off for 15 s, of 3 nodes", time.Now(), none)
			p.Stop()
		})
	}
}

// Invariant 2: a full disk is an error to publishers. Nothing is acknowledged
// for it, and everything goes on when there is room.
func TestChaosBusFull(t *testing.T) {
	s := begin(t)
	c := play(t, s, nil)
	story.Eventually(t, time.Minute, "the writer", func() bool { return story.Answers(t.Context(), "http://"+c.services[writer].Admin+"/readyz") })
	c.bus.Limit(2 << 20)
	feed(s, 60)
	story.Eventually(t, story.Patience, "publishers that find no room", func() bool {
		failures := 0.0
		for _, p := range c.services {
			failures += p.Metric("logferry_bus_publish_failures_total")
		}
		return failures >= 3
	})
	c.bus.Limit(0)
	passed(t, s, "the bus's disk full", time.Now(), none)
	c.stop()
}

// waves delivers 20 objects until nothing is left of them, and then announces
// so many that some are delivered and some are not. It returns the window of a
// loss of the bus at this moment: what of the second wave is delivered, and not
// deleted from the queue, is written again. Dead letters that were kept go with
// the bus; those expected are of afterwards.
func waves(t *testing.T, s *story.Story, lose func()) func() int64 {
	t.Helper()
	for i := range 20 {
		s.Announce(i, s.Put(s.Object(i)))
	}
	s.Arrived()
	first := s.Cloud.Ingestion.Total().Rows
	for i := range 60 {
		s.Announce(i, s.Put(s.Object(20+i)))
	}
	story.Eventually(t, story.Patience, "rows of the second wave", func() bool {
		return s.Cloud.Ingestion.Total().Rows > first+1000
	})
	lose()
	delivered := s.Cloud.Ingestion.Total().Rows - first
	s.Broken()
	return func() int64 { return delivered + s.Window() }
}

// Invariant 1: the bus loses everything in the middle, the ledger too. What is
// not done comes again from SQS; no message of a done object does.
func TestChaosBusLost(t *testing.T) {
	s := begin(t)
	c := play(t, s, nil)
	window := waves(t, s, c.bus.Lose)
	arrived(t, s, "the bus loses its storage", time.Now(), window)
	c.stop()
}

// Invariant 1: the same, with the embedded bus, whose store is deleted between
// two runs.
func TestChaosStoreDeleted(t *testing.T) {
	s := begin(t)
	p := s.Start("logferry", "run")
	window := waves(t, s, func() {
		p.Kill()
		if err := os.RemoveAll(s.Config.Bus.Store); err != nil {
			t.Fatal(err)
		}
	})
	over := time.Now()
	p = s.Start("logferry", "run")
	arrived(t, s, "the embedded bus's store deleted between two runs", over, window)
	p.Stop()
}
