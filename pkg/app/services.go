package app

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"time"

	"github.com/sourcegraph/conc/panics"
	"github.com/sourcegraph/conc/pool"
)

// task is a service that is ready to run.
type task struct {
	name string
	run  func(context.Context) error
}

// runTasks runs the tasks side by side until ctx ends or one of them fails.
// Then it stops them in their order, each once the one before it has ended or
// has had its share of the grace time: so what the first ones still pass on
// finds the next ones at work. It returns the first error once all have ended.
func runTasks(ctx context.Context, tasks []task, share time.Duration) error {
	ctx, fail := context.WithCancel(ctx)
	defer fail()
	p := pool.New().WithErrors().WithFirstError()
	stops := make([]func(), len(tasks))
	left := make(chan struct{}, len(tasks))
	for i, t := range tasks {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		ended := make(chan struct{})
		p.Go(func() error {
			defer func() { close(ended); left <- struct{}{} }()
			err := t.do(own)
			if err != nil {
				fail()
			}
			return err
		})
		stops[i] = func() {
			cancel()
			within(share, ended)
		}
	}
	awaitAll(ctx, left, len(tasks))
	for _, stop := range stops {
		stop()
	}
	return p.Wait()
}

// do runs the task. A panic becomes an error; having been stopped is none.
func (t task) do(ctx context.Context) error {
	var err error
	if p := panics.Try(func() { labelled(ctx, t.name, func(ctx context.Context) { err = t.run(ctx) }) }); p != nil {
		err = p.AsError()
	}
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return fmt.Errorf("%s: %w", t.name, err)
}

// labelled calls f so that profiles tell which service its work, and that of
// the goroutines it starts, is for.
func labelled(ctx context.Context, service string, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels("service", service), f)
}

// awaitAll returns when n things have ended, or ctx has.
func awaitAll(ctx context.Context, ended <-chan struct{}, n int) {
	for range n {
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
}

// within waits for the end of something, but not longer than d.
func within(d time.Duration, ended <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}
