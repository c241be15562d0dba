//go:build chaos || soak

package chaos

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/tests/story"
)

// matrix has what every fault has cost.
var matrix story.Matrix

func TestMain(m *testing.M) {
	status := story.Main(m, "failpoint")
	if err := matrix.Print(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// begin begins a story in which the messages that a dead poller held come back
// soon.
func begin(t *testing.T) *story.Story {
	t.Helper()
	t.Parallel()
	s := story.New(t)
	s.Config.Poller.Visibility = 10 * time.Second
	return s
}

// feed announces n good objects, and one of every kind that is broken.
func feed(s *story.Story, n int) {
	s.Broken()
	for i := range n {
		s.Announce(i, s.Put(s.Object(i)))
	}
}

// uploads matches the calls of the ingestion API.
func uploads() inject.Match { return inject.Match{Service: inject.Ingestion, Operation: "Upload"} }

// times limits a fault to n calls.
func times(n int, f inject.Fault) inject.Fault {
	f.Times = n
	return f
}

// rate limits a fault to a share of the calls for a while.
func rate(share float64, span time.Duration, f inject.Fault) inject.Fault {
	f.Rate, f.For = share, span
	return f
}

// writer is the service whose death may double rows.
const writer = "logferry-writer"

// none is the window of a fault that can double no row.
func none() int64 { return 0 }

// passed waits until everything has arrived, and holds the story against the
// promise: no row is lost, none comes twice but in the window, every dead
// letter is kept once with its bytes (invariant 3), and nothing is left on the
// queue, in the queue's own dead-letter queue, or on the bus, and an audit of
// the bucket finds nothing missing. over is when the fault ended; window is
// asked in the end.
func passed(t *testing.T, s *story.Story, fault string, over time.Time, window func() int64) {
	t.Helper()
	arrived(t, s, fault, over, window)
	s.Audited()
}

// arrived is passed without the audit, for when the ledger itself is lost: what
// was delivered before is unknown to it.
func arrived(t *testing.T, s *story.Story, fault string, over time.Time, window func() int64) {
	t.Helper()
	defer func() {
		r := s.Result(fault, window(), max(0, time.Since(over)))
		matrix.Add(r)
		t.Logf("%s: %d lost, %d doubled, at most %d may be", fault, r.Lost, r.Doubled, r.Window)
		if r.Lost != 0 || r.Doubled > r.Window {
			t.Errorf("%s: %d rows are lost, %d doubled; want none lost, at most %d doubled", fault, r.Lost, r.Doubled, r.Window)
		}
	}()
	s.Arrived()
	url := s.Config.Bus.URL
	if url == "" {
		url = s.EmbeddedBus()
	}
	s.Settled(url)
	s.Buried(url)
}

// cast is the four services, each in a process of its own, on a bus that is
// another.
type cast struct {
	t        *testing.T
	story    *story.Story
	bus      *story.Bus
	services map[string]*story.Process
	window   int64 // of the writers that died
}

// play starts the bus and then the services, each with what env gives it. They
// may not be ready.
func play(t *testing.T, s *story.Story, env map[string][]string) *cast {
	t.Helper()
	c := &cast{t: t, story: s, bus: story.StartBus(t), services: map[string]*story.Process{}}
	s.Config.Bus.URL = c.bus.URL
	for _, name := range story.Services() {
		c.services[name] = s.Launch(env[name], name)
	}
	return c
}

// kill kills a service, which must live until then: none ends because others
// do. Another takes its place.
func (c *cast) kill(name string) {
	c.t.Helper()
	if p := c.services[name]; p.Ended() {
		c.t.Fatalf("%s ended by itself: %v\n%s", name, p.Wait(time.Minute), p.Output())
	}
	c.services[name].Kill()
	c.replace(name)
}

// replace puts a service in the place of one that has died. When it is the
// writer, the window is what was taken and the ledger does not know of.
func (c *cast) replace(name string) {
	c.t.Helper()
	if name == writer {
		before := c.window
		c.window = c.story.Unentered(c.bus.URL)
		if grown, calls := c.window-before, c.story.Window(); grown > calls {
			c.t.Errorf("the death of a writer doubles %d rows; want at most those of its calls in flight, %d", grown, calls)
		}
	}
	c.services[name] = c.story.Launch(nil, name)
}

// deaths is the window of the writers that died.
func (c *cast) deaths() int64 { return c.window }

// stop ends all services and demands that they end well.
func (c *cast) stop() {
	c.t.Helper()
	for _, p := range c.services {
		p.Stop()
	}
}
