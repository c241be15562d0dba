package lookup

import (
	"context"
	"sync"
	"time"
)

const (
	// The quota of LookupEvents is two calls a second for each account and region,
	// and everybody in the account shares it: the console, other tools. So some
	// of it is left to them. The time is that between an answer and the next
	// call, which holds the quota however long calls are on their way.
	restTime = 600 * time.Millisecond
	// maxRest bounds the rest of who is throttled.
	maxRest = 30 * time.Second
)

// paces are the paces of all accounts and regions.
type paces struct {
	mu   sync.Mutex
	each map[string]*pace
}

// of returns the pace of an account and region.
func (p *paces) of(account, region string, clock Clock) *pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := account + " " + region
	if p.each[key] == nil {
		// Another life may just have made a call.
		p.each[key] = &pace{clock: clock, turn: make(chan struct{}, 1), rest: restTime, next: clock.Now().Add(restTime)}
	}
	return p.each[key]
}

// pace makes calls one after the other, with a rest between them. The readers of
// an account and region share it, each in its turn.
type pace struct {
	clock Clock
	turn  chan struct{} // holds a token during a call; guards the rest
	rest  time.Duration
	next  time.Time
}

// call calls f when it is time to. A throttled call makes the rest longer, until
// calls succeed again.
func (p *pace) call(ctx context.Context, f func() error) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.turn }()
	// A clock that was set back must not hold calls up.
	if wait := min(p.next.Sub(p.clock.Now()), p.rest); wait > 0 {
		if err := p.clock.Sleep(ctx, wait); err != nil {
			return err
		}
	}
	err := f()
	switch {
	case err == nil:
		p.rest = max(restTime, p.rest*3/4)
	case kindOf(err) == throttled:
		p.rest = min(max(2*p.rest, time.Second), maxRest)
	}
	p.next = p.clock.Now().Add(p.rest)
	return err
}
