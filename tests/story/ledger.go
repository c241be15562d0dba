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

// Unentered returns how many rows the service has taken that the ledger on the
// bus at url does not have as delivered. Asked when a writer has died, and
// before another runs, these are the rows that will come twice: no others may.
func (s *Story) Unentered(url string) int64 {
	s.t.Helper()
	var entered int64
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
	taken := s.Cloud.Ingestion.Total() // last: a call of the dead may just have ended
	return taken.Rows - taken.Duplicates - entered
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
