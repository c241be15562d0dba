package bus

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// replayToken begins what stands for the connection in the subjects of a
// replay's account; its run follows. No connection's name has a ~.
const replayToken = "replay~"

// ReplayProgress is what became of the parts that a replay has settled.
type ReplayProgress struct {
	// Parts are settled; Skipped came again and were settled already.
	Parts, Skipped int64
	// Rows were written; Dead are the records and rows kept as dead letters.
	Rows, Dead int64
}

// replayAccount is the ledger with one token for all connections.
type replayAccount struct {
	*Ledger
	token string

	parts, skipped, rows, dead atomic.Int64
}

// replayAccount opens the account of a run, and counts what is in it already.
func (b *Bus) replayAccount(ctx context.Context, run string, resumed bool) (*replayAccount, error) {
	a := &replayAccount{Ledger: b.Ledger(), token: replayToken + run}
	if !resumed {
		return a, nil
	}
	all := jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject(subjectLedger, a.token, ">")}}
	err := b.scan(ctx, streamLedger, all, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		e, err := decodeEvent(msg, msg.Subject(), meta.Sequence.Stream)
		if err == nil {
			a.count(e.GetPart())
		}
		return err
	})
	return a, err
}

func (a *replayAccount) count(p *logferryv1.PartSettled) {
	a.parts.Add(1)
	a.rows.Add(int64(p.GetDelivered()))
	a.dead.Add(int64(p.GetDead()))
}

func (a *replayAccount) progress() ReplayProgress {
	return ReplayProgress{Parts: a.parts.Load(), Skipped: a.skipped.Load(), Rows: a.rows.Load(), Dead: a.dead.Load()}
}

// Record enters an event in the account; see [ledger.Store].
func (a *replayAccount) Record(ctx context.Context, e *logferryv1.LedgerEvent) (first bool, err error) {
	e.Connection = a.token
	first, err = a.Ledger.Record(ctx, e)
	switch {
	case err != nil || e.GetPart() == nil:
	case first:
		a.count(e.GetPart())
	default:
		a.skipped.Add(1)
	}
	return first, err
}

// Event looks an event up in the account; see [ledger.Store].
func (a *replayAccount) Event(ctx context.Context, _, object, name string) (*logferryv1.LedgerEvent, error) {
	e, err := a.Ledger.Event(ctx, a.token, object, name)
	if e.GetPart() != nil {
		a.skipped.Add(1)
	}
	return e, err
}

// Events returns the events of an object in the account; see [ledger.Store].
func (a *replayAccount) Events(ctx context.Context, _, object string) ([]*logferryv1.LedgerEvent, error) {
	return a.Ledger.Events(ctx, a.token, object)
}

var _ ledger.Store = (*replayAccount)(nil)

// forgetAll drops all events of a connection, which is none of the
// configuration's.
func (l *Ledger) forgetAll(ctx context.Context, connection string) error {
	if err := checkTokens(connection); err != nil {
		return fault.Permanent(fault.Internal, err)
	}
	stream, err := l.bus.handle(ctx, streamLedger)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject(subjectLedger, connection, ">"))); err != nil {
		return fmt.Errorf("drop the account %s: %w", connection, err)
	}
	return nil
}
