package poller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/ledger/ledgertest"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// fakeSQS is a queue that hands out what it is given, once, and writes down
// what it is asked.
type fakeSQS struct {
	mu       sync.Mutex
	start    time.Time
	waiting  []types.Message
	receives []time.Duration // when
	changes  []change
	deletes  [][]string // receipts, by call

	// what goes wrong
	receiveErr  func(call int) error
	failChange  func(receipt string) string // error code, empty for none
	failDelete  func(receipt string) string
	changeTakes time.Duration
	answerTakes time.Duration
}

// change is a change of visibility, as it was asked for.
type change struct {
	at         time.Duration
	receipt    string
	visibility time.Duration
}

func newFakeSQS(messages ...types.Message) *fakeSQS {
	return &fakeSQS{start: time.Now(), waiting: messages}
}

func (f *fakeSQS) since() time.Duration { return time.Since(f.start) }

func (f *fakeSQS) send(messages ...types.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, messages...)
}

func (f *fakeSQS) take(n int) []types.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	n = min(n, len(f.waiting))
	got := f.waiting[:n:n]
	f.waiting = f.waiting[n:]
	return got
}

func (f *fakeSQS) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	f.mu.Lock()
	f.receives = append(f.receives, f.since())
	call, fail, takes := len(f.receives), f.receiveErr, f.answerTakes
	f.mu.Unlock()
	if fail != nil {
		if err := fail(call); err != nil {
			return nil, err
		}
	}
	if takes > 0 {
		if err := fault.Sleep(ctx, takes); err != nil {
			return nil, err
		}
		return &sqs.ReceiveMessageOutput{Messages: f.take(int(in.MaxNumberOfMessages))}, nil
	}
	for end := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second); ; {
		got := f.take(int(in.MaxNumberOfMessages))
		if len(got) > 0 || !time.Now().Before(end) {
			return &sqs.ReceiveMessageOutput{Messages: got}, nil
		}
		if err := fault.Sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (f *fakeSQS) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	if err := fault.Sleep(ctx, f.changeTakes); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := new(sqs.ChangeMessageVisibilityBatchOutput)
	for _, e := range in.Entries {
		f.changes = append(f.changes, change{f.since(), *e.ReceiptHandle, time.Duration(e.VisibilityTimeout) * time.Second})
		if code := ask(f.failChange, *e.ReceiptHandle); code != "" {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: &code})
			continue
		}
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

func (f *fakeSQS) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := new(sqs.DeleteMessageBatchOutput)
	var receipts []string
	for _, e := range in.Entries {
		receipts = append(receipts, *e.ReceiptHandle)
		if code := ask(f.failDelete, *e.ReceiptHandle); code != "" {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: &code})
			continue
		}
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	f.deletes = append(f.deletes, receipts)
	return out, nil
}

func ask(fail func(string) string, receipt string) string {
	if fail == nil {
		return ""
	}
	return fail(receipt)
}

// deleted returns the receipts of all deletes, sorted.
func (f *fakeSQS) deleted() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(slices.Values(slices.Concat(f.deletes...)))
}

func (f *fakeSQS) changed() []change {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.changes)
}

// announce is a message that announces an object.
func announce(id, receipt string) types.Message { return announceAll(id, receipt, id) }

