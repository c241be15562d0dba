package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// HistoryBegin returns since when the history knows everything: what was done
// before may be in it or not. It is when the history was made, unless it has
// dropped its beginning since.
func (l *Ledger) HistoryBegin(ctx context.Context) (begin time.Time, err error) {
	err = l.patiently(ctx, func(ctx context.Context) error {
		stream, err := l.bus.js.Stream(ctx, streamHistory)
		if err != nil {
			return err
		}
		info := stream.CachedInfo()
		begin = info.Created
		if info.State.FirstSeq > 1 && info.State.FirstTime.After(begin) {
			begin = info.State.FirstTime
		}
		return nil
	})
	return begin.UTC(), err
}

// Append adds to the history; see [ledger.Store].
func (l *Ledger) Append(ctx context.Context, connection string, entries []ledger.Entry) error {
	h := &logferryv1.History{}
	for _, e := range entries {
		h.Objects = append(h.Objects, e.Object[:]...)
		h.Delivered, h.Dead, h.Rejected = append(h.Delivered, e.Delivered), append(h.Dead, e.Dead), append(h.Rejected, e.Rejected)
	}
	body, err := proto.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode history: %w", err)
	}
	_, err = l.bus.store(ctx, streamHistory, newMsg(ctx, subject(subjectHistory, connection), rand.Text(), contentHistory, body))
	return err
}

// History reads a connection's history; see [ledger.Store].
func (l *Ledger) History(ctx context.Context, connection string, since time.Time, each func(ledger.Entry)) error {
	from := jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject(subjectHistory, connection)}}
	if !since.IsZero() {
		from.DeliverPolicy, from.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	return l.bus.scan(ctx, streamHistory, from, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		entries, err := decodeHistory(msg)
		if err != nil {
			return fault.Permanent(fault.Undecodable, fmt.Errorf("sequence %d of stream %s: %w", meta.Sequence.Stream, streamHistory, err))
		}
		for _, e := range entries {
			e.Time = meta.Timestamp
			each(e)
		}
		return nil
	})
}

func decodeHistory(msg message) ([]ledger.Entry, error) {
	if err := checkMsg(msg, contentHistory); err != nil {
		return nil, err
	}
	h := new(logferryv1.History)
	if err := proto.Unmarshal(msg.Data(), h); err != nil {
		return nil, err
	}
	const size = len(ledger.Key{})
	n := len(h.GetObjects()) / size
	if n*size != len(h.GetObjects()) || n != len(h.GetDelivered()) || n != len(h.GetDead()) || n != len(h.GetRejected()) {
		return nil, errors.New("its columns are not of one length")
	}
	entries := make([]ledger.Entry, n)
	for i := range entries {
		entries[i] = ledger.Entry{
			Object:    ledger.Key(h.GetObjects()[i*size:]),
			Delivered: h.GetDelivered()[i], Dead: h.GetDead()[i], Rejected: h.GetRejected()[i],
		}
	}
	return entries, nil
}
