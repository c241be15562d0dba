package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Health is how the bus is at one moment.
type Health struct {
	// Server is the version of the server that answers.
	Server  string
	Streams []StreamHealth
	// Workers are the services' consumers.
	Workers []WorkerHealth
}

// StreamHealth is how one stream is.
type StreamHealth struct {
	Name     string
	Messages int64
	// Bytes are those that are taken, Limit those that there are.
	Bytes, Limit int64
	// Refuses says that a full stream takes no more, and everything stops; one
	// that does not drops what is oldest.
	Refuses bool
	// Wanted is how many replicas the configuration asks for, Replicas how many
	// the stream has, and Current how many of those hold all that is in it.
	Wanted, Replicas, Current int
}

// WorkerHealth is how one of the services' consumers is.
type WorkerHealth struct {
	Stream, Name string
	// Waiting is what nobody has taken yet, InWork what is not settled, and
	// Redelivered how much of that was handed out more than once.
	Waiting, InWork, Redelivered int64
	// Attended says that somebody asks for work, or has some.
	Attended bool
	// Oldest is since when the first message that is not settled is in the
	// stream, and Connection whose it is; zero and empty: there is none.
	Oldest     time.Time
	Connection string
}

// Health looks at the streams and the services' consumers of the configuration.
// It changes nothing.
func (b *Bus) Health(ctx context.Context) (Health, error) {
	h := Health{Server: b.conn.ConnectedServerVersion()}
	for _, want := range b.streams() {
		s, err := b.js.Stream(ctx, want.Name)
		if err != nil {
			return h, fmt.Errorf("stream %s: %w", want.Name, err)
		}
		info := s.CachedInfo()
		h.Streams = append(h.Streams, streamHealth(want, info))
		r := reading{stream: want.Name, state: info.State}
		if r.consumers, err = b.consumers(ctx, want.Name); err != nil {
			return h, err
		}
		if err := b.complete(ctx, &r); err != nil {
			return h, err
		}
		for _, consumer := range r.consumers {
			if !isService(consumer.Name) {
				continue
			}
			w, err := b.workerHealth(ctx, s, consumer)
			if err != nil {
				return h, err
			}
			h.Workers = append(h.Workers, w)
		}
	}
	slices.SortStableFunc(h.Workers, func(a, b WorkerHealth) int { return strings.Compare(a.Name, b.Name) })
	return h, nil
}

func streamHealth(want jetstream.StreamConfig, info *jetstream.StreamInfo) StreamHealth {
	h := StreamHealth{
		Name: want.Name, Messages: int64(info.State.Msgs), Bytes: int64(info.State.Bytes), Limit: info.Config.MaxBytes,
		Refuses: info.Config.Discard == jetstream.DiscardNew,
		Wanted:  max(want.Replicas, 1), Replicas: max(info.Config.Replicas, 1), Current: 1,
	}
	if info.Cluster == nil {
		return h
	}
	if info.Cluster.Leader == "" {
		h.Current = 0
	}
	for _, peer := range info.Cluster.Replicas {
		if peer.Current && !peer.Offline {
			h.Current++
		}
	}
	return h
}

func (b *Bus) workerHealth(ctx context.Context, s jetstream.Stream, info *jetstream.ConsumerInfo) (WorkerHealth, error) {
	w := WorkerHealth{
		Stream: info.Stream, Name: info.Name,
		Waiting: int64(info.NumPending), InWork: int64(info.NumAckPending), Redelivered: int64(info.NumRedelivered),
		Attended: info.NumWaiting+info.NumAckPending > 0,
	}
	if backlog(info) == 0 {
		return w, nil
	}
	msg, err := s.GetMsg(ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject(info.Config.FilterSubject))
	if errors.Is(err, jetstream.ErrMsgNotFound) { // settled in between, or dropped
		return w, nil
	}
	if err != nil {
		return w, fmt.Errorf("the oldest message of consumer %s: %w", info.Name, err)
	}
	w.Oldest, w.Connection = msg.Time.UTC(), msg.Header.Get(headerConnection)
	return w, nil
}

// LastDone returns when the bus was last told that an object of the connection
// is done; the zero time when nothing is known of any.
func (b *Bus) LastDone(ctx context.Context, connection string) (time.Time, error) {
	if err := checkTokens(connection); err != nil {
		return time.Time{}, err
	}
	s, err := b.handle(ctx, streamHistory)
	if err != nil {
		return time.Time{}, err
	}
	msg, err := s.GetLastMsgForSubject(ctx, subject(subjectHistory, connection))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("the last object of connection %s: %w", connection, err)
	}
	return msg.Time.UTC(), nil
}
