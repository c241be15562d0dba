package system

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/pprof/profile"
	"github.com/sourcegraph/conc"
)

// slice is how long one CPU profile takes. A run is profiled slice after
// slice, as nobody knows beforehand how long it takes.
const slice = 5 * time.Second

// Profiler takes CPU profiles of members, until it is stopped. They are kept
// as they are and read at the end, so that reading them costs the run nothing.
type Profiler struct {
	mu       sync.Mutex
	profiles []raw
	errs     []error

	followed map[*Member]bool
	done     chan struct{} // closed when no more profiles are wanted
	work     conc.WaitGroup
}

// raw is one profile of one member, as it came.
type raw struct {
	member *Member
	body   []byte
}

// NewProfiler returns one that follows nobody yet.
func NewProfiler() *Profiler {
	return &Profiler{followed: map[*Member]bool{}, done: make(chan struct{})}
}

// Follow profiles those of the members that are not followed already.
func (p *Profiler) Follow(ctx context.Context, members []*Member) {
	for _, m := range members {
		if !p.followed[m] {
			p.followed[m] = true
			p.work.Go(func() { p.follow(ctx, m) })
		}
	}
}

// follow takes profiles one after the other. The last one is taken to its end.
func (p *Profiler) follow(ctx context.Context, m *Member) {
	for {
		select {
		case <-p.done:
			return
		default:
		}
		body, err := get(ctx, fmt.Sprintf("%s?seconds=%d", m.profiles, slice/time.Second))
		p.mu.Lock()
		if err != nil {
			p.errs = append(p.errs, fmt.Errorf("profile of %s: %w", m.Name(), err))
		} else {
			p.profiles = append(p.profiles, raw{m, body})
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", resp.Status, body)
	}
	return body, err
}

// Stop ends the profiling, within a slice, and returns what the profiles say.
// The error tells of those that could not be had.
func (p *Profiler) Stop() (Work, error) {
	close(p.done)
	p.work.Wait()
	w := Work{}
	for _, r := range p.profiles {
		parsed, err := profile.Parse(bytes.NewReader(r.body))
		if err != nil {
			p.errs = append(p.errs, fmt.Errorf("profile of %s: %w", r.member.Name(), err))
			continue
		}
		w.add(r.member.Name(), r.member.Stage, parsed)
	}
	return w, errors.Join(p.errs...)
}
