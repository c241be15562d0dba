package dead

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// work is what is made anew of a letter. It does not hold the letter's body.
type work struct {
	letter bus.Letter
	kind   string
	// connection and destination are those of the accounts.
	connection, destination string
	// objects are the accounts: what is redriven has one of its own, a message
	// those of the objects that it names.
	objects []*logferryv1.Object
	publish ledger.Publish
	// what says for people what will be carried.
	what string
}

// accountID is the id of the account of what is redriven. It depends on the
// letter only: a redrive that is begun again goes on with the same account.
func accountID(l *logferryv1.DeadLetter) string {
	return batch.ObjectID("redrive", l.GetId(), "", "", "")
}

// plan reads the letter and says what is to be done. A permanent error says
// why nothing can be.
func (r *redriver) plan(ctx context.Context, ref bus.Letter) (*work, error) {
	l, err := r.read(ctx, ref)
	if err != nil {
		return nil, err
	}
	w := &work{letter: ref, kind: bus.KindOf(l.DeadLetter), connection: l.GetConnection(), destination: l.GetDestination()}
	if l.Broken != nil {
		return nil, refused(l.Broken)
	}
	switch w.kind {
	case bus.LetterObject:
		return w, r.planObject(w, l)
	case bus.LetterRecords, bus.LetterRows:
		return w, r.planBatch(w, l)
	case bus.LetterMessage:
		return w, r.planMessage(ctx, w, l)
	}
	return nil, refused(fmt.Errorf("a body of type %q cannot be carried", l.GetContentType()))
}

func refused(err error) error { return fault.Permanent(fault.Unsupported, err) }

// planObject has the object fetched again, but for the records at its
// beginning that were sent on.
func (r *redriver) planObject(w *work, l bus.Letter) error {
	o, err := bus.ObjectOf(l.DeadLetter)
	if err != nil {
		return refused(err)
	}
	c, ok := r.connections[w.connection]
	if !ok {
		return refused(fmt.Errorf("connection %s is not in the configuration: put it back", w.connection))
	}
	w.destination = c.Destination
	o.Id, o.Attempt = accountID(l.DeadLetter), 0
	// What was skipped once was sent before: also when the object died again
	// before its records were reached.
	o.SkipRecords = max(l.GetSentRecords(), o.GetSkipRecords())
	o.Notified = timestamppb.Now() // lag counts from here
	w.objects = []*logferryv1.Object{o}
	w.publish = r.publishObject
	w.what = "fetch " + bus.OriginOf(l.DeadLetter)
	if o.SkipRecords > 0 {
		w.what += fmt.Sprintf(" from record %d on", o.SkipRecords)
	}
	return nil
}

// planBatch has the letter's records parsed, or its rows written, as part 0 of
// an account of their own.
func (r *redriver) planBatch(w *work, l bus.Letter) error {
	b, err := bus.BatchOf(l.DeadLetter)
	if err != nil {
		return refused(err)
	}
	defer b.Release()
	if w.kind == bus.LetterRecords {
		if _, _, err := batch.Records(b.Record); err != nil {
			return refused(err)
		}
		if _, ok := all.Formats().Named(b.Meta.Format); !ok {
			return refused(fmt.Errorf("format %q is not known", b.Meta.Format))
		}
	}
	d, ok := r.destinations[w.destination]
	if !ok || !d.Takes(b.Meta.Table) {
		return refused(fmt.Errorf("destination %q has no rule for table %q: configure it", w.destination, b.Meta.Table))
	}
	w.objects = []*logferryv1.Object{{
		Id: accountID(l.DeadLetter), Connection: w.connection,
		Bucket: l.GetBucket(), Key: l.GetKey(), VersionId: l.GetVersionId(), Etag: l.GetEtag(),
	}}
	records := uint64(b.Record.NumRows())
	w.publish = func(ctx context.Context, o *logferryv1.Object) error { return r.publishBatch(ctx, w, o, records) }
	if w.kind == bus.LetterRows {
		w.what = "write " + count(records, "row", "rows")
	} else {
		w.what = "parse " + count(records, "record", "records")
	}
	w.what += fmt.Sprintf(" of %s for %s, %s", b.Meta.Table, w.destination, bus.OriginOf(l.DeadLetter))
	return nil
}

// planMessage has the objects carried that the message names. They have the
// same accounts as ever: what was carried then is not carried again.
func (r *redriver) planMessage(ctx context.Context, w *work, l bus.Letter) error {
	body, err := bus.BodyOf(l.DeadLetter)
	if err != nil {
		return refused(err)
	}
	if w.objects, err = r.messages.Objects(ctx, w.connection, body); err != nil {
		return err
	}
	for _, o := range w.objects {
		o.Notified = timestamppb.Now()
	}
	w.destination = r.connections[w.connection].Destination
	w.publish = r.publishObject
	w.what = "fetch " + count(len(w.objects), "object", "objects") + " of a queue message"
	return nil
}

// read reads a letter. Few are held at a time: each may be large.
func (r *redriver) read(ctx context.Context, ref bus.Letter) (bus.Letter, error) {
	l, err := r.bus.LetterAt(ctx, ref.Sequence)
	if err == nil && l.Subject != ref.Subject {
		err = errors.New("the stream of dead letters was made anew; list them again")
	}
	return l, err
}

// publishObject puts an object on the bus.
func (r *redriver) publishObject(ctx context.Context, o *logferryv1.Object) error {
	stored, err := r.objects.Publish(ctx, o)
	if err != nil {
		return err
	}
	return stored(ctx)
}

// publishBatch puts the records or rows of a letter on the bus, as the part
// that its account consists of.
func (r *redriver) publishBatch(ctx context.Context, w *work, o *logferryv1.Object, records uint64) error {
	select {
	case r.held <- struct{}{}:
		defer func() { <-r.held }()
	case <-ctx.Done():
		return ctx.Err()
	}
	l, err := r.read(ctx, w.letter)
	if err != nil {
		return err
	}
	b, err := bus.BatchOf(l.DeadLetter)
	if err != nil {
		return err
	}
	b.Meta.Object, b.Meta.Part, b.Meta.Attempt = o.GetId(), 0, int(o.GetAttempt())
	out := r.raw
	if w.kind == bus.LetterRows {
		out = r.rows
	}
	stored, err := out.Publish(ctx, b)
	if err != nil {
		return err
	}
	if err := stored(ctx); err != nil {
		return err
	}
	_, err = r.ledger.Record(ctx, ledger.Fetched(w.connection, o.GetId(), &logferryv1.Fetched{Parts: 1, Records: records}))
	return err
}
