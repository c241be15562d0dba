//go:build guard

package guard

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/batch/batchtest"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// onBus are the steps that need a bus: the embedded one, with its files. Their
// yardstick is a question and its answer by the same server: what is not
// JetStream's is the server's, the client's and the system's.
func onBus(t *testing.T) []Step {
	config := bus.DefaultConfig()
	config.Store = t.TempDir()
	b := bustest.Open(t, config, bus.Topology{Destinations: map[string][]string{destination: {tableName}}})
	ask := asker(t, config.Store)
	request := func(name string, work func() error) Step {
		return Step{Name: name, Against: "a request to NATS", Work: work, Yardstick: ask}
	}
	l, n := b.Ledger(), 0
	part := func(n int) *logferryv1.LedgerEvent {
		return ledger.Part(connectionName, fmt.Sprint("o", n), &logferryv1.PartSettled{Delivered: 1})
	}
	return []Step{
		request("enter an event in the ledger", func() error {
			n++
			first, err := l.Record(t.Context(), part(n))
			if err == nil && !first {
				err = fmt.Errorf("event %d was there", n)
			}
			return err
		}),
		request("look for an event in the ledger", func() error {
			settled, err := ledger.IsSettled(t.Context(), l, connectionName, "none", 0, 1)
			if settled {
				err = fmt.Errorf("it is there: %w", err)
			}
			return err
		}),
		request("an object over the bus", overBus(t, b.PublishObjects(), b.Objects, func(n int) *logferryv1.Object {
			return &logferryv1.Object{Id: fmt.Sprint("o", n), Connection: connectionName, Bucket: "logs", Key: "key", Size: 1000}
		})),
		rawOverBus(t, b),
	}
}

const connectionName = "org-trail"

// rawOverBus is the hop of a part: there compression counts most.
func rawOverBus(t *testing.T, b *bus.Bus) Step {
	raw, _ := batchtest.Part(t, batchtest.Records)
	plain, err := batch.Encode(raw)
	if err != nil {
		t.Fatal(err)
	}
	packed, unpacked := make([]byte, s2.MaxEncodedLen(len(plain))), make([]byte, len(plain))
	publish := func(n int) *batch.Batch {
		raw.Retain()
		return &batch.Batch{Record: raw, Meta: batch.Meta{
			Connection: connectionName, Destination: destination, Format: "cloudtrail", Table: tableName, Object: fmt.Sprint("o", n),
		}}
	}
	return Step{
		Name: "a raw batch over the bus", Against: "Snappy of it and back",
		Work: overBus(t, b.PublishRaw(), b.Raw, publish),
		Yardstick: func() error {
			_, err := s2.Decode(unpacked, s2.EncodeSnappy(packed, plain))
			return err
		},
	}
}

// overBus stores a value, takes it and settles it.
func overBus[T any](t *testing.T, p stage.Publisher[T], source func(context.Context) (stage.Source[T], error), make func(n int) T) func() error {
	from, err := source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	return func() error {
		n++
		wait, err := p.Publish(t.Context(), make(n))
		if err != nil {
			return err
		}
		if err := wait(t.Context()); err != nil {
			return err
		}
		d, err := from.Next(t.Context())
		if err != nil {
			return err
		}
		v, err := d.Value()
		if err != nil {
			return err
		}
		if b, ok := any(v).(interface{ Release() }); ok {
			b.Release()
		}
		return d.Ack(t.Context())
	}
}

// asker asks the server of the bus in the store something.
func asker(t *testing.T, store string) func() error {
	url, err := os.ReadFile(filepath.Join(store, "client.url"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(strings.TrimSpace(string(url)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	const question = "guard.question"
	if _, err := conn.Subscribe(question, func(m *nats.Msg) {
		if err := m.Respond(m.Data); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 200)
	return func() error {
		_, err := conn.RequestWithContext(t.Context(), question, body)
		return err
	}
}
