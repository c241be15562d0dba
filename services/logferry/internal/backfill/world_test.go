package backfill

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
	"github.com/logferry/logferry/services/logferry/internal/bucket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bucketName = "org-logs"

// world is a bucket, a bus, and somebody who carries what is on it.
type world struct {
	t     *testing.T
	cloud *localcloud.Cloud
	bus   *bus.Bus
	conn  connection.Connection

	mu      sync.Mutex
	carried []string // keys, in the order in which they came
	flying  int      // of objects whose carrier is at work
	most    int      // the most at a time
	// hold is called before the object with this number is settled.
	hold func()
	at   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cloud := cloudtest.Start(t, localcloud.Options{})
	if err := cloud.S3.CreateBucket(bucketName); err != nil {
		t.Fatal(err)
	}
	config := bus.DefaultConfig()
	config.Store = t.TempDir()
	b := bustest.Open(t, config, bus.Topology{Destinations: map[string][]string{"sentinel": {"AWSCloudTrail"}}})
	w := &world{t: t, cloud: cloud, bus: b, conn: cloud.Connection("org-trail", "http://localhost/1/feed", "sentinel")}
	w.work()
	return w
}

// put stores an object for each key.
func (w *world) put(keys ...string) {
	w.t.Helper()
	for _, key := range keys {
		if _, err := w.cloud.S3.PutQuietly(bucketName, key, []byte(key)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// work settles every object on the bus until the end of the test: one part of
// ten rows, of which one is dead when the key says so.
func (w *world) work() {
	w.t.Helper()
	source, err := w.bus.Objects(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var workers conc.WaitGroup
	workers.Go(func() {
		for {
			d, err := source.Next(ctx)
			if err != nil {
				return
			}
			o, err := d.Value()
			if err != nil {
				w.t.Error(err)
				return
			}
			workers.Go(func() {
				w.settle(ctx, o)
				if err := d.Ack(context.Background()); err != nil {
					w.t.Error(err)
				}
			})
		}
	})
	w.t.Cleanup(func() { cancel(); workers.Wait() })
}

func (w *world) settle(ctx context.Context, o *logferryv1.Object) {
	w.mu.Lock()
	w.carried = append(w.carried, o.GetKey())
	n := len(w.carried)
	w.flying++
	w.most = max(w.most, w.flying)
	hold, at := w.hold, w.at
	w.mu.Unlock()
	if o.GetNotified() != nil || o.GetEtag() == "" || o.GetSize() == 0 || o.GetEventTime() == nil {
		w.t.Errorf("published %v; want it as it lies in the bucket, and not notified", o)
	}
	if n == at {
		hold()
	}
	part := &logferryv1.PartSettled{Delivered: 10}
	if strings.Contains(o.GetKey(), "dead") {
		part = &logferryv1.PartSettled{Delivered: 9, Dead: 1}
	}
	w.mu.Lock()
	w.flying--
	w.mu.Unlock()
	for _, e := range []*logferryv1.LedgerEvent{
		ledger.Fetched(o.GetConnection(), o.GetId(), &logferryv1.Fetched{Parts: 1, Records: 10}),
		ledger.Part(o.GetConnection(), o.GetId(), part),
	} {
		if _, err := w.bus.Ledger().Record(ctx, e); err != nil && ctx.Err() == nil {
			w.t.Error(err)
		}
	}
}

// holdAt has f called before the n-th object is settled; 0: none.
func (w *world) holdAt(n int, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.hold = n, f
}

// peak returns how many objects were in work at a time since it was asked last.
func (w *world) peak() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := w.most
	w.most = 0
	return most
}

// keys returns what was carried, in order of the keys, and forgets it.
func (w *world) keys() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := w.carried
	w.carried = nil
	slices.Sort(keys)
	return keys
}

// options are those of the whole bucket, with what is printed.
func (w *world) options(from string) (o Options, out, notes *bytes.Buffer) {
	w.t.Helper()
	day, err := time.Parse(time.DateOnly, from)
	if err != nil {
		w.t.Fatal(err)
	}
	out, notes = new(bytes.Buffer), new(bytes.Buffer)
	return Options{
		Connection: w.conn, Bucket: bucketName, Span: bucket.Span{From: day},
		InFlight: 8, Bytes: 1 << 20, Out: out, Notes: notes,
	}, out, notes
}

// run runs a backfill that is told to go on for as long as ctx does.
func (w *world) run(ctx context.Context, o Options) (Tally, error) {
	return Run(ctx, &app.Env{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Bus: w.bus}, o)
}

// day makes keys of a day.
func day(date string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("AWSLogs/123456789012/CloudTrail/eu-west-1/%s/%04d.json.gz", date, i)
	}
	return keys
}
