package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/stage"
)

const (
	// replayLook is how often a replay looks whether everything is settled.
	replayLook = 200 * time.Millisecond
	// replayBeyond is how long a replay waits after each batch from beyond its
	// end. It gets some when it waits for others to come again.
	replayBeyond = 100 * time.Millisecond
)

// replaySource is a source that ends.
type replaySource struct {
	*source[*batch.Batch]
	end   uint64 // the last sequence
	watch sync.Once

	mu   sync.Mutex
	left error // why not everything is settled; nil: everything is
}

var errReplayLeft = errors.New("not everything is settled")

func newReplaySource(ctx context.Context, b *Bus, sp span, durable string) (*replaySource, error) {
	s, err := newSource(ctx, b, sp.stream, durable, pullBatches, decodeBatch, batchLetter)
	if err != nil {
		return nil, err
	}
	return &replaySource{source: s, end: sp.end, left: errReplayLeft}, nil
}

// Next returns the next delivery. The first call starts the source; its ctx
// ends it.
func (s *replaySource) Next(ctx context.Context) (stage.Delivery[*batch.Batch], error) {
	s.watch.Do(func() {
		own, stop := context.WithCancel(ctx)
		s.start.Do(func() { s.bus.loops.Go(func() { s.run(own) }) })
		s.bus.loops.Go(func() {
			defer stop()
			s.awaitEnd(own)
		})
	})
	for {
		d, err := s.source.Next(ctx)
		if err != nil || !s.isBeyond(d) {
			return d, err
		}
		pause := time.NewTimer(replayBeyond)
		select {
		case <-pause.C:
		case <-s.ended:
		case <-ctx.Done():
		}
		pause.Stop()
	}
}

// isBeyond reports whether a delivery lies beyond the end, and settles it then:
// it belongs to no replay.
func (s *replaySource) isBeyond(d stage.Delivery[*batch.Batch]) bool {
	own, ok := d.(*delivery[*batch.Batch])
	if !ok {
		return false
	}
	meta, err := own.msg.Metadata()
	if err != nil || meta.Sequence.Stream <= s.end {
		return false
	}
	defer s.release(own)
	if err := own.msg.Ack(); err != nil {
		s.log.Debug("cannot settle a batch from beyond the end", "err", err)
	}
	return true
}

// awaitEnd returns when everything up to the end is settled, when nothing can
// be any more, or when ctx or the bus ends.
func (s *replaySource) awaitEnd(ctx context.Context) {
	look := time.NewTicker(replayLook)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		case <-s.bus.closing:
			return
		}
		info, err := s.bus.consumerInfo(ctx, s.stream, s.consumer.CachedInfo().Name)
		switch {
		case err == nil && s.isWhole(info):
			s.leave(nil)
			return
		case errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound):
			s.leave(errors.New("its consumer is gone: another process has ended the replay, or the bus has lost it"))
			return
		}
	}
}

// consumerInfo asks for the state of a consumer, once.
func (b *Bus) consumerInfo(ctx context.Context, stream, name string) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	consumer, err := b.js.Consumer(ctx, stream, name)
	if err != nil {
		return nil, err
	}
	return consumer.CachedInfo(), nil
}

// isWhole reports whether everything up to the end is settled.
func (s *replaySource) isWhole(info *jetstream.ConsumerInfo) bool {
	return backlog(info) == 0 || info.AckFloor.Stream >= s.end
}

func (s *replaySource) leave(left error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = left
}

// ending says what is left, nil for nothing.
func (s *replaySource) ending() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}
