//go:build chaos

package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/ingestion"
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

// beat is the time between two blows.
const beat = 2 * time.Second

// The four services and the bus are killed again and again while objects
// arrive. Nothing is lost; without the ledger rows may come twice, and are
// counted.
func TestChaosOfProcesses(t *testing.T) {
	t.Parallel()
	s := story.New(t)
	s.Config.Poller.Visibility = 10 * time.Second // what a killed poller held comes back soon
	bus := story.StartBus(t)
	s.Config.Bus.URL = bus.URL
	cast := map[string]*story.Process{}
	for _, name := range story.Services() {
		cast[name] = s.Start(name)
	}
	s.Broken()
	blows := time.NewTicker(beat)
	defer blows.Stop()
	writers := 0 // that were killed
	for i := range 200 {
		if i%10 == 0 {
			<-blows.C
		}
		s.Announce(i, s.Put(s.Object(i)))
		if i%10 != 9 {
			continue
		}
		if i/10%4 == 3 {
			t.Logf("object %d: killing the bus", i)
			bus.Restart()
			continue
		}
		name := victim(t, cast)
		t.Logf("object %d: killing %s", i, name)
		if name == "logferry-writer" {
			writers++
		}
		cast[name].Kill()
		cast[name] = s.Launch(nil, name) // ready or not
	}
	over := time.Now()
	s.Arrived()
	matrix.Add(s.Result("processes and the bus killed, 20 times", writers, time.Since(over)))
	s.Settled(bus.URL)
	s.Buried(bus.URL)
	for _, p := range cast {
		p.Stop()
	}
}

// victim returns the name of one of the processes, all of which must live:
// none ends because others do.
func victim(t *testing.T, cast map[string]*story.Process) string {
	t.Helper()
	names := make([]string, 0, len(cast))
	for name, p := range cast {
		if p.Ended() {
			t.Fatalf("%s ended by itself: %v\n%s", name, p.Wait(time.Minute), p.Output())
		}
		names = append(names, name)
	}
	return names[rand.N(len(names))]
}

// Both clouds misbehave in every way there is, all at once, for a while; then
// everything is delivered.
func TestChaosOfClouds(t *testing.T) {
	t.Parallel()
	s := story.New(t)
	s.Config.Poller.Visibility = 10 * time.Second
	const span = 30 * time.Second
	over := time.Now().Add(span)
	faults := misbehave(s, span)
	s.Mixed()
	p := s.Start("logferry", "run")
	s.Arrived()
	lostAnswers := faults["reset after"].Hits()
	matrix.Add(s.Result("both clouds misbehave", int(lostAnswers), max(0, time.Since(over))))
	s.Settled(s.EmbeddedBus())
	s.Buried(s.EmbeddedBus())
	for what, rule := range faults {
		if rule.Hits() == 0 {
			t.Errorf("%s never happened", what)
		}
	}
	p.Stop()
}

// misbehave puts the faults in force: to a share of the calls for that long
// where there are many calls, so many times where there are few.
func misbehave(s *story.Story, span time.Duration) map[string]*inject.Rule {
	rate := func(share float64, f inject.Fault) inject.Fault {
		f.Rate, f.For = share, span
		return f
	}
	times := func(n int, f inject.Fault) inject.Fault {
		f.Times = n
		return f
	}
	upload := func(table string) inject.Match {
		to := s.Config.Destinations[0].Tables[table]
		return inject.Match{Service: inject.Ingestion, Operation: "Upload", Resource: to.Rule + "/" + to.Stream}
	}
	get := inject.Match{Service: inject.S3, Operation: "GetObject"}
	post := inject.Match{Service: inject.Ingestion}
	receive := inject.Match{Service: inject.SQS, Operation: "ReceiveMessage"}
	deletion := inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch"}
	entry := inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch/entry"}
	fail := s.Cloud.Faults.Fail
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
