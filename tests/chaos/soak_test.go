//go:build soak

package chaos

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/tests/story"
)

const (
	// breath is after how many rows the feed waits for everything to arrive, so
	// that the bucket can be emptied: the stand-in keeps its objects in memory.
	breath = 1_000_000
	// catchUp is how long a soak waits for what is left: at a breath, and at the
	// end.
	catchUp = 5 * time.Minute
)

// setting reads a variable of the environment.
func setting[T any](t *testing.T, name, without string, parse func(string) (T, error)) T {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		text = without
	}
	v, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// Every invariant, for as long as one likes: services and the bus are killed,
// and both clouds fail, at moments that the seed decides, while objects arrive
// at a steady rate. The same seed and duration make the same objects and the
// same blows at the same times.
func TestSoak(t *testing.T) {
	duration := setting(t, "SOAK_DURATION", "2m", time.ParseDuration)
	seed := setting(t, "SOAK_SEED", strconv.FormatUint(rand.Uint64N(1_000_000), 10), func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	rate := setting(t, "SOAK_RATE", "3000", strconv.Atoi)
	kind := setting(t, "SOAK_BUS", "single", func(s string) (string, error) { return s, nil })
	t.Logf("soak: SEED=%d DURATION=%v RATE=%d BUS=%s", seed, duration, rate, kind)

	k := newSoak(t, seed, kind)
	k.run(duration, rate)
	passed(t, k.story, "soak of "+duration.String()+", seed "+strconv.FormatUint(seed, 10), time.Now(), func() int64 { return k.window })
	total := k.story.Cloud.Ingestion.Total()
	t.Logf("soak: %d rows in %d objects, %d blows, %d rows doubled, at most %d may be; to see it again: make soak DURATION=%v SEED=%d RATE=%d BUS=%s",
		total.Rows-total.Duplicates, k.objects, k.blows, total.Duplicates, k.window, duration, seed, rate, kind)
	for _, p := range k.services {
		p.Stop()
	}
}

// soak is a run.
type soak struct {
	t        *testing.T
	story    *story.Story
	random   *rand.Rand
	single   *story.Bus     // or
	cluster  *story.Cluster // of three
	services map[string]*story.Process
	begun    time.Time

	objects, blows int
	window         int64
	lastPoller     time.Time
	stored         []string       // keys in the bucket
	unanswered     []*inject.Rule // calls whose answers are lost
	cut            int            // a node, -1: none
	healAt         time.Time
}

func newSoak(t *testing.T, seed uint64, kind string) *soak {
	t.Helper()
	s := begin(t)
	k := &soak{t: t, story: s, random: rand.New(rand.NewPCG(seed, 0)), services: map[string]*story.Process{}, cut: -1}
	switch kind {
	case "single":
		k.single = story.StartBus(t)
		s.Config.Bus.URL = k.single.URL
	case "cluster":
		k.cluster = story.StartCluster(t)
		s.Config.Bus.URL, s.Config.Bus.Replicas = k.cluster.URL, story.Nodes
	default:
		t.Fatalf("SOAK_BUS is %q; want single or cluster", kind)
	}
	for _, name := range story.Services() {
		k.services[name] = s.Start(name)
	}
	s.Broken()
	return k
}

// run feeds objects and strikes blows until duration has passed.
func (k *soak) run(duration time.Duration, rate int) {
	k.t.Helper()
	k.begun = time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var fed, held int64 // rows announced; rows until the next breath
	next := k.pause()
	// A breath stops the clock: blows and rows come as if it had not been.
	for clock := time.Duration(0); clock < duration; clock = time.Since(k.begun) {
		<-tick.C
		for fed < int64(clock.Seconds()*float64(rate)) {
			rows := k.feed()
			fed, held = fed+rows, held+rows
		}
		if k.cut >= 0 && time.Now().After(k.healAt) {
			k.heal()
		}
		if clock > next {
			k.strike(clock)
			next += k.pause()
		}
		if held > breath {
			held = 0
			k.breathe()
		}
	}
	k.heal()
	k.story.Cloud.Faults.Clear()
	for _, rule := range k.unanswered {
		k.window += int64(rule.Hits()) * k.largest()
	}
}

// pause is the time from one blow to the next.
func (k *soak) pause() time.Duration {
	return 2*time.Second + time.Duration(k.random.Int64N(int64(4*time.Second)))
}

// feed announces an object and returns how many rows it has: mostly flows,
// which are cheap.
func (k *soak) feed() int64 {
	k.t.Helper()
	s := k.story
	o := s.Logs.VPCFlow(500 + k.objects*31%2500)
	switch k.objects % 10 {
	case 3, 6:
		o = s.Logs.CloudTrail(1 + k.objects*7%400)
	case 9:
		o = s.Logs.GuardDuty(1 + k.objects%9)
	}
	s.Announce(k.objects, s.Put(o))
	k.objects++
	k.stored = append(k.stored, o.Key)
	return int64(o.Records)
}

// breathe waits until everything has arrived, and empties the bucket.
func (k *soak) breathe() {
	k.t.Helper()
	began := time.Now()
	k.heal()
	story.Eventually(k.t, catchUp, "every row so far and an empty queue", func() bool {
		for _, c := range k.story.Counts() {
			if c.Lost != 0 {
				return false
			}
		}
		waiting, _, err := k.story.AWS.Depth()
		return err == nil && waiting == 0
	})
	for _, key := range k.stored {
		if err := k.story.Cloud.S3.Delete(story.Bucket, key); err != nil {
			k.t.Fatal(err)
		}
	}
	k.stored = nil
	k.t.Logf("soak: %d objects, every row has arrived after %v", k.objects, time.Since(began).Round(time.Millisecond))
	k.begun = k.begun.Add(time.Since(began))
}

// largest bounds the rows of one call.
func (k *soak) largest() int64 { return k.story.Window() / int64(k.story.Config.Writer.Calls) }

// strike strikes one blow.
func (k *soak) strike(clock time.Duration) {
	k.t.Helper()
	k.blows++
	span := time.Second + time.Duration(k.random.Int64N(int64(5*time.Second)))
	which := k.random.IntN(12)
	tell := func(what string) { k.t.Logf("soak: %8v %s", clock.Round(time.Millisecond), what) }
	fail := func(what string, m inject.Match, f inject.Fault) *inject.Rule {
		tell(what)
		return k.story.Cloud.Faults.Fail(m, f)
	}
	queue := func(operation string) inject.Match { return inject.Match{Service: inject.SQS, Operation: operation} }
	switch which {
	case 0, 1, 2, 3:
		tell("kill " + story.Services()[which])
		k.kill(story.Services()[which])
	case 4, 5:
		tell("the bus: " + k.strikeBus(span))
	case 6:
		fail("ingestion throttles", uploads(), times(5, ingestion.Throttled(span/2)))
	case 7:
		fail("ingestion answers 503 for "+span.String(), uploads(), rate(0.7, span, inject.Fault{Status: 503, Code: "ServiceUnavailable"}))
	case 8:
		k.unanswered = append(k.unanswered, fail("ingestion closes after it accepted", uploads(), times(2, inject.Fault{ResetAfter: true})))
	case 9:
		fail("ingestion is slow for "+span.String(), uploads(), inject.Fault{Delay: time.Second, For: span})
	case 10:
		fail("SQS hands out twice", queue("ReceiveMessage"), times(1, inject.Fault{Duplicate: true}))
		fail("SQS deletes nothing for "+span.String(), queue("DeleteMessageBatch"), inject.Fault{Status: 500, Code: "InternalError", For: span})
	case 11:
		fail("S3 answers 503, and breaks off, for "+span.String(), inject.Match{Service: inject.S3, Operation: "GetObject"}, rate(0.3, span, inject.Fault{Status: 503, Code: "SlowDown"}))
		k.story.Cloud.Faults.Fail(inject.Match{Service: inject.S3, Operation: "GetObject"}, rate(0.2, span, inject.Fault{Truncate: 500}))
	}
}

// kill kills a service, which must live until then, and starts another.
func (k *soak) kill(name string) {
	k.t.Helper()
	if p := k.services[name]; p.Ended() {
		k.t.Fatalf("%s ended by itself: %v\n%s", name, p.Wait(time.Minute), p.Output())
	}
	if name == story.Services()[0] {
		// SQS gives a message up that five pollers in a row have died with.
		if time.Since(k.lastPoller) < 10*time.Second {
			return
		}
		k.lastPoller = time.Now()
	}
	k.services[name].Kill()
	if name == writer {
		k.window = k.story.Unentered(k.story.Config.Bus.URL)
		for _, rule := range k.unanswered { // what they have cost is in it
			rule.Stop()
		}
		k.unanswered = nil
	}
	k.services[name] = k.story.Launch(nil, name)
}

// strikeBus kills the bus, or of a cluster the leader of a stream; or it cuts
// that off for span. It says what it did.
func (k *soak) strikeBus(span time.Duration) string {
	k.t.Helper()
	stream := []string{"OBJECTS", "RAW", "ROWS", "LEDGER"}[k.random.IntN(4)]
	cut := k.random.IntN(2) == 0
	switch {
	case k.single != nil:
		k.single.Restart()
		return "killed"
	case k.cut >= 0:
		return "a node is cut off already"
	case cut:
		k.cut, k.healAt = k.cluster.Leader(stream), time.Now().Add(span)
		k.cluster.Cut(k.cut)
		return "the leader of " + stream + " cut off for " + span.String()
	}
	k.cluster.Start(k.cluster.KillLeader(stream))
	return "the leader of " + stream + " killed"
}

// heal heals what was cut off.
func (k *soak) heal() {
	k.t.Helper()
	if k.cut >= 0 {
		k.cluster.Heal(k.cut)
		k.cluster.Ready()
		k.cut = -1
	}
}
