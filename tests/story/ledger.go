package story

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// lastCall is how long a call of a process that died may still be in work at
// the service: longer than any that a test makes slow.
const lastCall = 1500 * time.Millisecond

// Unentered returns how many rows the service has taken, each as often as it
// came, beyond those that the ledger on the bus at url has as delivered. Asked
// when the only writer has died, and before another runs, these are the rows
// that come twice, because of this death and all before it: no others may.
func (s *Story) Unentered(url string) int64 {
	s.t.Helper()
	var taken, entered int64
	var since time.Time
	Eventually(s.t, time.Minute, "the last calls of the dead writer to end", func() bool {
		if now := s.Cloud.Ingestion.Total().Rows; now != taken || since.IsZero() {
			taken, since = now, time.Now()
		}
		return time.Since(since) > lastCall
	})
	var err error
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the ledger: %v", err)
		}
	}()
	Eventually(s.t, time.Minute, "a reading of the ledger", func() bool {
		entered, err = delivered(s.t.Context(), url)
		return err == nil
	})
	return taken - entered
}

// delivered sums up the rows that the ledger has as delivered.
func delivered(ctx context.Context, url string) (rows int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, err := nats.Connect(url)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return 0, err
	}
	stream, err := js.Stream(ctx, "LEDGER")
	if err != nil || stream.CachedInfo().State.Msgs == 0 {
		return 0, err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return 0, err
	}
	defer messages.Stop()
	objects := map[string]*deliveries{}
	for left := uint64(1); left > 0; {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return 0, fmt.Errorf("read LEDGER: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return 0, err
		}
		left = meta.NumPending
		e := new(logferryv1.LedgerEvent)
		if proto.Unmarshal(msg.Data(), e) != nil {
			continue // one that a test has put there
		}
		of := objects[e.GetObjectId()]
		if of == nil {
			of = new(deliveries)
			objects[e.GetObjectId()] = of
		}
		of.parts += int64(e.GetPart().GetDelivered())
		of.done += int64(e.GetDone().GetDelivered())
	}
	for _, of := range objects {
		rows += max(of.parts, of.done) // of an object that is done, the parts may be forgotten
	}
	return rows, nil
}

// deliveries are the rows delivered of an object: of its parts, and of the
// whole once it is done.
type deliveries struct{ parts, done int64 }