// announceAll is a message that announces several objects.
func announceAll(id, receipt string, names ...string) types.Message {
	records := make([]string, len(names))
	for i, name := range names {
		records[i] = fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventName":"ObjectCreated:Put",
			"s3":{"bucket":{"name":"logs"},"object":{"key":"%s.gz","size":1,"eTag":"e"}}}`, name)
	}
	body := `{"Records":[` + strings.Join(records, ",") + `]}`
	return types.Message{MessageId: &id, ReceiptHandle: &receipt, Body: &body, Attributes: map[string]string{
		"ApproximateReceiveCount": "1", "SentTimestamp": fmt.Sprint(time.Now().Add(-time.Minute).UnixMilli())}}
}

func announceMany(n int) (messages []types.Message) {
	for i := range n {
		messages = append(messages, announce(fmt.Sprintf("m%03d", i), fmt.Sprintf("r%03d", i)))
	}
	return messages
}

func code(c string) error { return &smithy.GenericAPIError{Code: c} }

// outlets take what the poller makes, and are the rest of the pipeline: while
// open, an object is done, without parts, as soon as it is published.
type outlets struct {
	ledger ledgertest.Memory
	budget *budget

	mu      sync.Mutex
	objects []*logferryv1.Object
	letters []stage.DeadLetter
	open    bool
	err     error // what publishing ends with
}

func newBus(open bool) *outlets { return &outlets{open: open, budget: newBudget(1 << 40)} }

func (b *outlets) Publish(ctx context.Context, o *logferryv1.Object) (func(context.Context) error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, b.err
	}
	b.objects = append(b.objects, o)
	var err error
	if b.open {
		err = b.carried(ctx, o)
	}
	return func(context.Context) error { return err }, nil
}

func (b *outlets) carried(ctx context.Context, o *logferryv1.Object) error {
	_, err := b.ledger.Record(ctx, ledger.Fetched(o.GetConnection(), o.GetId(), new(logferryv1.Fetched)))
	return err
}

// finish carries what was published and what will be.
func (b *outlets) finish(t testing.TB) {
	t.Helper()
	b.mu.Lock()
	b.open = true
	b.mu.Unlock()
	b.finishOnly(t, "")
}

// finishOnly carries the objects whose key begins so.
func (b *outlets) finishOnly(t testing.TB, prefix string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.objects {
		if !strings.HasPrefix(o.GetKey(), prefix) {
			continue
		}
		if err := b.carried(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
}

func (b *outlets) Bury(_ context.Context, l stage.DeadLetter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letters = append(b.letters, l)
	return nil
}

func (b *outlets) keys() (keys []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.objects {
		keys = append(keys, o.GetBucket()+"/"+o.GetKey())
	}
	slices.Sort(keys)
	return keys
}

// rig is one queue at work.
type rig struct {
	bus     *outlets
	metrics *prometheus.Registry
	logs    *lockedBuffer
	stop    func() // ends the queue and returns once everything is settled
}

// start runs a queue of the client until the rig is stopped.
func start(t *testing.T, client api, config app.Poller, c connection.Connection, out *outlets, head headFunc) *rig {
	t.Helper()
	r := &rig{bus: out, metrics: prometheus.NewRegistry(), logs: new(lockedBuffer)}
	log := slog.New(slog.NewTextHandler(r.logs, nil))
	c.Name, c.Destination = "acme", "sentinel"
	env := &app.Env{Log: log, Stages: stage.NewMetrics(r.metrics), Config: app.Config{Grace: 10 * time.Second}}
	lookup := &objects{conn: c, region: "eu-west-1", head: head}
	m := newMetrics(r.metrics)
	r.run(t, makeQueue(c.QueueURL, c, config, client, lookup, log, m.of(c.Name)), env, m)
	return r
}

// run runs the queue, with a tracker that ends after it, until the rig is
// stopped.
func (r *rig) run(t testing.TB, q *queue, env *app.Env, m *metrics) {
	q.tracker = ledger.NewTracker(&r.bus.ledger, q.conn.Name, q.conn.Destination, env.Log, ledger.NewMetrics(r.metrics))
	q.publish = (&poller{metrics: m, objects: r.bus}).publish
	q.budget = r.bus.budget
	life, end := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(life)
	var running, tracking conc.WaitGroup
	tracking.Go(func() { q.tracker.Run(life) })
	running.Go(func() {
		if err := q.run(ctx, env, r.bus); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	r.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		end()
		tracking.Wait()
	})
	t.Cleanup(r.stop)
}

// value returns the sum of a metric over the labels that contain all of has.
func (r *rig) value(t *testing.T, name string, has ...string) (sum float64) {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "logferry_poller_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if labels := fmt.Sprint(m.GetLabel()); slices.ContainsFunc(has, func(h string) bool { return !strings.Contains(labels, h) }) {
				continue
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// settings are small and of round numbers.
func settings() app.Poller {
	return app.Poller{Receivers: 1, InFlight: 100, Wait: 20 * time.Second, Visibility: 2 * time.Minute}
}

func noHead(context.Context, string, *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	return nil, errors.New("no look-up is expected")
}
