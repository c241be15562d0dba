package replay

import (
	"context"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
)

// pace lets so many rows pass a second. The zero rate lets all pass. It is safe
// for concurrent use.
type pace struct {
	rate int

	mu   sync.Mutex
	next time.Time // when the next rows may pass
}

// wait returns when rows may pass. Those that come after them wait for as long
// as these take.
func (p *pace) wait(ctx context.Context, rows int64) error {
	if p.rate == 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(rows) * time.Second / time.Duration(p.rate))
	p.mu.Unlock()
	return fault.Sleep(ctx, wait)
}

// paced makes the stage wait for the pace before it writes. Who waits gives its
// batch back as soon as command ends.
func paced(command context.Context, p *pace, s *stage.Stage[*batch.Batch, struct{}]) *stage.Stage[*batch.Batch, struct{}] {
	write := s.Handle
	s.Handle = func(ctx context.Context, in *batch.Batch, out *stage.Emitter[struct{}]) error {
		waiting, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(command, cancel)()
		if err := p.wait(waiting, in.Record.NumRows()); err != nil {
			in.Release()
			return fault.After(0, err)
		}
		return write(ctx, in, out)
	}
	return s
}
