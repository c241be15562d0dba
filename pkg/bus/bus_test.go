package bus

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc/pool"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var topology = Topology{Destinations: map[string][]string{"sentinel": {"AWSCloudTrail", "AWSVPCFlow"}}}

// open returns an embedded bus on a store of its own, closed with the test.
func open(t testing.TB, change ...func(*Config)) *Bus {
	t.Helper()
	config := DefaultConfig()
	config.Store = t.TempDir()
	for _, f := range change {
		f(&config)
	}
	b, err := Open(t.Context(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := b.Bootstrap(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	return b
}

func publish[T any](t *testing.T, p stage.Publisher[T], v T) {
	t.Helper()
	wait, err := p.Publish(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	if err := wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func next[T any](t *testing.T, s stage.Source[T]) stage.Delivery[T] {
	t.Helper()
	d, err := s.Next(t.Context())
	if err != nil {
		t.Fatalf("no delivery: %v", err)
	}
	return d
}

func rawBatch(part int, records ...string) *batch.Batch {
	var raw batch.Raw
	for i, r := range records {
		raw.Append([]byte(r), int64(i*100))
	}
	return &batch.Batch{Record: raw.Take(), Meta: batch.Meta{
		Connection: "org-trail", Destination: "sentinel", Format: "cloudtrail", Table: "AWSCloudTrail",
		Object: "obj", Part: part, Bucket: "logs", Key: "AWSLogs/1/a b+ü%2F.gz", Version: "v/1",
		Layout: "version account-id ü", Notified: time.UnixMilli(1_700_000_000_123).UTC(),
	}}
}

func TestObjectTravels(t *testing.T) {
	b := open(t)
	want := &logferryv1.Object{Id: "o1", Connection: "org-trail", Bucket: "logs", Key: "k", Size: 12}
	publish(t, b.PublishObjects(), want)
	s, err := b.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := next(t, s)
	got, err := d.Value()
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if err := d.Ack(t.Context()); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(10 * time.Second); ; {
		left, err := b.Backlog(t.Context())
		if err == nil && left.Messages == 0 {
			break
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("backlog after the ack = %+v, %v; want none", left, err)
		}
	}
}

// The letter of an object is the same whatever the attempt: the rest of it is
// carried once.
func TestLetterOfAnObject(t *testing.T) {
	b := open(t)
	o := &logferryv1.Object{Id: "o1", Connection: "org-trail", Bucket: "logs", Key: "k", Size: 12}
	p := b.PublishObjects()
	publish(t, p, o)
	again := proto.CloneOf(o)
	again.Attempt = 7
	publish(t, p, again)
	s, err := b.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := func(d stage.Delivery[*logferryv1.Object]) {
		t.Helper()
		l := d.Letter()
		got := new(logferryv1.Object)
		if err := proto.Unmarshal(l.Body, got); err != nil || !proto.Equal(got, o) || l.ID != "o1" || l.BodySize != int64(len(l.Body)) {
			t.Errorf("letter %s of %v, %d bytes, %v; want o1 of %v", l.ID, got, l.BodySize, err, o)
		}
		if err := d.Ack(t.Context()); err != nil {
			t.Error(err)
		}
	}
	f(next(t, s))
	f(next(t, s))
}

func TestBatchTravelsWithItsMeta(t *testing.T) {
	for _, compression := range []string{"snappy", "none"} {
		t.Run(compression, func(t *testing.T) {
			testBatchTravels(t, open(t, func(c *Config) { c.Compression = compression }))
		})
	}
}

func testBatchTravels(t *testing.T, b *Bus) {
	t.Helper()
	sent := rawBatch(3, "one", "two")
	want := sent.Meta
	publish(t, b.PublishRaw(), sent)
	s, err := b.Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := next(t, s)
	got, err := d.Value()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	if got.Meta != want {
		t.Errorf("meta = %+v; want %+v", got.Meta, want)
	}
	records, offsets, err := batch.Records(got.Record)
	if err != nil || records.Len() != 2 || string(records.Value(1)) != "two" || offsets.Value(1) != 100 {
		t.Errorf("records = %v, %v, %v", records, offsets, err)
	}
	l := d.Letter()
	plain, err := plainBody(d.(*delivery[*batch.Batch]).msg)
	if err != nil {
		t.Fatal(err)
	}
	if l.Key != want.Key || l.Part != 3 || l.Records != 2 || l.BodySize != int64(len(plain)) {
		t.Errorf("letter = %+v", l)
	}
	if again, err := batch.Decode(plain, memory.DefaultAllocator); err != nil || again.NumRows() != 2 {
		t.Errorf("the letter's body is no batch: %v", err)
	}
	if err := d.Ack(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDoubleHasOneEffect(t *testing.T) {
	b := open(t)
	p := b.PublishRaw()
	publish(t, p, rawBatch(0, "one"))
	publish(t, p, rawBatch(0, "one"))
	again := rawBatch(0, "one")
	again.Meta.Attempt = 1
	publish(t, p, again)
	s, err := b.js.Stream(t.Context(), streamRaw)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 2 {
		t.Errorf("%d messages stored; want the part once for each attempt: 2", n)
	}
}

func TestRetryComesAgainAndRejectDoesNot(t *testing.T) {
	b := open(t)
	publish(t, b.PublishRaw(), rawBatch(0, "one"))
	s, err := b.Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := next(t, s)
	if err := d.Retry(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	d = next(t, s)
	if d.Attempt() != 2 {
		t.Errorf("attempt = %d; want 2", d.Attempt())
	}
	if err := d.Reject(t.Context(), fault.Permanent(fault.BadRecord, errors.New("no"))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an empty backlog", func() bool {
		left, err := b.Backlog(t.Context())
		return err == nil && left.Messages == 0
	})
}

func TestWhatNobodyTookIsGivenBack(t *testing.T) {
	b := open(t)
	p := b.PublishRaw()
	for part := range 5 {
		publish(t, p, rawBatch(part, "one"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := b.Raw(ctx)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := s.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel() // four are fetched ahead, or on their way
	other, err := b.Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // far sooner than a lease runs out
		d := next(t, other)
		if err := d.Ack(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := taken.Ack(t.Context()); err != nil {
		t.Errorf("what was taken before the end can still be settled: %v", err)
	}
}

func TestWriterDurablesAreApart(t *testing.T) {
	b := open(t)
	flow := rawBatch(0, "one")
	flow.Meta.Table = "AWSVPCFlow"
	p := b.PublishRows()
	publish(t, p, flow)
	publish(t, p, rawBatch(1, "one"))
	for _, table := range topology.Destinations["sentinel"] {
		s, err := b.Rows(t.Context(), "sentinel", table)
		if err != nil {
			t.Fatal(err)
		}
		d := next(t, s)
		got, err := d.Value()
		if err != nil || got.Meta.Table != table {
			t.Errorf("table = %v, %v; want %s", got.Meta.Table, err, table)
		}
		got.Release()
		if err := d.Ack(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.Rows(t.Context(), "sentinel", "AWSNone"); err == nil {
		t.Error("a source of rows that nobody configured: got no error")
	}
}

func TestNamesThatFitNoSubjectAreRefused(t *testing.T) {
	b := open(t)
	for _, table := range []string{"", "a.b", "*", ">", "a b"} {
		bad := rawBatch(0, "one")
		bad.Meta.Table = table
		if _, err := b.PublishRows().Publish(t.Context(), bad); !fault.IsPermanent(err) {
			t.Errorf("table %q: err = %v; want a permanent fault", table, err)
		}
	}
}

func TestDeadLetterIsKeptOnceAndCut(t *testing.T) {
	b := open(t)
	l := stage.DeadLetter{
		ID: "parser.x.5", Stage: "parser", Reason: fault.BadRecord, Error: "no", Connection: "org-trail",
		Part: -1, Offset: 5, Time: time.Now(), Body: make([]byte, maxLetterBody+10), BodySize: maxLetterBody + 10,
	}
	for range 2 {
		if err := b.Graveyard().Bury(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.js.Stream(t.Context(), streamDead)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := s.GetLastMsgForSubject(t.Context(), "logferry.dead.parser.org-trail.*")
	if err != nil {
		t.Fatal(err)
	}
	var got logferryv1.DeadLetter
	if err := proto.Unmarshal(msg.Data, &got); err != nil {
		t.Fatal(err)
	}
	if info, _ := s.Info(t.Context()); info.State.Msgs != 1 {
		t.Errorf("%d letters kept; want 1", info.State.Msgs)
	}
	if len(got.Body) != maxLetterBody || got.BodySize != maxLetterBody+10 || got.HasPart {
		t.Errorf("body %d of %d bytes, part %v", len(got.Body), got.BodySize, got.HasPart)
	}
}

func TestStoreIsLocked(t *testing.T) {
	b := open(t)
	_, err := Open(t.Context(), b.config, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second server on one store: %v", err)
	}
}

func TestOthersCanAttach(t *testing.T) {
	b := open(t)
	url, err := os.ReadFile(filepath.Join(b.config.Store, clientFile))
	if err != nil {
		t.Fatal(err)
	}
	config := DefaultConfig()
	config.URL = strings.TrimSpace(string(url))
	other, err := Open(t.Context(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	publish(t, other.PublishRaw(), rawBatch(0, "one"))
	waitFor(t, "the backlog that the other published", func() bool {
		left, err := b.Backlog(t.Context())
		return err == nil && left.Messages == 1
	})
	if _, err := nats.Connect("nats://" + other.conn.ConnectedAddr()); err == nil {
		t.Error("connected without the credential")
	}
}

// Of those that attach to a bus at the same moment one opens it, and the others
// wait until it tells its address: what an earlier process has left is none.
func TestManyAttach(t *testing.T) {
	config := DefaultConfig()
	config.Store = t.TempDir()
	if err := os.WriteFile(filepath.Join(config.Store, clientFile), []byte("nats://127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	attached := pool.NewWithResults[*Bus]().WithContext(t.Context()).WithMaxGoroutines(4)
	for range 4 {
		attached.Go(func(ctx context.Context) (*Bus, error) { return Attach(ctx, config, slog.New(slog.DiscardHandler)) })
	}
	all, err := attached.Wait()
	if err != nil {
		t.Fatal(err)
	}
	alone := 0
	for _, b := range all {
		if b.IsAlone() {
			alone++
			defer b.Close(t.Context())
		} else if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if alone != 1 {
		t.Errorf("%d have opened the bus; want one", alone)
	}
}

// Who waits for a server that is not there is told why, and no password.
func TestUnreachableSaysWhy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	config := DefaultConfig()
	config.URL = "nats://user:hidden@" + address + ",nats://user:hidden@" + address
	_, err = Open(ctx, config, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v; want that the connection is refused, without the password", err)
	}
}

func TestRedact(t *testing.T) {
	f := func(url, want string) {
		t.Helper()
		if got := redact(url); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	f("", "")
	f("nats://a:4222", "nats://a:4222")
	f("nats://u:p@a:4222", "nats://u:xxxxx@a:4222")
	f("nats://u:p@a:4222,nats://u:p@b:4222, nats://c", "nats://u:xxxxx@a:4222,nats://u:xxxxx@b:4222,nats://c")
	f("nats://u:p%@a", "(a URL that cannot be read)")
}

func TestListenOnlyOnLoopback(t *testing.T) {
	f := func(address string, ok bool) {
		t.Helper()
		if _, _, err := listenAddress(address); (err == nil) != ok {
			t.Errorf("listenAddress(%q) = %v; want ok %v", address, err, ok)
		}
	}
	f("127.0.0.1:0", true)
	f("127.0.0.1:4222", true)
	f("[::1]:4222", true)
	// anything another host could reach
	f("0.0.0.0:4222", false)
	f(":4222", false)
	f("192.168.1.1:4222", false)
	f("example.com:4222", false)
	// no address at all
	f("127.0.0.1", false)
	f("127.0.0.1:x", false)
	f("127.0.0.1:70000", false)
}

func TestUndelivered(t *testing.T) {
	f := func(state jetstream.StreamState, want int64, infos ...*jetstream.ConsumerInfo) {
		t.Helper()
		if got := (reading{state: state, consumers: infos}).undelivered(); got != want {
			t.Errorf("undelivered(%+v) = %d; want %d", state, got, want)
		}
	}
	consumer := func(floor, pending uint64) *jetstream.ConsumerInfo {
		return &jetstream.ConsumerInfo{AckFloor: jetstream.SequenceInfo{Stream: floor}, NumPending: pending}
	}
	full := jetstream.StreamState{Msgs: 100, Bytes: 1000, FirstSeq: 101, LastSeq: 200}
	// nothing there, nobody there, nothing behind
	f(jetstream.StreamState{}, 0, consumer(0, 0))
	f(full, 0)
	f(full, 0, consumer(150, 0))
	// the slowest counts, never more than there is
	f(full, 500, consumer(150, 50), consumer(190, 10))
	f(full, 1000, consumer(0, 100))
}

func TestGateHoldsPublishersBack(t *testing.T) {
	b := open(t)
	g := newGate(b, streamRaw)
	if g.set(10, 100) {
		t.Error("shut below the limit")
	}
	if err := g.pass(t.Context(), 90); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.pass(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("passed a gate that is full: %v", err)
	}
	if !g.set(100, 100) {
		t.Error("open at the limit")
	}
	if g.set(99, 100) {
		t.Error("still shut after the backlog has shrunk")
	}
	if err := g.pass(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

func TestPausesAreShared(t *testing.T) {
	b := open(t)
	const rule = "dcr-0123456789abcdef0123456789abcdef"
	here, err := b.Pauses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	there, err := b.Pauses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour)
	here.Pause(t.Context(), rule, until)
	here.Pause(t.Context(), rule, until.Add(-time.Minute)) // changes nothing
	waitFor(t, "the news of a pause", func() bool { return there.Until(rule).Equal(until) })
	late, err := b.Pauses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a pause that began before", func() bool { return late.Until(rule).Equal(until) })
	if !here.Until(rule).Equal(until) || !there.Until("dcr-other").IsZero() {
		t.Errorf("pauses: %v, %v", here.Until(rule), there.Until("dcr-other"))
	}
}

func TestTooLargeIsPermanent(t *testing.T) {
	b := open(t)
	noise := make([]byte, 2<<20) // nothing that compression could shrink
	rand.NewChaCha8([32]byte{}).Read(noise)
	wait, err := b.PublishRaw().Publish(t.Context(), rawBatch(0, string(noise)))
	if err != nil {
		t.Fatal(err)
	}
	if err := wait(t.Context()); !fault.IsPermanent(err) {
		t.Errorf("err = %v; want a permanent fault", err)
	}
}

func FuzzReadMeta(f *testing.F) {
	f.Add("0", "1", "a%20b", "2023-11-14T22:13:20.123Z")
	f.Add("-1", "x", "%zz", "yesterday")
	f.Fuzz(func(t *testing.T, part, attempt, key, notified string) {
		h := nats.Header{}
		h.Set(headerPart, part)
		h.Set(headerAttempt, attempt)
		h.Set(headerKey, key)
		h.Set(headerNotified, notified)
		m, err := readMeta(h)
		if err != nil {
			return
		}
		again := nats.Header{}
		writeMeta(again, m)
		if n, err := readMeta(again); err != nil || n != m {
			t.Errorf("read %+v, wrote and read %+v, %v", m, n, err)
		}
	})
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(20 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
