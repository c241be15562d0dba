package poller

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/sts"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const testRole = "arn:aws:iam::123456789012:role/logferry"

// startCloud starts the stand-in with a bucket, its queue and a role.
func startCloud(t testing.TB) (cloud *localcloud.Cloud, c connection.Connection) {
	t.Helper()
	cloud = cloudtest.Start(t, localcloud.Options{
		Roles: []sts.Role{{ARN: testRole, ExternalID: "ext-1"}}, RequireCredentials: true,
	})
	url, err := cloud.Feed("logs", "feed")
	if err != nil {
		t.Fatal(err)
	}
	c = cloud.Connection("acme", url, "sentinel")
	c.RoleARN, c.ExternalID, c.Buckets = testRole, "ext-1", []string{"logs"}
	return cloud, c
}

// poll runs the connection's queue with the real SDK until the test ends.
func poll(t testing.TB, c connection.Connection) *rig {
	t.Helper()
	r := &rig{bus: newBus(true), metrics: prometheus.NewRegistry(), logs: new(lockedBuffer)}
	env := &app.Env{Log: slog.New(slog.NewTextHandler(r.logs, nil)), Stages: stage.NewMetrics(r.metrics)}
	env.Config = app.Config{Grace: 5 * time.Second, Poller: app.Poller{
		Receivers: 3, InFlight: 64, Wait: 2 * time.Second, Visibility: 5 * time.Second,
	}}
	creds, m := awscred.New(env.Log), newMetrics(r.metrics)
	cfg, err := creds.Config(t.Context(), c, connection.QueueRegion(c.QueueURL))
	if err != nil {
		t.Fatal(err)
	}
	client, lookup := awscred.Queue(cfg, c.QueueURL), newObjects(creds, c, cfg.Region)
	r.run(t, makeQueue(c.QueueURL, c, env.Config.Poller, client, lookup, env.Log, m.of(c.Name)), env, m)
	return r
}

