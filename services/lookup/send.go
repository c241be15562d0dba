package lookup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const (
	// bucket stands for a bucket's name in what tells where records came from.
	bucket = "cloudtrail-lookup-events"
	// maxPartRecords bounds the records of a part besides its bytes.
	maxPartRecords = 8000
	// lookAgain is how long to wait before events are looked for once more that
	// were there and are not.
	lookAgain = time.Minute
)

// propose makes the intent of what a scan has found; nil when it has found
// nothing. It puts the events into their order and buries those that are too
// long to be carried.
func (r *reader) propose(ctx context.Context, s *scan, reads int) (*intent, error) {
	if len(s.fresh) == 0 {
		return nil, nil
	}
	in := &intent{From: s.window.from, To: s.window.to, Low: s.fresh[0].time, High: s.fresh[0].time, At: r.clock.Now().UnixMilli()}
	if s.whole {
		in.Reads = reads
	}
	sortEvents(s.fresh)
	weight := 0
	for _, e := range s.fresh {
		in.Low, in.High = min(in.Low, e.time), max(in.High, e.time)
		w := r.format.Weight(e.record)
		if w > r.format.PartBytes {
			if err := r.bury(ctx, e); err != nil {
				return nil, err
			}
			in.Dead = append(in.Dead, e.id)
			continue
		}
		if last := len(in.Parts) - 1; last >= 0 && weight+w <= r.format.PartBytes && in.Parts[last] < maxPartRecords {
			in.Parts[last]++
		} else {
			in.Parts, weight = append(in.Parts, 1), 0
		}
		weight += w
		in.IDs = append(in.IDs, e.id)
		in.Bytes += int64(len(e.record))
	}
	return in, nil
}

// bury keeps an event that no part can hold. Its letter has the event's own id,
// so that it is kept once.
func (r *reader) bury(ctx context.Context, e event) error {
	sum := sha256.Sum256(e.record)
	err := r.dead.Bury(ctx, stage.DeadLetter{
		ID: name + "." + r.key + "." + hex.EncodeToString(sum[:16]), Stage: name, Time: r.clock.Now(),
		Reason: fault.RecordTooLarge, Error: fmt.Sprintf("the event has %d bytes; at most %d are carried", len(e.record), r.format.PartBytes-r.format.RecordOverhead),
		Connection: r.conn.Name, Destination: r.conn.Destination, Table: r.format.Table, Format: r.format.Name,
		Bucket: bucket, Key: r.place(), Part: -1, Offset: -1, Attempts: 1,
		ContentType: "application/octet-stream", Body: e.record, BodySize: int64(len(e.record)), Records: 1,
	})
	if err != nil {
		return fmt.Errorf("store dead letter: %w", err)
	}
	return nil
}

// place says where events came from, as a key does for an object.
func (r *reader) place() string {
	return fmt.Sprintf("%s/%s/%s", r.account.id, r.region, r.categoryName())
}

// object describes the object of an intent.
func (r *reader) object(in *intent) *logferryv1.Object {
	at := func(t int64) string { return time.Unix(t, 0).UTC().Format("20060102T150405Z") }
	key := fmt.Sprintf("%s/%s-%s", r.place(), at(in.From), at(in.To))
	version := fmt.Sprintf("%d-%d", r.state.Begun, r.state.Sent)
	return &logferryv1.Object{
		Id: batch.ObjectID(r.conn.Name, bucket, key, version, ""), Connection: r.conn.Name,
		Bucket: bucket, Key: key, VersionId: version, Size: in.Bytes, Region: r.region,
		EventTime: timestamppb.New(time.Unix(in.High, 0)), Notified: timestamppb.New(time.UnixMilli(in.At)),
	}
}

// send has the events of an intent carried, and returns when every one is
// accepted or kept as a dead letter. events are those of the intent if they are
// at hand; else they are read again.
func (r *reader) send(ctx context.Context, in *intent, events []event) error {
	if len(in.IDs) == 0 {
		return nil
	}
	publish := func(ctx context.Context, o *logferryv1.Object) error {
		at := events
		events = nil // memory is not held while others work
		defer r.leave()
		return r.publish(ctx, in, o, at)
	}
	p, err := r.tracker.Begin(ctx, r.object(in), publish)
	r.leave() // it may have been sent before
	if err != nil {
		return err
	}
	_, err = p.Wait(ctx)
	return err
}

// publish puts the parts of an intent that are not settled on the bus, and
// enters how many there are. It is the fetcher's work, for events.
func (r *reader) publish(ctx context.Context, in *intent, o *logferryv1.Object, events []event) error {
	account := new(ledger.Account)
	if o.GetAttempt() > 0 || events == nil {
		known, err := r.ledger.Events(ctx, o.GetConnection(), o.GetId())
		if err != nil {
			return err
		}
		if account = ledger.NewAccount(known); account.IsComplete() {
			return nil
		}
	}
	var err error
	if events == nil {
		err = r.recover(ctx, in, o, account)
	} else {
		err = r.sendParts(ctx, in, o, events, map[int]bool{})
	}
	if err != nil {
		return err
	}
	failpoint.Hit("lookup.sent")
	if in.isOnePart() {
		return nil // who settles the part enters the object as done
	}
	_, err = r.ledger.Record(ctx, ledger.Fetched(o.GetConnection(), o.GetId(), &logferryv1.Fetched{
		Parts: uint32(len(in.Parts)), Records: uint64(len(in.IDs)), Bytes: uint64(in.Bytes),
	}))
	return err
}

