package fetcher

import (
	"context"
	"errors"

	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// abandoned is why an object was not carried to its end, with what was sent of
// it before.
type abandoned struct {
	cause   error
	carrier *carrier
}

// Error returns the cause.
func (e *abandoned) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *abandoned) Unwrap() error { return e.cause }

// SentRecords returns how many records at the object's beginning are accounted
// for. The dead letter keeps it, so that only the rest is tried again.
func (e *abandoned) SentRecords() int64 { return e.carrier.sent }

// abandon returns why the object is not carried to its end, with what earlier
// deliveries of it have sent, as far as it is settled by now; nil when nothing
// was left to send. Records that were too long to be carried are not among what
// is settled: of these as many are tried again.
func (f *fetcher) abandon(ctx context.Context, in *logferryv1.Object, cause error) error {
	e, ok := errors.AsType[*abandoned](cause)
	if !ok {
		return cause
	}
	account, err := f.account(ctx, in)
	if err != nil || isSent(in, account) {
		return err
	}
	if known := account.Accounted(); known > 0 {
		e.carrier.sent = max(e.carrier.sent, int64(in.GetSkipRecords()+known))
	}
	return cause
}

// rejected enters an object in the ledger whose letter is stored: what was
// sent before is delivered, the rest is dead.
func (f *fetcher) rejected(ctx context.Context, l stage.DeadLetter, cause error) error {
	if l.Object == "" || l.Connection == "" {
		return nil // the poller will find that it is not done
	}
	fetched := new(logferryv1.Fetched)
	if e, ok := errors.AsType[*abandoned](cause); ok {
		fetched = e.carrier.fetched()
	}
	fetched.Rejected = true
	first, err := f.ledger.Record(ctx, ledger.Fetched(l.Connection, l.Object, fetched))
	if err != nil || first {
		return err
	}
	return f.rejectRest(ctx, l, fetched.GetParts())
}

// rejectRest settles the parts of an object that were sent once, then lost by
// the bus, and now cannot be read any more: from is the first of them. Those
// before it are on their way again, or settled.
func (f *fetcher) rejectRest(ctx context.Context, l stage.DeadLetter, from uint32) error {
	events, err := f.ledger.Events(ctx, l.Connection, l.Object)
	if err != nil {
		return err
	}
	account := ledger.NewAccount(events)
	for part := from; part < account.Fetched().GetParts(); part++ {
		if account.HasSettled(int(part)) {
			continue
		}
		event := ledger.Part(l.Connection, l.Object, &logferryv1.PartSettled{Part: part, Rejected: true})
		if _, err := f.ledger.Record(ctx, event); err != nil {
			return err
		}
	}
	return nil
}
