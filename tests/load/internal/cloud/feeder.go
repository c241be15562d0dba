package cloud

import (
	"context"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
)

// feeder announces the objects of the stock.
type feeder struct {
	stock   *stock
	counter *counter
	send    func(item) error

	wg conc.WaitGroup

	mu      sync.Mutex
	stop    context.CancelFunc // of the feed in progress; nil: none
	ended   chan struct{}      // closed when it has ended
	starved time.Duration
	err     error
}

// start ends the feed in progress and begins another, which lasts until its
// limits, halt, or the end of ctx.
func (f *feeder) start(ctx context.Context, how Feed) {
	f.halt()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	f.mu.Lock()
	f.stop, f.ended, f.err = cancel, ended, nil
	f.mu.Unlock()
	f.wg.Go(func() {
		defer close(ended)
		defer cancel()
		err := f.feed(ctx, how)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stop = nil
		if ctx.Err() == nil {
			f.err = err
		}
	})
}

// halt ends the feed in progress and returns when it has ended.
func (f *feeder) halt() {
	f.mu.Lock()
	stop, ended := f.stop, f.ended
	f.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}

// wait returns when no feed is in progress, with what ended the last one.
func (f *feeder) wait(ctx context.Context) error {
	f.mu.Lock()
	ended := f.ended
	f.mu.Unlock()
	if ended != nil {
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// state returns whether a feed is in progress and how long feeds have waited
// for objects.
func (f *feeder) state() (feeding bool, starved time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stop != nil, f.starved
}

// feed announces objects until a limit is reached.
func (f *feeder) feed(ctx context.Context, how Feed) error {
	if how.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, how.For)
		defer cancel()
	}
	began := time.Now()
	var objects, events int64
	for (how.Objects == 0 || objects < how.Objects) && (how.Events == 0 || events < how.Events) {
		if how.Rate > 0 {
			due := began.Add(time.Duration(float64(events) / how.Rate * float64(time.Second)))
			if !pause(ctx, time.Until(due)) {
				return nil
			}
		}
		if how.Ahead > 0 && !f.room(ctx, how.Ahead) {
			return nil
		}
		i, ok, err := f.take(ctx)
		if err != nil || !ok {
			return err
		}
		if err := f.send(i); err != nil {
			return err
		}
		objects++
		events += i.events
	}
	return nil
}

// pause waits, and reports whether ctx lasts.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// room waits until fewer than so many events are under way, and reports
// whether ctx lasts.
func (f *feeder) room(ctx context.Context, ahead int64) bool {
	for {
		left, changed := f.counter.left()
		if left < ahead {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// take takes the next object, and waits for it if it is not made yet; ok is
// false when there is no more, or ctx has ended.
func (f *feeder) take(ctx context.Context) (item, bool, error) {
	var waited time.Time
	for {
		i, ok, end, changed, err := f.stock.take()
		if !waited.IsZero() {
			f.mu.Lock()
			f.starved += time.Since(waited)
			f.mu.Unlock()
		}
		if ok || end || err != nil {
			return i, ok, err
		}
		waited = time.Now()
		select {
		case <-changed:
		case <-ctx.Done():
			return item{}, false, nil
		}
	}
}
