//go:build chaos

package chaos

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/tests/story"
)

// The faults of the bus are what they say, seen by a client of NATS: a matrix
// of faults that do nothing would be all green.

// publish stores a message on the subject, and returns the error of it.
func publish(t *testing.T, js jetstream.JetStream, subject string, body []byte) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := js.Publish(ctx, subject, body)
	return err
}

// stored returns the number of messages of the stream.
func stored(t *testing.T, js jetstream.JetStream, stream string) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func TestChaosClusterHasTheFaults(t *testing.T) {
	t.Parallel()
	c := story.StartCluster(t)
	js := story.Connect(t, c.URL)
	config := jetstream.StreamConfig{Name: "ROWS-a", Subjects: []string{"rows.>"}, Replicas: story.Nodes}
	if _, err := js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	story.Eventually(t, time.Minute, "a first message", func() bool { return publish(t, js, "rows.1", nil) == nil })

	// The leader is cut off: it stores nothing more, the others go on.
	cut := c.Leader("ROWS")
	c.Cut(cut)
	alone := story.Connect(t, c.Node(cut))
	if err := publish(t, alone, "rows.lost", nil); err == nil {
		t.Error("a leader that is cut off has stored a message")
	}
	next := c.Leader("ROWS")
	if next == cut {
		t.Fatal("the leader that is cut off still leads")
	}
	majority := story.Connect(t, c.Node(next))
	if err := publish(t, majority, "rows.2", nil); err != nil {
		t.Fatalf("publish to the majority: %v", err)
	}
	c.Heal(cut)
	c.Ready()
	story.Eventually(t, time.Minute, "the healed node to store", func() bool { return publish(t, alone, "rows.3", nil) == nil })

	// The leader dies, another leads, and it comes back.
	dead := c.KillLeader("ROWS")
	if next := c.Leader("ROWS"); next == dead {
		t.Fatal("the dead leader still leads")
	}
	story.Eventually(t, time.Minute, "a message without it", func() bool { return publish(t, js, "rows.4", nil) == nil })
	c.Start(dead)
	story.Eventually(t, time.Minute, "all of the messages", func() bool { return stored(t, js, "ROWS-a") >= 4 })
}

func TestChaosBusHasTheFaults(t *testing.T) {
	t.Parallel()
	b := story.StartBus(t)
	js := story.Connect(t, b.URL)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ROWS-a", Subjects: []string{"rows.>"}}); err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 100<<10)
	if err := publish(t, js, "rows.1", body); err != nil {
		t.Fatal(err)
	}

	// A full store takes nothing; with room it goes on, and nothing is lost.
	b.Limit(1 << 20)
	var full error
	kept := uint64(1)
	story.Eventually(t, time.Minute, "a full store", func() bool {
		if full = publish(t, js, "rows.2", body); full == nil {
			kept++
		}
		return full != nil && kept > 1
	})
	t.Logf("full after %d messages of %d bytes: %v", kept, len(body), full)
	if kept > 11 {
		t.Errorf("a store of 1 MiB has taken %d messages of %d bytes", kept, len(body))
	}
	b.Limit(0)
	story.Eventually(t, time.Minute, "room again", func() bool { return publish(t, js, "rows.3", body) == nil })
	if got := stored(t, js, "ROWS-a"); got < kept+1 {
		t.Errorf("%d messages after two restarts; want at least %d", got, kept+1)
	}

	// A lost disk has lost everything.
	b.Lose()
	story.Eventually(t, time.Minute, "the bus without its streams", func() bool {
		_, err := js.Stream(t.Context(), "ROWS-a")
		return errors.Is(err, jetstream.ErrStreamNotFound)
	})
}
