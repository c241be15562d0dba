//go:build chaos

package chaos

import (
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/tests/story"
)

// outage is how long the destination is down: CHAOS_OUTAGE, a minute without.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("CHAOS_OUTAGE")
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CHAOS_OUTAGE: %v", err)
	}
	return d
}

// What a process may use while a destination is down. The memory is the default
// soft limit, and half of it for what the collector does not see. An object is
// assumed to grow 16-fold on the bus, in each of its streams.
const (
	outageMemory  = 300 << 20
	outageObjects = 1 << 20 // poller.in_flight_bytes
	outageBus     = 3 * 16 * outageObjects
)

// Invariants 2, 6 and 7: one destination is down under load. Memory and bus
// stay within their budgets, the queue holds the rest, another destination
// notices nothing, and in the end everything is delivered.
func TestChaosOutage(t *testing.T) {
	s := begin(t)
	s.Config.Poller.InFlightBytes = outageObjects
	send := second(t, s)
	down := map[string]*inject.Rule{}
	for _, to := range s.Config.Destinations[0].Tables {
		m := uploads()
		m.Resource = to.Rule + "/" + to.Stream
		down[m.Resource] = s.Cloud.Faults.Fail(m, inject.Fault{Status: 503, Code: "ServiceUnavailable"})
	}
	p := s.Start("logferry", "run")
	bus := story.Connect(t, s.EmbeddedBus())
	var memory int64
	var stored uint64
	var slowest time.Duration
	begun := time.Now()
	pace := time.NewTicker(time.Second)
	defer pace.Stop()
	for i := 0; time.Since(begun) < outage(t); i++ {
		<-pace.C
		for j := range 8 {
			s.Announce(i, s.Put(s.Object(3*(8*i+j)+j%2))) // trails and flows
		}
		sent := time.Now()
		send()
		story.Eventually(t, time.Minute, "the rows of the second destination", func() bool {
			return s.Cloud.Ingestion.Stats("AWSGuardDuty").Rows == s.Rows["AWSGuardDuty"]
		})
		slowest = max(slowest, time.Since(sent))
		memory, stored = max(memory, p.Memory()), max(stored, size(t, bus))
	}
	queue, err := s.Cloud.SQS.Depth(story.Queue)
	t.Logf("after %v: at most %d MiB of memory and %d MiB on the bus, on the queue %d messages wait and %d are in work, the second destination had its rows within %v; %v",
		outage(t), memory>>20, stored>>20, queue.Visible, queue.InFlight, slowest.Round(time.Millisecond), err)
	if memory > outageMemory || stored > outageBus {
		t.Errorf("%d MiB of memory, %d MiB on the bus; want at most %d and %d", memory>>20, stored>>20, outageMemory>>20, outageBus>>20)
	}
	if slowest > 15*time.Second {
		t.Errorf("the second destination waited %v for its rows while the first was down; want at most 15s", slowest)
	}
	if queue.Visible == 0 {
		t.Error("nothing waits on the queue while the destination is down: the load is too small, or the budget is not kept")
	}
	for resource, rule := range down {
		if rule.Hits() == 0 {
			t.Errorf("no call to %s has failed", resource)
		}
		rule.Stop()
	}
	passed(t, s, "a destination down under load", time.Now(), none)
	p.Stop()
}

// second gives the story a second destination, which takes all findings, and a
// connection whose bucket has nothing else. The first destination takes the
// rest. send announces an object of the second.
func second(t *testing.T, s *story.Story) (send func()) {
	t.Helper()
	const name, findings = "second", "AWSGuardDuty"
	first := s.Config.Destinations[0]
	other := first
	other.Name, other.Tables = name, map[string]connection.Rule{findings: first.Tables[findings]}
	delete(first.Tables, findings)
	s.Config.Destinations = append(s.Config.Destinations, other)
	url, err := s.Cloud.Feed("second-logs", name)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Cloud.Connection(name, url, name)
	c.RoleARN, c.ExternalID = story.RoleARN, story.ExternalID
	s.Config.Connections = append(s.Config.Connections, c)
	return func() {
		o := s.Logs.GuardDuty(20)
		announced, err := s.Cloud.S3.PutQuietly("second-logs", o.Key, o.Body)
		if err == nil {
			err = s.Cloud.SQS.Send(name, notification.S3(announced))
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Rows[o.Table] += int64(o.Records)
	}
}

// size returns how many bytes the streams of records and rows hold.
func size(t *testing.T, js jetstream.JetStream) (bytes uint64) {
	t.Helper()
	for _, name := range []string{"RAW", "ROWS-sentinel", "ROWS-second"} {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		bytes += stream.CachedInfo().State.Bytes
	}
	return bytes
}