// recover reads the events of an intent again and sends the parts that are not
// settled. An event that is not there any more is told of, and looked for until
// it is there: what was found is never dropped in silence.
func (r *reader) recover(ctx context.Context, in *intent, o *logferryv1.Object, account *ledger.Account) error {
	sent := map[int]bool{}
	for part := range in.Parts {
		sent[part] = account.HasSettled(part)
	}
	for {
		events, err := r.reread(ctx, in)
		if err == nil {
			err = r.sendParts(ctx, in, o, events, sent)
		}
		r.leave()
		if err != nil || len(events) == len(in.IDs) {
			return err
		}
		lost := len(in.IDs) - len(events)
		r.metrics.missing.WithLabelValues(r.conn.Name).Add(float64(lost))
		r.log.Error("events that LookupEvents has told of are not there any more; looking for them again",
			"missing", lost, "of", len(in.IDs), "from", time.Unix(in.Low, 0).UTC(), "to", time.Unix(in.High, 0).UTC())
		if err := r.clock.Sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// sendParts stores parts on the bus: all that the events are there for and that
// were not sent, and notes them as sent.
func (r *reader) sendParts(ctx context.Context, in *intent, o *logferryv1.Object, events []event, sent map[int]bool) error {
	byID := make(map[id][]byte, len(events))
	for _, e := range events {
		byID[e.id] = e.record
	}
	meta := batch.Meta{
		Connection: r.conn.Name, Destination: r.conn.Destination, Format: r.format.Name, Table: r.format.Table,
		Object: o.GetId(), Attempt: int(o.GetAttempt()), Bucket: bucket, Key: o.GetKey(), Version: o.GetVersionId(), Notified: o.GetNotified().AsTime(),
	}
	if in.isOnePart() {
		meta.Whole = int64(len(in.IDs))
	}
	var waits []func(context.Context) error
	var err error
	first := 0
	for part, n := range in.Parts {
		raw, ok := partOf(in.IDs[first:first+n], byID)
		first += n
		if !ok || sent[part] {
			continue
		}
		meta.Part, sent[part] = part, true
		var wait func(context.Context) error
		if wait, err = r.raw.Publish(ctx, &batch.Batch{Meta: meta, Record: raw.Take()}); err != nil {
			break
		}
		waits = append(waits, wait)
		failpoint.Hit("lookup.part")
	}
	for _, wait := range waits { // every one must be called
		err = errors.Join(err, wait(ctx))
	}
	if err != nil {
		return fmt.Errorf("store the events of %s on the bus: %w", o.GetKey(), err)
	}
	return nil
}

// partOf gathers the records of a part; false when one is not there.
func partOf(part ids, byID map[id][]byte) (raw batch.Raw, ok bool) {
	offset := int64(0)
	for _, id := range part {
		record, ok := byID[id]
		if !ok {
			return raw, false
		}
		raw.Append(record, offset)
		offset += int64(len(record))
	}
	return raw, true
}

// reread reads the events of an intent that another life has found, or that the
// bus has lost since.
func (r *reader) reread(ctx context.Context, in *intent) ([]event, error) {
	if err := r.enter(ctx, in.Bytes); err != nil {
		return nil, err
	}
	wanted := make(map[id]struct{}, len(in.IDs))
	for _, id := range in.IDs {
		wanted[id] = struct{}{}
	}
	var found []event
	seen := map[id]struct{}{}
	var token *string
	for stale := 0; stale < maxStale; {
		p, err := r.ask(ctx, in.Low-1, in.High+1, token)
		if err != nil {
			return nil, fmt.Errorf("read the events again that are on their way: %w", err)
		}
		before := len(seen)
		for _, e := range p.events {
			record := recordOf(e)
			id := idOf(e, record)
			if _, double := seen[id]; double {
				continue
			}
			seen[id] = struct{}{}
			if _, ok := wanted[id]; ok {
				found = append(found, event{id: id, record: record})
			}
		}
		if stale++; len(seen) > before {
			stale = 0
		}
		if len(found) == len(wanted) || p.token == nil {
			return found, nil
		}
		token = p.token
	}
	return nil, errStale
}

// enter waits for memory for so many bytes, as far as there is any.
func (r *reader) enter(ctx context.Context, bytes int64) error {
	need := min(bytes, roomBytes)
	if err := r.room.Acquire(ctx, need); err != nil {
		return err
	}
	r.held.Add(need)
	return nil
}

// hold asks for memory for more of what a scan holds already. It is not waited
// for: who waits and holds would wait for others who do.
func (r *reader) hold(bytes int64) bool {
	if !r.room.TryAcquire(bytes) {
		return false
	}
	r.held.Add(bytes)
	return true
}

// leave gives all memory back.
func (r *reader) leave() {
	if held := r.held.Swap(0); held > 0 {
		r.room.Release(held)
	}
}

// remembered are the ids that an intent adds to what is known.
func (i *intent) remembered() ids { return slices.Concat(i.IDs, i.Dead) }
