// Package ledger is the account of what became of every object, from the
// moment a poller sees it until all its rows are accepted or kept as dead
// letters. It is what makes the promise: a queue message is deleted only when
// its objects are done, and no part is written twice.
//
//	poller ─seen─▶ fetcher ─fetched─▶ parser, writer ─part n─▶ Tracker ─done─▶ history
//
// The account is append-only: an event happens once, and a second one like it
// has no effect. [Store] keeps it (package bus has it on JetStream); [Account]
// is the sum of an object's events; [Tracker] carries objects through it.
package ledger

import (
	"context"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// The events of an object, as they are named in its subjects. Those of its
// parts are named by [PartName].
const (
	EventSeen    = "seen"
	EventFetched = "fetched"
	EventDone    = "done"
)

// PartName is the name of the event of a part.
func PartName(part int) string { return strconv.Itoa(part) }

// Name returns the name of an event, empty if it has no kind.
func Name(e *logferryv1.LedgerEvent) string {
	switch e.GetEvent().(type) {
	case *logferryv1.LedgerEvent_Seen:
		return EventSeen
	case *logferryv1.LedgerEvent_Fetched:
		return EventFetched
	case *logferryv1.LedgerEvent_Part:
		return PartName(int(e.GetPart().GetPart()))
	case *logferryv1.LedgerEvent_Done:
		return EventDone
	}
	return ""
}

// Store keeps the ledger. It is safe for concurrent use. Its methods wait out
// a store that cannot be reached, for as long as ctx allows.
type Store interface {
	// Record enters an event and returns once it is stored. first is false
	// when the event was there already: then nothing has changed.
	Record(ctx context.Context, e *logferryv1.LedgerEvent) (first bool, err error)
	// Event returns an event of an object, nil if it has not happened.
	Event(ctx context.Context, connection, object, name string) (*logferryv1.LedgerEvent, error)
	// Events returns all events of an object.
	Events(ctx context.Context, connection, object string) ([]*logferryv1.LedgerEvent, error)
	// Follow calls each with the events of a connection as they are stored,
	// until ctx ends or the store is found to have lost them; then it returns.
	// It calls begun once it follows: what is stored later is seen, what was
	// stored before must be looked up.
	Follow(ctx context.Context, connection string, begun func(), each func(*logferryv1.LedgerEvent)) error
	// Forget drops all events of an object that is done but the last, done.
	Forget(ctx context.Context, connection, object string) error
	// Append adds objects that are done to the connection's history.
	Append(ctx context.Context, connection string, entries []Entry) error
	// History calls each with the entries of a connection's history that were
	// added since then, oldest first. An object may come more than once.
	History(ctx context.Context, connection string, since time.Time, each func(Entry)) error
	// Progress reads how far the stages are with the work for a destination.
	Progress(ctx context.Context, destination string) (Progress, error)
}

// Progress is how far the stages are, stream by stream as data flows: objects,
// records, the destination's rows. Each stream is read after the one before
// it.
type Progress struct {
	// Epoch changes when the bus has lost its streams or the ledger.
	Epoch   string
	Streams []StreamProgress
}

// StreamProgress is how far a stage is with its stream.
type StreamProgress struct {
	// Last is the stream's last sequence, Settled the one up to which
	// everything is settled.
	Last, Settled uint64
}

// Key is the first 128 bits of an object's id: how the history names it.
type Key [16]byte

// KeyOf returns the key of an object's id (see [batch.ObjectID]), and the zero
// key for what is no id.
func KeyOf(object string) (k Key) {
	text := strings.ToUpper(object) + strings.Repeat("A", (8-len(object)%8)%8) // whole groups
	if b, err := base32.StdEncoding.DecodeString(text); err == nil {
		copy(k[:], b)
	}
	return k
}

// Entry is what became of an object that is done, in short.
type Entry struct {
	Object Key
	// Time is when the entry was added. It is set by History.
	Time            time.Time
	Delivered, Dead uint64
	// Rejected says that the object, or its rest, is a dead letter.
	Rejected bool
}

// Seen returns the event that begins an object's account.
func Seen(o *logferryv1.Object) *logferryv1.LedgerEvent {
	return &logferryv1.LedgerEvent{
		ObjectId: o.GetId(), Connection: o.GetConnection(), Time: timestamppb.Now(),
		Event: &logferryv1.LedgerEvent_Seen{Seen: &logferryv1.Seen{Object: o}},
	}
}

// Fetched returns the event that says how many parts an object has.
func Fetched(connection, object string, f *logferryv1.Fetched) *logferryv1.LedgerEvent {
	return &logferryv1.LedgerEvent{
		ObjectId: object, Connection: connection, Time: timestamppb.Now(),
		Event: &logferryv1.LedgerEvent_Fetched{Fetched: f},
	}
}

// Part returns the event that settles a part of an object.
func Part(connection, object string, p *logferryv1.PartSettled) *logferryv1.LedgerEvent {
	return &logferryv1.LedgerEvent{
		ObjectId: object, Connection: connection, Time: timestamppb.Now(),
		Event: &logferryv1.LedgerEvent_Part{Part: p},
	}
}

// Settled returns the event that settles a part. A part that is all there is of
// its object, of so many records (whole; else 0), settles the object with it:
// then it is the object's last event.
func Settled(connection, object string, whole int64, p *logferryv1.PartSettled) *logferryv1.LedgerEvent {
	if whole == 0 {
		return Part(connection, object, p)
	}
	return done(connection, object, &logferryv1.Done{
		Parts: 1, Records: uint64(whole), Delivered: p.GetDelivered(), Dead: p.GetDead(), Filtered: p.GetFiltered(), Rejected: p.GetRejected(),
	})
}

func done(connection, object string, d *logferryv1.Done) *logferryv1.LedgerEvent {
	return &logferryv1.LedgerEvent{
		ObjectId: object, Connection: connection, Time: timestamppb.Now(),
		Event: &logferryv1.LedgerEvent_Done{Done: d},
	}
}

// IsSettled reports whether nothing is left to do for a part: it is settled
// itself, or its object is done and the part forgotten. Of a part that is whole
// (see [Settled]) the object's end is the only trace.
func IsSettled(ctx context.Context, s Store, connection, object string, part int, whole int64) (bool, error) {
	if whole == 0 {
		e, err := s.Event(ctx, connection, object, PartName(part))
		if err != nil || e != nil {
			return e != nil, err
		}
	}
	e, err := s.Event(ctx, connection, object, EventDone)
	return e != nil && covers(e.GetDone(), part), err
}

// covers reports whether an object that is done has accounted for the part. An
// object that was given up may have sent more before, in a life that nobody
// remembers; such a part is still to be written.
func covers(d *logferryv1.Done, part int) bool { return part < int(d.GetParts()) }
