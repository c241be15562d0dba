package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/fault"
)

// bucketCheckpoints is the key-value bucket that holds how far long commands
// are: one key a command with its parameters, its state as JSON.
const bucketCheckpoints = "logferry-checkpoints"

// Checkpoints hold how far long commands are, so that one that was interrupted
// goes on where it was. They are safe for concurrent use.
type Checkpoints struct {
	bus   *Bus
	store jetstream.KeyValue
}

// Checkpoints returns the checkpoints of all commands.
func (b *Bus) Checkpoints(ctx context.Context) (*Checkpoints, error) {
	c := &Checkpoints{bus: b}
	err := untilReady(ctx, func() (err error) {
		c.store, err = b.js.KeyValue(ctx, bucketCheckpoints)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", bucketCheckpoints, err)
	}
	return c, nil
}

// Load reads the checkpoint with this key into v, a pointer to what was saved,
// and calls check, which looks whether it can be used. It reports whether there
// is one. A checkpoint that cannot be read, or that check refuses, is an error
// that names its place.
func (c *Checkpoints) Load(ctx context.Context, key string, v any, check func() error) (bool, error) {
	var entry jetstream.KeyValueEntry
	err := untilReady(ctx, func() (err error) {
		entry, err = c.store.Get(ctx, key)
		return err
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("key %s of bucket %s: %w", key, bucketCheckpoints, err)
	}
	if err = json.Unmarshal(entry.Value(), v); err == nil {
		err = check()
	}
	if err != nil {
		return false, fault.Permanent(fault.Undecodable, fmt.Errorf("checkpoint: key %s, revision %d of bucket %s: %w", key, entry.Revision(), bucketCheckpoints, err))
	}
	return true, nil
}

// Save stores v as the checkpoint with this key.
func (c *Checkpoints) Save(ctx context.Context, key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w", key, err)
	}
	err = untilReady(ctx, func() error {
		_, err := c.store.Put(ctx, key, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("save checkpoint: key %s of bucket %s: %w", key, bucketCheckpoints, err)
	}
	return nil
}

// Remove drops the checkpoint with this key, if there is one.
func (c *Checkpoints) Remove(ctx context.Context, key string) error {
	if err := untilReady(ctx, func() error { return c.store.Purge(ctx, key) }); err != nil {
		return fmt.Errorf("remove checkpoint: key %s of bucket %s: %w", key, bucketCheckpoints, err)
	}
	return nil
}
