//go:build chaos

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
)

// beat is the time between two blows.
const beat = 2 * time.Second

// The four services and the bus are killed again and again while objects
// arrive. Nothing is lost; without the ledger rows may come twice, and are
// counted.
func TestChaosOfProcesses(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.config.Poller.Visibility = 10 * time.Second // what a killed poller held comes back soon
	bus := startBus(t)
	s.config.Bus.URL = bus.url
	cast := map[string]*process{}
	for _, name := range []string{"logferry-poller", "logferry-fetcher", "logferry-parser", "logferry-writer"} {
		cast[name] = s.start(name)
	}
	s.broken()
	blows := time.NewTicker(beat)
	defer blows.Stop()
	for i := range 200 {
		if i%10 == 0 {
			<-blows.C
		}
		s.announce(i, s.put(s.object(i)))
		if i%10 != 9 {
			continue
		}
		if i/10%4 == 3 {
			t.Logf("object %d: killing the bus", i)
			bus.restart()
			continue
		}
		name := victim(t, cast)
		t.Logf("object %d: killing %s", i, name)
		cast[name].kill()
		path, _ := s.configFile()
		cast[name] = start(t, s.env, name, "--config", path) // ready or not
	}
	s.arrived()
	s.settled(bus.url)
	s.buried(bus.url)
	for _, p := range cast {
		p.stop()
	}
}

// victim returns the name of one of the processes, all of which must live:
// none ends because others do.
func victim(t *testing.T, cast map[string]*process) string {
	t.Helper()
	names := make([]string, 0, len(cast))
	for name, p := range cast {
		select {
		case <-p.done:
			t.Fatalf("%s ended by itself: %v\n%s", name, p.err, p.output())
		default:
			names = append(names, name)
		}
	}
	return names[rand.N(len(names))]
}

// Both clouds misbehave in every way there is, all at once, for a while; then
// everything is delivered.
func TestChaosOfClouds(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.config.Poller.Visibility = 10 * time.Second
	faults := s.misbehave(30 * time.Second)
	s.mixed()
	p := s.start("logferry", "run")
	s.arrived()
	s.settled(s.embeddedBus())
	s.buried(s.embeddedBus())
	for what, rule := range faults {
		if rule.Hits() == 0 {
			t.Errorf("%s never happened", what)
		}
	}
	p.stop()
}

// misbehave puts the faults in force: to a share of the calls for that long
// where there are many calls, so many times where there are few.
func (s *story) misbehave(span time.Duration) map[string]*inject.Rule {
	rate := func(share float64, f inject.Fault) inject.Fault {
		f.Rate, f.For = share, span
		return f
	}
	times := func(n int, f inject.Fault) inject.Fault {
		f.Times = n
		return f
	}
	upload := func(table string) inject.Match {
		to := s.config.Destinations[0].Tables[table]
		return inject.Match{Service: inject.Ingestion, Operation: "Upload", Resource: to.Rule + "/" + to.Stream}
	}
	get := inject.Match{Service: inject.S3, Operation: "GetObject"}
	post := inject.Match{Service: inject.Ingestion}
	receive := inject.Match{Service: inject.SQS, Operation: "ReceiveMessage"}
	deletion := inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch"}
	entry := inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch/entry"}
	fail := s.cloud.Faults.Fail
	return map[string]*inject.Rule{
		"SQS throttling":         fail(receive, times(10, inject.Fault{Code: "ThrottlingException"})),
		"SQS handing out twice":  fail(receive, times(5, inject.Fault{Duplicate: true})),
		"failing deletes":        fail(deletion, times(5, inject.Fault{Status: 500, Code: "InternalError"})),
		"failing delete entries": fail(entry, rate(0.3, inject.Fault{Code: "InternalError"})),
		"S3 503 on HEAD":         fail(inject.Match{Service: inject.S3, Operation: "HeadObject"}, rate(0.8, inject.Fault{Status: 503, Code: "SlowDown"})),
		"S3 503":                 fail(get, rate(0.3, inject.Fault{Status: 503, Code: "SlowDown"})),
		"broken bodies":          fail(get, rate(0.3, inject.Fault{Truncate: 200})),
		"S3 resets":              fail(get, rate(0.1, inject.Fault{Reset: true})),
		"throttled calls":        fail(post, times(3, ingestion.Throttled(2*time.Second))),
		"unavailable endpoint":   fail(post, times(3, inject.Fault{Status: 503, Code: "ServiceUnavailable"})),
		"reset before":           fail(post, times(3, inject.Fault{Reset: true})),
		"reset after":            fail(post, times(3, inject.Fault{ResetAfter: true})),
		"missing role":           fail(upload("AWSVPCFlow"), times(2, ingestion.Forbidden())),
		"missing stream":         fail(upload("AWSCloudTrail"), times(2, ingestion.NoStream())),
		"no token":               fail(inject.Match{Service: inject.Entra}, times(4, inject.Fault{Status: 503, Code: "temporarily_unavailable"})),
	}
}

