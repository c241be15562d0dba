package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// handle returns a stream to ask things of, looked up once.
func (b *Bus) handle(ctx context.Context, name string) (jetstream.Stream, error) {
	b.mu.Lock()
	known := b.handles[name]
	b.mu.Unlock()
	if known != nil {
		return known, nil
	}
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handles[name] = stream
	return stream, nil
}

// forgetHandle has a stream looked up again.
func (b *Bus) forgetHandle(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.handles, name)
}

// quietTime is how long a scan waits for a message before it looks whether
// there still is one.
const quietTime = time.Second

// scan reads a stream as far as it goes now, beside the workers: from is where
// to begin and what subjects are wanted. An error of each ends it.
func (b *Bus) scan(ctx context.Context, name string, from jetstream.OrderedConsumerConfig, each func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	consumer, err := b.js.OrderedConsumer(ctx, name, from)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	defer b.drop(name, consumer)
	info, err := consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	if info.NumPending+uint64(info.NumAckPending)+info.Delivered.Consumer == 0 {
		return nil
	}
	messages, err := consumer.Messages(jetstream.PullMaxBytes(pullBytes))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	defer func() {
		stop()
		messages.Stop()
	}()
	for {
		msg, err := messages.Next(jetstream.NextMaxWait(quietTime))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, nats.ErrTimeout) { // what it waits for may have been removed
			if info, err := consumer.Info(ctx); err == nil && info.NumPending == 0 {
				return nil
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		if err := each(msg, meta); err != nil {
			return err
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}

// drop removes a consumer that only read along. One that cannot be removed goes
// by itself after some minutes.
func (b *Bus) drop(stream string, consumer jetstream.Consumer) {
	if info := consumer.CachedInfo(); info != nil && b.Connected() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		_ = b.js.DeleteConsumer(ctx, stream, info.Name)
	}
}