// The service itself, with a bus: what is announced arrives as an object, and
// is deleted from the queue when the ledger has it as done.
func TestService(t *testing.T) {
	cloud, c := startCloud(t)
	log := slog.New(slog.DiscardHandler)
	config := app.DefaultConfig()
	config.Connections, config.Grace = []connection.Connection{c}, 5*time.Second
	config.Destinations = []connection.Destination{{Name: "sentinel"}}
	config.Bus.Store = t.TempDir()
	b, err := bus.Open(t.Context(), config.Bus, log)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(context.Background())
	if err := b.Bootstrap(t.Context(), bus.Topology{Destinations: map[string][]string{"sentinel": {"AWSCloudTrail"}}}); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	env := &app.Env{Config: config, Log: log, Metrics: registry, Stages: stage.NewMetrics(registry), Bus: b}
	run, err := Service().New(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var running conc.WaitGroup
	running.Go(func() {
		if err := run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	defer running.Wait()
	defer cancel()
	if err := cloud.S3.Put("logs", "a b.gz", []byte("a")); err != nil {
		t.Fatal(err)
	}
	source, err := b.Objects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d, err := source.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	o, err := d.Value()
	if err != nil || o.GetKey() != "a b.gz" || o.GetConnection() != "acme" || o.GetNotified() == nil {
		t.Errorf("got object %v, error %v", o, err)
	}
	if err := d.Ack(ctx); err != nil {
		t.Error(err)
	}
	left := func() int { // of the message and the test event before it
		depth, err := cloud.SQS.Depth("feed")
		if err != nil {
			t.Fatal(err)
		}
		return depth.Visible + depth.InFlight + depth.Delayed
	}
	until(t, &rig{logs: new(lockedBuffer)}, "one message is left, whose object is not done", func() bool { return left() <= 1 })
	if left() != 1 {
		t.Error("the message is deleted before its object is done")
	}
	if _, err := b.Ledger().Record(ctx, ledger.Fetched("acme", o.GetId(), new(logferryv1.Fetched))); err != nil {
		t.Fatal(err)
	}
	drained(t, cloud, &rig{logs: new(lockedBuffer)})
}

// BenchmarkPoller carries 1,000 messages a turn through the real SDK and the
// stand-in.
func BenchmarkPoller(b *testing.B) {
	cloud, c := startCloud(b)
	r := poll(b, c)
	drained(b, cloud, r)
	const batch = 1000
	for turn := 0; b.Loop(); turn++ {
		for i := range batch {
			o := notification.Object{Bucket: "logs", Key: fmt.Sprintf("AWSLogs/%d/%d.gz", turn, i), ETag: "e", Size: 1}
			send(b, cloud, notification.S3(o))
		}
		drained(b, cloud, r)
	}
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "messages/s")
}

// drained waits until the queue holds nothing.
func drained(t testing.TB, cloud *localcloud.Cloud, r *rig) {
	t.Helper()
	until(t, r, "the queue is empty", func() bool {
		depth, err := cloud.SQS.Depth("feed")
		if err != nil {
			t.Fatal(err)
		}
		return depth.Visible+depth.InFlight+depth.Delayed == 0
	})
}

func until(t testing.TB, r *rig, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for !ok() {
		if fault.Sleep(ctx, 10*time.Millisecond) != nil {
			t.Fatalf("after a minute it is not so that %s; logs:\n%s", what, r.logs)
		}
	}
}

// Everything at once: every shape, duplicates, throttling, failing deletes.
func TestEveryShapeThroughTheCloud(t *testing.T) {
	cloud, c := startCloud(t)
	cloud.Faults.Fail(inject.Match{Service: inject.SQS, Operation: "ReceiveMessage"}, inject.Fault{Times: 12, Code: "RequestThrottled"})
	cloud.Faults.Fail(inject.Match{Service: inject.SQS, Operation: "ReceiveMessage"}, inject.Fault{Times: 3, Duplicate: true})
	cloud.Faults.Fail(inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch/entry"},
		inject.Fault{Rate: 0.2, Status: 500, Code: "InternalError"})

	const many = 40
	for i := range many {
		if err := announceEveryWay(cloud, fmt.Sprintf("AWSLogs/1/a+b c%%20/%03d.gz", i)); err != nil {
			t.Fatal(err)
		}
	}
	send(t, cloud, notification.Test("logs", time.Now()), notification.Subscription(notification.Object{}))
	send(t, cloud, notification.Garbage()...)
	forged := notification.Object{Bucket: "other", Key: "secret.gz", ETag: "e"}
	allowed := notification.Object{Bucket: "logs", Key: "beside.gz", ETag: "e"}
	send(t, cloud, notification.S3(forged, allowed))

	r := poll(t, c)
	drained(t, cloud, r)
	r.stop()

	ids := map[string]string{}
	for _, o := range r.bus.objects {
		if key := ids[o.GetId()]; key != "" && key != o.GetKey() || o.GetBucket() != "logs" || o.GetEtag() == "" {
			t.Errorf("got object %v", o)
		}
		ids[o.GetId()] = o.GetKey()
	}
	// However an object is announced, it is one object, and published once.
	if len(ids) != many+1 || len(r.bus.objects) != many+1 {
		t.Errorf("got %d objects, published %d times; want %d", len(ids), len(r.bus.objects), many+1)
	}
	reasons := map[fault.Reason]int{}
	letters := map[string]bool{}
	for _, l := range r.bus.letters {
		if !letters[l.ID] {
			letters[l.ID] = true
			reasons[l.Reason]++
		}
		if l.Connection != "acme" || l.ContentType != "application/json" || len(l.Body) == 0 || l.Part != -1 {
			t.Errorf("got letter %+v", l)
		}
	}
	if reasons[fault.UnknownNotification] != len(notification.Garbage()) || reasons[fault.BucketNotAllowed] != 1 || len(reasons) != 2 {
		t.Errorf("got dead letters %v; want %d unknown, 1 not allowed", reasons, len(notification.Garbage()))
	}
	if depth, err := cloud.SQS.Depth("feed-dead"); err != nil || depth.Visible != 0 {
		t.Errorf("got %d messages in the queue's own dead-letter queue, error %v; want none", depth.Visible, err)
	}
	for _, name := range []string{"throttled_total", "deletes_failed_total", "objects_total", "queue_lag_seconds"} {
		if r.value(t, name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	if got := r.value(t, "ignored_total", "test_event"); got < 2 {
		t.Errorf("got %v test events ignored; want 2", got)
	}
}

// announceEveryWay stores an object and announces it in every shape.
func announceEveryWay(cloud *localcloud.Cloud, key string) error {
	o, err := cloud.S3.PutQuietly("logs", key, []byte(key))
	if err != nil {
		return err
	}
	for _, body := range []string{
		notification.S3(o),
		notification.SNS(o, notification.S3(o)),
		notification.EventBridge(o),
		notification.CloudTrail(o.Bucket, o.Key),
		notification.SNS(o, notification.CloudTrail(o.Bucket, o.Key)),
		notification.Config(o),
		notification.Removed(o),
	} {
		if err := cloud.SQS.Send("feed", body); err != nil {
			return err
		}
	}
	return nil
}

func send(t testing.TB, cloud *localcloud.Cloud, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := cloud.SQS.Send("feed", body); err != nil {
			t.Fatal(err)
		}
	}
}

// A versioned bucket: the notice that names a key only gets the version.
func TestVersionedBucket(t *testing.T) {
	cloud, c := startCloud(t)
	if err := cloud.S3.Version("logs"); err != nil {
		t.Fatal(err)
	}
	o, err := cloud.S3.PutQuietly("logs", "a.gz", []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	send(t, cloud, notification.S3(o), notification.CloudTrail("logs", "a.gz"), notification.CloudTrail("logs", "missing.gz"))
	r := poll(t, c)
	drained(t, cloud, r)
	r.stop()
	if got := r.bus.keys(); !slices.Equal(got, []string{"logs/a.gz", "logs/missing.gz"}) {
		t.Fatalf("got objects %v", got)
	}
	for _, got := range r.bus.objects {
		if got.GetKey() == "a.gz" && (got.GetVersionId() != o.Version || o.Version == "") {
			t.Errorf("got version %q; want %q", got.GetVersionId(), o.Version)
		}
	}
}

// A queue that is not there, a role that is refused: said aloud, tried again.
func TestRefusalsAreSaidAndTriedAgain(t *testing.T) {
	f := func(change func(*connection.Connection), outcome, line string) {
		t.Helper()
		_, c := startCloud(t)
		change(&c)
		r := poll(t, c)
		until(t, r, "the refusal is counted", func() bool { return r.value(t, "receives_total", outcome) >= 2 })
		if logs := r.logs.String(); !strings.Contains(logs, line) || strings.Contains(logs, "not-the-id") {
			t.Errorf("got logs %s; want %q and no external ID", logs, line)
		}
	}
	f(func(c *connection.Connection) { c.QueueURL += "-gone" }, missing, "the queue does not exist")
	f(func(c *connection.Connection) { c.ExternalID = "not-the-id" }, denied, "check that the role exists")
	f(func(c *connection.Connection) { c.ExternalID = "not-the-id" }, denied, "the role of the connection cannot be assumed")
	f(func(*connection.Connection) {
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
			t.Setenv(name, "")
		}
	}, denied, "the process has no AWS credentials")
}

func TestSettingsAreChecked(t *testing.T) {
	f := func(c app.Poller, want string) {
		t.Helper()
		err := check(c)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v; want %q", c, err, want)
		}
	}
	f(app.DefaultConfig().Poller, "")
	f(app.Poller{Receivers: 1, InFlight: 1, Visibility: time.Second}, "")
	f(app.Poller{InFlight: 1, Visibility: time.Minute}, "poller.receivers")
	f(app.Poller{Receivers: 1, Visibility: time.Minute}, "poller.in_flight")
	f(app.Poller{Receivers: 1, InFlight: 1, Visibility: time.Minute, Wait: time.Minute}, "poller.wait")
	f(app.Poller{Receivers: 1, InFlight: 1}, "poller.visibility")
}
