package bus

import (
	"context"
	"time"
)

// HistoryBegin returns since when the history knows everything: what was done
// before may be in it or not. It is when the history was made, unless it has
// dropped its beginning since.
func (l *Ledger) HistoryBegin(ctx context.Context) (begin time.Time, err error) {
	err = l.patiently(ctx, func(ctx context.Context) error {
		stream, err := l.bus.js.Stream(ctx, streamHistory)
		if err != nil {
			return err
		}
		info := stream.CachedInfo()
		begin = info.Created
		if info.State.FirstSeq > 1 && info.State.FirstTime.After(begin) {
			begin = info.State.FirstTime
		}
		return nil
	})
	return begin.UTC(), err
}
