package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Ledger is the ledger on the streams LEDGER and HISTORY. It implements
// [ledger.Store].
type Ledger struct{ bus *Bus }

// Ledger returns the account of what became of every object.
func (b *Bus) Ledger() *Ledger { return &Ledger{b} }

// Record enters an event; see [ledger.Store].
func (l *Ledger) Record(ctx context.Context, e *logferryv1.LedgerEvent) (first bool, err error) {
	msg, err := ledgerMsg(ctx, e)
	if err != nil {
		return false, fault.Permanent(fault.Internal, err)
	}
	again, err := l.bus.store(ctx, streamLedger, msg)
	if err != nil {
		return false, err
	}
	outcome := "new"
	if again {
		outcome = "known"
	}
	l.bus.metrics.ledger.WithLabelValues(kind(e), outcome).Inc()
	return !again, nil
}

// kind is the event's name, with one name for all parts.
func kind(e *logferryv1.LedgerEvent) string {
	if e.GetPart() != nil {
		return "part"
	}
	return ledger.Name(e)
}

// ledgerMsg is the message of an event. Its id is of this call: a try whose
// answer was lost is known by it, the same event by another is refused.
func ledgerMsg(ctx context.Context, e *logferryv1.LedgerEvent) (*nats.Msg, error) {
	name := ledger.Name(e)
	if err := checkTokens(e.GetConnection(), e.GetObjectId(), name); err != nil {
		return nil, fmt.Errorf("ledger event: %w", err)
	}
	body, err := proto.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode ledger event: %w", err)
	}
	return newMsg(ctx, subject(subjectLedger, e.GetConnection(), e.GetObjectId(), name), rand.Text(), contentLedger, body), nil
}

// Event returns an event of an object; see [ledger.Store].
func (l *Ledger) Event(ctx context.Context, connection, object, name string) (*logferryv1.LedgerEvent, error) {
	if err := checkTokens(connection, object, name); err != nil {
		return nil, fault.Permanent(fault.Internal, fmt.Errorf("ledger event: %w", err))
	}
	var e *logferryv1.LedgerEvent
	err := l.patiently(ctx, func(ctx context.Context) (err error) {
		e, err = l.event(ctx, subject(subjectLedger, connection, object, name))
		return err
	})
	return e, err
}

func (l *Ledger) event(ctx context.Context, subject string) (*logferryv1.LedgerEvent, error) {
	stream, err := l.bus.handle(ctx, streamLedger)
	if err != nil {
		return nil, err
	}
	msg, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := decodeEvent(stored{msg}, subject, msg.Sequence)
	if err != nil {
		return nil, l.setAside(ctx, msg, err)
	}
	return e, nil
}

// setAside keeps an event that cannot be read as a dead letter and removes it
// from the ledger: then it has not happened. At worst a part is written twice;
// if it were kept, its object would never be done.
func (l *Ledger) setAside(ctx context.Context, msg *jetstream.RawStreamMsg, cause error) error {
	tokens := strings.Split(msg.Subject, ".") // logferry.ledger.<connection>.<object>.<event>
	l.bus.log.Error("an event in the ledger cannot be read; it is kept as a dead letter and taken as not happened", "err", cause)
	err := l.bus.Graveyard().Bury(ctx, stage.DeadLetter{
		ID: fmt.Sprintf("ledger.%s.%d", msg.Subject, msg.Time.UnixNano()), Stage: "ledger", Reason: fault.Undecodable, Error: cause.Error(),
		Connection: tokens[2], Object: tokens[3], Part: -1, Offset: -1, Attempts: 1, Time: time.Now(),
		ContentType: contentLedger, Body: msg.Data, BodySize: int64(len(msg.Data)),
	})
	if err != nil {
		return err
	}
	stream, err := l.bus.handle(ctx, streamLedger)
	if err != nil {
		return err
	}
	if err := stream.DeleteMsg(ctx, msg.Sequence); err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("remove %s, sequence %d: %w", msg.Subject, msg.Sequence, err)
	}
	return nil
}

// patiently calls f until it succeeds, waiting out a bus that cannot be
// reached, for as long as ctx allows. What cannot be read is no reason to wait.
func (l *Ledger) patiently(ctx context.Context, f func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		call, cancel := context.WithTimeout(ctx, requestTimeout)
		err := f(call)
		cancel()
		if err == nil || fault.IsPermanent(err) || ctx.Err() != nil {
			return err
		}
		l.bus.forgetHandle(streamLedger) // how it may be asked can have changed
		if attempt == 3 {
			l.bus.log.Warn("the ledger does not answer; trying again", "err", err)
		}
		if werr := fault.Sleep(ctx, busWait(err, attempt)); werr != nil {
			return errors.Join(werr, err)
		}
	}
}

