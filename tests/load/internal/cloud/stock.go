package cloud

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
)

const (
	// ahead is how much is kept ready, compressed, while objects are fed.
	ahead = 64 << 20
	// readyLevel packs nearly as small as the files of AWS are, runningLevel
	// as cheaply as can be, for the cores are busy then.
	readyLevel, runningLevel = 5, 1
)

// item is an object that lies in the bucket and can be announced.
type item struct {
	number           uint32
	object           notification.Object
	events, logBytes int64
}

// stock makes objects and keeps them ready.
type stock struct {
	memory int64
	seed   uint64
	put    func(samplelog.Object) (notification.Object, error)

	mu    sync.Mutex
	load  Load
	round int // of the load; what is made for an earlier one is not counted
	next  uint32
	items []item
	taken int // of the items; they are gone
	// events and both kinds of bytes are those of the items that are left,
	// made the events of all, and pending the objects in work.
	events, bytes, logBytes, made int64
	pending                       int
	preparing                     bool
	err                           error
	changed                       chan struct{}
}

func newStock(memory int64, seed uint64, put func(samplelog.Object) (notification.Object, error)) *stock {
	return &stock{memory: memory, seed: seed, put: put, changed: make(chan struct{})}
}

// run makes objects whenever some are missing, until ctx ends.
func (s *stock) run(ctx context.Context) {
	workers := pool.New()
	for i := range runtime.GOMAXPROCS(0) {
		workers.Go(func() { s.work(ctx, i) })
	}
	workers.Wait()
}

func (s *stock) work(ctx context.Context, worker int) {
	seed := s.seed<<8 | uint64(worker)
	random := rand.New(rand.NewPCG(seed, 0))
	logs, level := samplelog.New(seed, time.Now()), 0
	for {
		job, changed := s.job(worker, random)
		if job == nil {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return
			}
		}
		if job.level != level {
			level = job.level
			logs.Level(level)
		}
		logs.Mark(job.number)
		s.add(*job, write(logs, job.format, job.records))
		if ctx.Err() != nil {
			return
		}
	}
}

// job is an object to make.
type job struct {
	round   int
	number  uint32
	level   int
	format  Format
	records int
}

// job returns what to make next; nil and what to wait for when there is
// enough. Once the stock is prepared, one worker keeps it up.
func (s *stock) job(worker int, random *rand.Rand) (*job, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := s.round > 0 && (s.load.Events == 0 || s.made < s.load.Events)
	level := runningLevel
	if s.preparing {
		level = readyLevel
	} else {
		wanted = wanted && worker == 0 && s.bytes < min(ahead, s.memory)
	}
	if !wanted || s.err != nil {
		return nil, s.changed
	}
	j := &job{round: s.round, number: s.next, level: level}
	j.format, j.records = s.load.next(random)
	s.next++
	s.made += int64(j.records)
	s.pending++
	return j, nil
}

// add puts an object into the bucket and the stock.
func (s *stock) add(j job, o samplelog.Object) {
	put, err := s.put(o)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wakeLocked()
	if err != nil {
		s.err = err
		return
	}
	if j.round != s.round {
		return // it stays in the bucket, and nobody hears of it
	}
	s.pending--
	s.items = append(s.items, item{j.number, put, int64(o.Records), int64(o.RawBytes)})
	s.events += int64(o.Records)
	s.bytes += put.Size
	s.logBytes += int64(o.RawBytes)
	if s.bytes >= s.memory || s.events >= s.load.enough() {
		s.preparing = false
	}
}

// enough is how many events make a load ready; without a number, all that the
// memory holds.
func (l Load) enough() int64 {
	switch {
	case l.Ready > 0 && l.Events > 0:
		return min(l.Ready, l.Events)
	case l.Ready > 0 || l.Events > 0:
		return l.Ready + l.Events
	}
	return math.MaxInt64
}

// prepare begins another load and returns when enough of it is made.
func (s *stock) prepare(ctx context.Context, l Load) (Prepared, error) {
	if err := l.check(); err != nil {
		return Prepared{}, err
	}
	began := time.Now()
	s.mu.Lock()
	s.load, s.round, s.preparing = l, s.round+1, true
	s.items, s.taken, s.events, s.bytes, s.logBytes, s.made, s.pending = nil, 0, 0, 0, 0, 0, 0
	s.wakeLocked()
	s.mu.Unlock()
	for {
		s.mu.Lock()
		p, ready, err, changed := s.preparedLocked(), !s.preparing, s.err, s.changed
		s.mu.Unlock()
		p.Seconds = time.Since(began).Seconds()
		if ready || err != nil {
			return p, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return p, fmt.Errorf("prepare the load: %w", ctx.Err())
		}
	}
}

func (s *stock) preparedLocked() Prepared {
	return Prepared{
		Objects: int64(len(s.items) - s.taken), Events: s.events, LogBytes: s.logBytes, ObjectBytes: s.bytes, Level: readyLevel,
	}
}

// take takes an object out of the stock; ok is false, and changed says when to
// ask again, if there is none now, and end is true if there will be none.
func (s *stock) take() (i item, ok, end bool, changed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == len(s.items) {
		end = s.round == 0 || s.load.Events > 0 && s.made >= s.load.Events && s.pending == 0
		return item{}, false, end, s.changed, s.err
	}
	i = s.items[s.taken]
	s.taken++
	if s.taken > len(s.items)/2 {
		n := copy(s.items, s.items[s.taken:])
		clear(s.items[n:])
		s.items, s.taken = s.items[:n], 0
	}
	s.events -= i.events
	s.bytes -= i.object.Size
	s.logBytes -= i.logBytes
	if s.bytes < ahead {
		s.wakeLocked()
	}
	return i, true, false, nil, nil
}

func (s *stock) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}
