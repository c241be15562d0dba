// Package bus carries work between the stages on NATS JetStream. It is the
// only package that knows NATS: the rest sees sources, publishers and a
// graveyard (package stage).
package bus

import (
	"context"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Bus is a connection to the bus, and the server itself when it is embedded.
type Bus struct{}

// Objects is the work of the fetcher.
func (b *Bus) Objects(ctx context.Context) (stage.Source[*logferryv1.Object], error) { return nil, nil }

// Raw is the work of the parser.
func (b *Bus) Raw(ctx context.Context) (stage.Source[*batch.Batch], error) { return nil, nil }

// Rows is the work of the writer: the rows of one table for one destination.
func (b *Bus) Rows(ctx context.Context, destination, table string) (stage.Source[*batch.Batch], error) {
	return nil, nil
}

// PublishObjects is where the poller's objects go.
func (b *Bus) PublishObjects() stage.Publisher[*logferryv1.Object] { return nil }

// PublishRaw is where the fetcher's batches go.
func (b *Bus) PublishRaw() stage.Publisher[*batch.Batch] { return nil }

// PublishRows is where the parser's batches go.
func (b *Bus) PublishRows() stage.Publisher[*batch.Batch] { return nil }

// Graveyard keeps the dead letters of all stages.
func (b *Bus) Graveyard() stage.Graveyard { return nil }
