package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// bucketConnections is the key-value bucket with what is configured of
// connections and destinations, all of it under one key: so it changes as a
// whole, and its history tells what was before.
const (
	bucketConnections = "logferry-connections"
	keyConnections    = "set"
	setHistory        = 20
)

// documentBucket returns the bucket's settings.
func documentBucket() jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{Bucket: bucketConnections, Description: "connections and destinations", History: setHistory}
}

// ErrStale is the error of a document that somebody else has changed since it
// was loaded.
var ErrStale = errors.New("the document has been changed by somebody else")

// Document is the text of what is configured of connections and destinations,
// shared by all processes on the bus. It is safe for concurrent use.
type Document struct{ store jetstream.KeyValue }

// Document returns the shared document, whose bucket it makes when it is not
// there: what is in it decides how the rest of the bus is laid out.
func (b *Bus) Document(ctx context.Context) (*Document, error) {
	if err := b.ensureBucket(ctx, documentBucket()); err != nil {
		return nil, err
	}
	d := new(Document)
	err := untilReady(ctx, func() (err error) {
		d.store, err = b.js.KeyValue(ctx, bucketConnections)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", bucketConnections, err)
	}
	return d, nil
}

// String names the document's place.
func (d *Document) String() string {
	return fmt.Sprintf("key %s of bucket %s", keyConnections, bucketConnections)
}

// Load returns the text and its revision; 0 when there is none.
func (d *Document) Load(ctx context.Context) (text []byte, revision uint64, err error) {
	var entry jetstream.KeyValueEntry
	err = untilReady(ctx, func() (err error) {
		entry, err = d.store.Get(ctx, keyConnections)
		return err
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("load %s: %w", d, err)
	}
	return entry.Value(), entry.Revision(), nil
}

// Save replaces the text that has this revision, 0 for none; [ErrStale] says
// that it has another one by now.
func (d *Document) Save(ctx context.Context, text []byte, revision uint64) (uint64, error) {
	var saved uint64
	err := untilReady(ctx, func() (err error) {
		if revision == 0 { // also where somebody has deleted it by hand
			saved, err = d.store.Create(ctx, keyConnections, text)
		} else {
			saved, err = d.store.Update(ctx, keyConnections, text, revision)
		}
		return err
	})
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return 0, ErrStale
	}
	if err != nil {
		return 0, fmt.Errorf("save %s: %w", d, err)
	}
	return saved, nil
}
