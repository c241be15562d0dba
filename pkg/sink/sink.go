// Package sink is where rows end. Each kind of sink is a folder below this
// one: azure posts rows to the Logs Ingestion API, file writes them to a
// directory.
package sink

import (
	"context"

	"github.com/logferry/logferry/pkg/batch"
)

// Sink takes rows to one destination.
type Sink interface {
	// Write returns once every row of b is durable at the destination, or
	// known never to be: those rows are returned, in order. It may hold the
	// batch for a moment to fill a call with others, and is meant to be called
	// from many goroutines at once.
	//
	// A trouble that may pass (throttling, a missing role, an outage) is not
	// an error: Write tries again for as long as ctx allows. An error means
	// that ctx ended, or that the sink cannot say what became of the rows;
	// then the whole batch is to be written again. Write does not release b
	// and keeps nothing of it after it returns.
	//
	// When ctx ends, rows that are on their way, or of which some are there
	// already, may still arrive: Write then waits for up to 10 seconds to learn
	// of it, and otherwise returns at once. So ctx may have ended and the error
	// be nil: the rows are there, and must not be written again.
	Write(ctx context.Context, b *batch.Batch) (rejected []Rejected, err error)
	// Close ends the sink after the Writes in progress have returned.
	Close(ctx context.Context) error
}

// Rejected is a row that the destination will never take.
type Rejected struct {
	// Row is the row's index in the batch.
	Row int
	// Err is a permanent fault that says why.
	Err error
}
