package bus

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/batch"
)

// Header is what the headers of a batch on the bus say. What they do not say,
// or say wrongly, is empty.
type Header struct {
	Meta batch.Meta
	// Rows is the number of rows or records.
	Rows int64
	// Stored is when the batch was stored on the bus.
	Stored time.Time
}

// Headers calls each with the headers of the batches that are selected, in the
// order of their streams. Nothing on the bus is changed.
func (b *Bus) Headers(ctx context.Context, s Selection, each func(Header)) error {
	spans, err := b.spans(ctx, s)
	if err != nil {
		return err
	}
	for _, sp := range spans {
		if sp.end, err = b.lastUntil(ctx, sp.stream, s.Until); err != nil {
			return err
		}
		if err := b.headers(ctx, sp, s.Since, each); err != nil {
			return err
		}
	}
	return nil
}

// Headers calls each with the headers of the batches that the replay has still
// to do. A few that are settled before others may be among them.
func (r *Replay) Headers(ctx context.Context, each func(Header)) error {
	for _, sp := range r.spans {
		if err := r.bus.headers(ctx, sp, r.Selection.Since, each); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bus) headers(ctx context.Context, sp span, since time.Time, each func(Header)) error {
	from := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{sp.filter}, HeadersOnly: true,
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
	}
	if sp.first > 0 {
		from.DeliverPolicy, from.OptStartTime, from.OptStartSeq = jetstream.DeliverByStartSequencePolicy, nil, sp.first
	}
	err := b.scan(ctx, sp.stream, from, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if meta.Sequence.Stream > sp.end {
			return errPastEnd
		}
		m, _ := readMeta(msg.Headers()) // what can be read will do
		rows, _ := strconv.ParseInt(msg.Headers().Get(headerRows), 10, 64)
		each(Header{Meta: m, Rows: rows, Stored: meta.Timestamp})
		return nil
	})
	if errors.Is(err, errPastEnd) {
		return nil
	}
	return err
}
