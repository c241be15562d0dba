package system

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
)

// Sample is what every process had used at one moment.
type Sample struct {
	At    time.Time
	Usage map[string]Usage
}

// Sampler reads the usage of processes at an interval, until it is stopped.
// Processes may be added while it runs.
type Sampler struct {
	mu      sync.Mutex
	pids    map[string]int
	samples []Sample

	stop context.CancelFunc
	work conc.WaitGroup
}

// Watch starts a sampler.
func Watch(ctx context.Context, interval time.Duration) *Sampler {
	ctx, stop := context.WithCancel(ctx)
	s := &Sampler{pids: map[string]int{}, stop: stop}
	s.work.Go(func() {
		next := time.NewTicker(interval)
		defer next.Stop()
		for {
			s.take()
			select {
			case <-next.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return s
}

// Add has a process read, by a name of its own.
func (s *Sampler) Add(name string, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pids[name] = pid
}

// Now returns what every process has used by now.
func (s *Sampler) Now() Sample {
	s.mu.Lock()
	pids := maps.Clone(s.pids)
	s.mu.Unlock()
	sample := Sample{At: time.Now(), Usage: map[string]Usage{}}
	for name, pid := range pids {
		if usage, err := Read(pid); err == nil { // it may have ended
			sample.Usage[name] = usage
		}
	}
	return sample
}

func (s *Sampler) take() {
	sample := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples = append(s.samples, sample)
}

// Stop ends the sampling.
func (s *Sampler) Stop() {
	s.stop()
	s.work.Wait()
}

// Samples returns what was sampled so far.
func (s *Sampler) Samples() []Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.samples)
}
