package bus

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// reading is the state of a stream of work and of the services' consumers on
// it, at one moment.
type reading struct {
	stream    string
	created   time.Time
	state     jetstream.StreamState
	maxBytes  int64
	consumers []*jetstream.ConsumerInfo
}

// read takes a reading. The stream is read before its consumers: what they
// have settled is judged by an end that is not later than they are.
func (b *Bus) read(ctx context.Context, stream string) (reading, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return reading{}, fmt.Errorf("stream %s: %w", stream, err)
	}
	info := s.CachedInfo()
	r := reading{stream: stream, created: info.Created, state: info.State, maxBytes: info.Config.MaxBytes}
	if r.consumers, err = b.consumers(ctx, stream); err != nil {
		return r, err
	}
	return r, b.complete(ctx, &r)
}

// complete adds the consumers that the list was without, and fails if there is
// one that cannot be asked: without it, what it has not settled would look
// settled. A cluster lists those that have no leader at the moment as if they
// were not there.
func (b *Bus) complete(ctx context.Context, r *reading) error {
	for durable := range b.durables[r.stream] {
		if slices.ContainsFunc(r.consumers, func(info *jetstream.ConsumerInfo) bool { return info.Name == durable }) {
			continue
		}
		consumer, err := b.js.Consumer(ctx, r.stream, durable)
		if err != nil {
			return fmt.Errorf("consumer %s of stream %s: %w", durable, r.stream, err)
		}
		r.consumers = append(r.consumers, consumer.CachedInfo())
	}
	return nil
}

func (r reading) limit() int64 {
	if r.maxBytes <= 0 {
		return math.MaxInt64
	}
	return r.maxBytes
}

// settled returns the sequence up to which everything is settled. A consumer
// with a filter may have settled more than it can tell.
func (r reading) settled() uint64 {
	floor := r.state.LastSeq
	for _, info := range r.consumers {
		if backlog(info) > 0 {
			floor = min(floor, info.AckFloor.Stream)
		}
	}
	return floor
}

// undelivered estimates the bytes from the first message that some consumer
// has not settled to the end of the stream.
func (r reading) undelivered() int64 {
	floor, state := r.settled(), r.state
	if state.Msgs == 0 || floor >= state.LastSeq {
		return 0
	}
	behind := min(state.LastSeq-floor, state.Msgs)
	return int64(float64(state.Bytes) * float64(behind) / float64(state.Msgs))
}

// nearlyFull is how full a stream may be that refuses messages when it is.
const nearlyFull = 0.9

// watchFill tells how full the streams are that refuse messages when they are
// full, and when the ledger was made.
func (b *Bus) watchFill(ctx context.Context) (created time.Time, err error) {
	for _, name := range []string{streamDead, streamLedger} {
		s, err := b.js.Stream(ctx, name)
		if err != nil {
			return time.Time{}, fmt.Errorf("stream %s: %w", name, err)
		}
		info := s.CachedInfo()
		created = info.Created
		fill := float64(info.State.Bytes) / float64(info.Config.MaxBytes)
		b.metrics.fill.WithLabelValues(name).Set(fill)
		if _, warned := b.warned.Load(name); fill >= nearlyFull && !warned {
			b.warned.Store(name, true)
			b.log.Error("a stream is nearly full, and nothing goes on when it is: dismiss dead letters, shorten bus.ledger or raise bus.max_bytes",
				"stream", name, "bytes", info.State.Bytes, "limit", info.Config.MaxBytes)
		} else if fill < nearlyFull {
			b.warned.Delete(name)
		}
	}
	return created, nil
}

// losses finds messages that a stream's limits removed before they were
// delivered. It remembers, for each consumer, the oldest message that was not
// settled at the last look.
type losses struct {
	oldest map[string]waiting
}

// waiting is a message that is not settled.
type waiting struct {
	sequence uint64
	since    time.Time
}

// look compares a reading with the one before, and takes note of the oldest
// messages that wait now. What is lost comes again: the pollers see that its
// object is not done and publish it anew.
func (l *losses) look(b *Bus, r reading) {
	now := make(map[string]waiting, len(r.consumers))
	for _, info := range r.consumers {
		old := l.oldest[info.Name]
		unsettled := old.sequence > info.AckFloor.Stream
		if unsettled && old.sequence < r.state.FirstSeq {
			b.metrics.lost.WithLabelValues(r.stream).Inc()
			b.log.Error("the bus has dropped messages that were not delivered: their age or the stream's size was over the limit; "+
				"their objects will be read again; raise bus.max_bytes or bus.replay, or mend what is slow",
				"stream", r.stream, "consumer", info.Name, "oldest_undelivered", old.sequence, "first", r.state.FirstSeq)
			unsettled = false
		}
		age := 0.0
		if backlog(info) > 0 {
			if !unsettled {
				old = b.oldestWaiting(r, info)
			}
			now[info.Name], age = old, time.Since(old.since).Seconds()
		}
		b.metrics.waiting.WithLabelValues(info.Name).Set(age)
	}
	l.oldest = now
}

// oldestWaiting returns the first message that the consumer has not settled,
// or one without sequence when it cannot be told.
func (b *Bus) oldestWaiting(r reading, info *jetstream.ConsumerInfo) waiting {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	s, err := b.handle(ctx, r.stream)
	if err != nil {
		return waiting{since: time.Now()}
	}
	msg, err := s.GetMsg(ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject(info.Config.FilterSubject))
	if err != nil {
		return waiting{since: time.Now()}
	}
	return waiting{msg.Sequence, msg.Time}
}
