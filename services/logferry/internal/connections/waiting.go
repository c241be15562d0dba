package connections

import (
	"context"
	"fmt"

	"github.com/logferry/logferry/pkg/ledger"
)

// Waiting is what waits on the bus, at most: a stage may be ahead of what it
// has settled in order.
type Waiting struct {
	// Objects are those not fetched yet and Parts those not parsed yet, of all
	// connections; Rows are batches not written yet to the destination.
	Objects, Parts, Rows uint64
}

// WaitingFor reads what waits for a destination.
func WaitingFor(ctx context.Context, s ledger.Store, destination string) (w Waiting, err error) {
	p, err := s.Progress(ctx, destination)
	if err != nil {
		return w, fmt.Errorf("read how far the services are: %w", err)
	}
	for i, count := range []*uint64{&w.Objects, &w.Parts, &w.Rows} {
		if i < len(p.Streams) {
			*count = p.Streams[i].Last - p.Streams[i].Settled
		}
	}
	return w, nil
}

// String tells what waits.
func (w Waiting) String() string {
	if w == (Waiting{}) {
		return "nothing waits on the bus"
	}
	return fmt.Sprintf("on the bus wait at most %d objects and %d parts, of all connections, and %d batches for the destination", w.Objects, w.Parts, w.Rows)
}
