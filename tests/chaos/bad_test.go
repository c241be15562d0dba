//go:build chaos

package chaos

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/tests/story"
)

const (
	arrowBody  = "application/vnd.apache.arrow.stream"
	objectBody = `application/x-protobuf; messageType="logferry.v1.Object"`
	eventBody  = `application/x-protobuf; messageType="logferry.v1.LedgerEvent"`
)

// put stores a message as a service would, of that version of the wire.
func put(t *testing.T, js jetstream.JetStream, subject, wire, contentType string, body []byte) {
	t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = body
	msg.Header.Set("Nats-Msg-Id", subject+wire+strconv.Itoa(len(body)))
	msg.Header.Set("Logferry-Wire", wire)
	msg.Header.Set("Content-Type", contentType)
	msg.Header.Set("Logferry-Connection", story.Connection)
	if _, err := js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
}

// Invariant 3: messages on the bus that are corrupt, of an unknown version or
// cut short become dead letters, one each, and everything else goes on.
func TestChaosBadMessages(t *testing.T) {
	s := begin(t)
	p := s.Start("logferry", "run")
	js := story.Connect(t, s.EmbeddedBus())
	for _, on := range []struct{ subject, contentType string }{
		{"logferry.objects." + story.Connection, objectBody},
		{"logferry.raw." + story.Connection + ".vpcflow", arrowBody},
		{"logferry.rows.sentinel.AWSVPCFlow." + story.Connection, arrowBody},
	} {
		put(t, js, on.subject, "1", on.contentType, []byte("\xff\xff\xff garbage"))
		put(t, js, on.subject, "9", on.contentType, []byte("of a version to come"))
		put(t, js, on.subject, "1", "text/plain", []byte("another thing"))
		put(t, js, on.subject, "1", on.contentType, []byte{0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0}) // ends in the middle
		s.Dead["undecodable_message"] += 4
	}
	over := time.Now()
	feed(s, 20)
	passed(t, s, "bad messages on OBJECTS, RAW and ROWS", over, none)
	if n := p.Metric("logferry_stage_dead_letters_total"); int(n) < s.Dead["undecodable_message"] {
		t.Errorf("%v dead letters are counted; want at least %d", n, s.Dead["undecodable_message"])
	}
	p.Stop()
}

// Invariant 3: an event in the ledger that cannot be read is no reason to stop.
// It is kept as a dead letter when somebody asks for it, the log says where it
// lies, and its object is carried all the same.
func TestChaosBadEvents(t *testing.T) {
	s := begin(t)
	p := s.Start("logferry", "run")
	js := story.Connect(t, s.EmbeddedBus())
	put(t, js, "logferry.ledger."+story.Connection+".abcdefghijklmnopqrstuvwxyz.done", "1", eventBody, []byte("garbage"))
	put(t, js, "logferry.ledger."+story.Connection+".abcdefghijklmnopqrstuvwxyz.0", "9", eventBody, nil)
	poisoned := s.Put(s.Logs.CloudTrail(7))
	id := batch.ObjectID(story.Connection, poisoned.Bucket, poisoned.Key, poisoned.Version, poisoned.ETag)
	put(t, js, "logferry.ledger."+story.Connection+"."+id+".done", "9", eventBody, []byte("of a version to come"))
	s.Send(notification.S3(poisoned))
	s.Dead["undecodable_message"]++
	over := time.Now()
	feed(s, 20)
	passed(t, s, "bad events on LEDGER", over, none)
	p.Stop()
	if log := p.Output(); !strings.Contains(log, "sequence ") || !strings.Contains(log, id+".done") {
		t.Errorf("the log does not say where the bad event lies:\n%s", log)
	}
}

// A checkpoint that cannot be read is refused by name; to begin again is the
// user's to say.
func TestChaosBadCheckpoint(t *testing.T) {
	s := begin(t)
	for i := range 60 {
		s.Put(s.Object(i))
	}
	p := s.Start("logferry", "run")
	js := story.Connect(t, s.EmbeddedBus())
	backfill := func(args ...string) *story.Process {
		return s.Launch(nil, "logferry", append([]string{"backfill", "--connection", story.Connection, "--bucket", story.Bucket, "--from", "2020-01-01"}, args...)...)
	}
	stopped := backfill("--rate", "5")
	var store jetstream.KeyValue
	var keys []string
	story.Eventually(t, story.Patience, "a checkpoint", func() (ok bool) {
		var err error
		if store, err = js.KeyValue(t.Context(), "logferry-checkpoints"); err == nil {
			keys, _ = store.Keys(t.Context()) // none is an error
		}
		return len(keys) > 0
	})
	stopped.Kill()
	if _, err := store.Put(t.Context(), keys[0], []byte(`{"version":`)); err != nil {
		t.Fatal(err)
	}
	over := time.Now()
	refused := backfill()
	if err := refused.Wait(time.Minute); err == nil || !strings.Contains(refused.Output(), keys[0]) || !strings.Contains(refused.Output(), "--restart") {
		t.Errorf("a backfill with a bad checkpoint ended with %v; want an error that names %s and --restart\n%s", err, keys[0], refused.Output())
	}
	again := backfill("--restart")
	if err := again.Wait(story.Patience); err != nil {
		t.Errorf("the backfill ended with %v\n%s", err, again.Output())
	}
	passed(t, s, "a bad checkpoint", over, none)
	p.Stop()
}

// What must not run does not: it ends with status 1 and says why and what to
// do.
func TestChaosRefusedStarts(t *testing.T) {
	s := begin(t)
	p := s.Start("logferry", "run")
	f := func(what string, want ...string) {
		t.Helper()
		refused := s.Launch(nil, "logferry", "run")
		err := refused.Wait(time.Minute)
		if err == nil || err.Error() != "exit status 1" {
			t.Errorf("%s: ended with %v; want status 1", what, err)
		}
		for _, text := range want {
			if !strings.Contains(refused.Output(), text) {
				t.Errorf("%s: %q is not said:\n%s", what, text, refused.Output())
			}
		}
	}
	store := s.Config.Bus.Store
	f("the store of another process", "in use by another process", store)

	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Config.Bus.Store = filepath.Join(blocked, "bus")
	f("a store that cannot be written", "bus.store", blocked)

	bus := story.StartBus(t)
	js := story.Connect(t, bus.URL)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "OBJECTS", Subjects: []string{"logferry.objects.*"}, Metadata: map[string]string{"logferry-layout": "1"},
	}); err != nil {
		t.Fatal(err)
	}
	s.Config.Bus.URL = bus.URL
	f("a bus of another layout", "laid out by another version", `"1"`)

	// The one whose store it is noticed nothing.
	s.Config.Bus.Store, s.Config.Bus.URL = store, ""
	feed(s, 5)
	passed(t, s, "others refused on its store", time.Now(), none)
	p.Stop()
}
