package bus

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Who reads along, however slowly, holds no publisher back and is no work that
// is left; a worker of an older configuration holds back what it has not got.
func TestReadersHoldNothingBack(t *testing.T) {
	b := open(t)
	publish(t, b.PublishRaw(), rawBatch(0, "one"))
	consumer := func(stream, name string) {
		t.Helper()
		if _, err := b.js.CreateOrUpdateConsumer(t.Context(), stream, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
			t.Fatal(err)
		}
	}
	consumer(streamRaw, "somebody")
	s, err := b.Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := next(t, s).Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the bus to have taken the settlement in", func() bool {
		left, err := b.Backlog(t.Context())
		return err == nil && left.Messages == 0
	})
	behind := func(stream string) int64 {
		t.Helper()
		r, err := b.read(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		return r.undelivered()
	}
	if n := behind(streamRaw); n != 0 {
		t.Errorf("%d bytes are held back for a reader", n)
	}
	// rows of a table that is no longer configured
	rows := rowsStream("sentinel")
	consumer(rows, writerDurable("sentinel", "AWSGuardDuty"))
	old := rawBatch(0, "one")
	old.Meta.Table = "AWSGuardDuty"
	publish(t, b.PublishRows(), old)
	waitFor(t, "the gate to count rows that wait for their table", func() bool { return behind(rows) > 0 })
	if left, err := b.Backlog(t.Context()); err != nil || left.Messages != 0 {
		t.Errorf("backlog = %+v, %v; want none that nobody works on", left, err)
	}
}

// A source without connection asks for nothing and leaves nothing behind.
func TestNoPullsWithoutConnection(t *testing.T) {
	b := open(t)
	s, err := b.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.server.stop()
	waitFor(t, "the connection to break", func() bool { return !b.Connected() })
	before := b.conn.NumSubscriptions()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("next: %v", err)
	}
	if n := b.conn.NumSubscriptions(); n != before {
		t.Errorf("%d subscriptions; want %d as before", n, before)
	}
}

// What a bus that restarts says is waited out at the start too.
func TestUntilReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := func(passing error) {
			t.Helper()
			calls := 0
			if err := untilReady(t.Context(), func() error {
				if calls++; calls < 3 {
					return passing
				}
				return nil
			}); err != nil || calls != 3 {
				t.Errorf("%v: got %v after %d calls; want success after 3", passing, err, calls)
			}
		}
		f(nats.ErrTimeout)
		f(nats.ErrNoResponders)
		f(nats.ErrReconnectBufExceeded)
		f(context.DeadlineExceeded)
		boom := errors.New("boom")
		if err := untilReady(t.Context(), func() error { return boom }); !errors.Is(err, boom) {
			t.Errorf("got %v; want what will not pass", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := untilReady(ctx, func() error { return nats.ErrTimeout }); !errors.Is(err, nats.ErrTimeout) {
			t.Errorf("got %v; want the last error at the end of the context", err)
		}
	})
}

// A letter can be stored whatever the message behind it claims: else its cause
// would be tried again for ever.
func TestLetterOfAnyText(t *testing.T) {
	b := open(t)
	bad := strings.Repeat("\xff\x00a", 20_000)
	l := stage.DeadLetter{
		ID: "parser.y.5", Stage: "parser", Reason: fault.Undecodable, Error: bad, Connection: bad, Key: bad, Layout: bad, Bucket: bad,
		Table: bad, Part: -1, Time: time.Now(), Body: make([]byte, maxLetterBody),
	}
	if err := b.Graveyard().Bury(t.Context(), l); err != nil {
		t.Error(err)
	}
}

// Parts that a server is too small for must not become dead letters one by
// one.
func TestSmallServerIsRefused(t *testing.T) {
	small, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 64 << 10, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	small.Start()
	defer small.WaitForShutdown()
	defer small.Shutdown()
	if !small.ReadyForConnections(readyTimeout) {
		t.Fatal("the server does not start")
	}
	config := DefaultConfig()
	config.URL = small.ClientURL()
	if _, err := Open(t.Context(), config, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("got %v; want that max_payload is too small", err)
	}
}

// A server that comes back without its data is furnished again: else all would
// wait for ever.
func TestLostStreamsAreMadeAnew(t *testing.T) {
	b := open(t)
	p := b.PublishObjects()
	s, err := b.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{streamObjects, streamRaw, rowsStream("sentinel"), streamDead} {
		if err := b.js.DeleteStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	wait, err := p.Publish(ctx, &logferryv1.Object{Id: "o1", Connection: "org-trail"})
	if err != nil {
		t.Fatal(err)
	}
	if err := wait(ctx); err != nil {
		t.Fatal(err)
	}
	d, err := s.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Ack(ctx); err != nil {
		t.Error(err)
	}
}

// A destination whose stream is full of what is not delivered does not hold the
// parsers: they give its rows back, and those of others go through.
func TestShutGateHoldsNoOthers(t *testing.T) {
	b := open(t)
	p := b.PublishRows().(*publisher[*batch.Batch])
	p.patience = 50 * time.Millisecond
	shut := newGate(b, rowsStream("sentinel")) // it never gets a reading
	p.gates[rowsStream("sentinel")] = shut
	began := time.Now()
	_, err := p.Publish(t.Context(), rawBatch(0, "one"))
	if err == nil || fault.IsPermanent(err) || fault.Wait(err, 1) != shutWait {
		t.Errorf("error = %v; want one to try again after %v", err, shutWait)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it held its worker for %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Publish(ctx, rawBatch(0, "one")); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want that of the context", err)
	}
}