// arrived waits until every row has arrived and the queue is empty. Rows may
// have come twice: how many is logged.
func (s *story) arrived() {
	s.t.Helper()
	var missing string
	defer func() {
		if s.t.Failed() {
			s.t.Logf("missing: %s", missing)
		}
	}()
	eventually(s.t, patience, "every row and an empty queue", func() bool {
		var left []string
		for table, want := range s.rows {
			got := s.cloud.Ingestion.Stats(table)
			if n := want - (got.Rows - got.Duplicates); n != 0 {
				left = append(left, fmt.Sprintf("%s %d rows", table, n))
			}
		}
		waiting, dead, err := s.aws.Depth()
		missing = fmt.Sprintf("%s; on the queue %d, in its dead-letter queue %d, %v", strings.Join(left, ", "), waiting, dead, err)
		return err == nil && waiting == 0 && len(left) == 0
	})
	for table := range s.rows {
		got := s.cloud.Ingestion.Stats(table)
		s.t.Logf("%s: %d rows in %d calls, %d of them doubles", table, got.Rows, got.Calls, got.Duplicates)
		if got.ColumnsDropped != 0 || got.TimeReplaced != 0 {
			s.t.Errorf("%s: %+v; want nothing amiss", table, got)
		}
	}
	if _, dead, err := s.aws.Depth(); err != nil || dead != 0 {
		s.t.Errorf("%d messages in the queue's own dead-letter queue, %v; want none", dead, err)
	}
}

// settled waits until nothing on the bus waits or is in work.
func (s *story) settled(url string) {
	s.t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	durables := map[string]string{"fetcher": "OBJECTS", "parser": "RAW"}
	for _, f := range all.Formats() {
		durables["writer-sentinel-"+f.Table] = "ROWS"
	}
	for durable, stream := range durables {
		eventually(s.t, time.Minute, durable+" to settle everything", func() bool {
			c, err := js.Consumer(s.t.Context(), stream, durable)
			return err == nil && c.CachedInfo().NumPending == 0 && c.CachedInfo().NumAckPending == 0
		})
	}
}

// busProcess is a NATS server that can be killed and comes back with its
// data.
type busProcess struct {
	*process
	url  string
	args []string
}

func startBus(t *testing.T) *busProcess {
	t.Helper()
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	b := &busProcess{url: "nats://" + address, args: []string{"-js", "-sd", t.TempDir(), "-a", "127.0.0.1", "-p", port}}
	b.process = start(t, nil, "nats-server", b.args...)
	b.ready()
	return b
}

// restart kills the server and starts it again on the same data.
func (b *busProcess) restart() {
	b.t.Helper()
	b.kill()
	b.process = start(b.t, nil, "nats-server", b.args...)
	b.ready()
}

func (b *busProcess) ready() {
	b.t.Helper()
	eventually(b.t, 30*time.Second, "the NATS server", func() bool {
		conn, err := nats.Connect(b.url)
		if err != nil {
			return false
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err != nil {
			return false
		}
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
		defer cancel()
		_, err = js.AccountInfo(ctx)
		return err == nil
	})
}