// Events returns all events of an object; see [ledger.Store].
func (l *Ledger) Events(ctx context.Context, connection, object string) ([]*logferryv1.LedgerEvent, error) {
	if err := checkTokens(connection, object); err != nil {
		return nil, fault.Permanent(fault.Internal, fmt.Errorf("ledger: %w", err))
	}
	var events []*logferryv1.LedgerEvent
	err := l.patiently(ctx, func(ctx context.Context) error {
		stream, err := l.bus.handle(ctx, streamLedger)
		if err != nil {
			return err
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject(subjectLedger, connection, object, "*")))
		if err != nil {
			return err
		}
		events = nil
		for name := range info.State.Subjects {
			e, err := l.event(ctx, name)
			if err != nil {
				return err
			}
			if e != nil { // forgotten in between
				events = append(events, e)
			}
		}
		return nil
	})
	return events, err
}

// Follow follows a connection's events; see [ledger.Store].
func (l *Ledger) Follow(ctx context.Context, connection string, begun func(), each func(*logferryv1.LedgerEvent)) error {
	stream, err := l.bus.handle(ctx, streamLedger)
	if err != nil {
		return err
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject(subjectLedger, connection, ">")},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: info.State.LastSeq + 1,
	})
	if err != nil {
		return fmt.Errorf("follow the ledger: %w", err)
	}
	defer l.bus.drop(streamLedger, consumer)
	messages, err := consumer.Messages(jetstream.PullMaxBytes(pullBytes))
	if err != nil {
		return fmt.Errorf("follow the ledger: %w", err)
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	defer func() {
		stop()
		messages.Stop()
	}()
	begun()
	for {
		msg, err := messages.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow the ledger: %w", err)
		}
		var sequence uint64
		if meta, err := msg.Metadata(); err == nil {
			sequence = meta.Sequence.Stream
		}
		e, err := decodeEvent(msg, msg.Subject(), sequence)
		if err != nil {
			l.bus.log.Error("an event in the ledger cannot be read and is passed over", "err", err)
			continue
		}
		each(e)
	}
}

// decodeEvent reads an event. The error names where it lies.
func decodeEvent(msg message, subject string, sequence uint64) (*logferryv1.LedgerEvent, error) {
	e := new(logferryv1.LedgerEvent)
	err := checkMsg(msg, contentLedger)
	if err == nil {
		err = proto.Unmarshal(msg.Data(), e)
	}
	if err == nil && ledger.Name(e) == "" {
		err = errors.New("it has no kind")
	}
	if err != nil {
		return nil, fault.Permanent(fault.Undecodable, fmt.Errorf("ledger event %s, sequence %d of stream %s: %w", subject, sequence, streamLedger, err))
	}
	return e, nil
}

// stored is a message read from a stream by itself.
type stored struct{ *jetstream.RawStreamMsg }

// Data returns the body.
func (s stored) Data() []byte { return s.RawStreamMsg.Data }

// Headers returns the headers.
func (s stored) Headers() nats.Header { return s.Header }

// Forget drops the events of an object but the last; see [ledger.Store].
func (l *Ledger) Forget(ctx context.Context, connection, object string) error {
	stream, err := l.bus.handle(ctx, streamLedger)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	last, err := stream.GetLastMsgForSubject(ctx, subject(subjectLedger, connection, object, ledger.EventDone))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// Up to it, not all but one: an event that came late must not take its place.
	return stream.Purge(ctx, jetstream.WithPurgeSubject(subject(subjectLedger, connection, object, "*")), jetstream.WithPurgeSequence(last.Sequence))
}

// Progress reads how far the stages are; see [ledger.Store].
func (l *Ledger) Progress(ctx context.Context, destination string) (ledger.Progress, error) {
	created, err := l.bus.watchFill(ctx)
	if err != nil {
		return ledger.Progress{}, err
	}
	p := ledger.Progress{Epoch: created.String()}
	for _, name := range []string{streamObjects, streamRaw, rowsStream(destination)} {
		r, err := l.bus.read(ctx, name)
		if err != nil {
			return ledger.Progress{}, err
		}
		p.Epoch += " " + r.created.String()
		p.Streams = append(p.Streams, ledger.StreamProgress{Last: r.state.LastSeq, Settled: r.settled()})
	}
	return p, nil
}
