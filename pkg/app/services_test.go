package app

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// order notes the names of tasks as they end.
type order struct {
	mu    sync.Mutex
	names []string
}

func (o *order) add(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names = append(o.names, name)
}

func (o *order) String() string { return strings.Join(o.names, " ") }

// untilStopped runs until its context ends and takes d to finish.
func untilStopped(name string, d time.Duration, ended *order) task {
	return task{name, func(ctx context.Context) error {
		<-ctx.Done()
		<-time.After(d)
		ended.add(name)
		return ctx.Err()
	}}
}

// Services are stopped in order: each when the one before has ended.
func TestTasksStopInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended order
		tasks := []task{
			untilStopped("poller", 3*time.Second, &ended),
			untilStopped("fetcher", time.Second, &ended),
			untilStopped("writer", 0, &ended),
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if err := runTasks(ctx, tasks, 5*time.Second); err != nil {
			t.Errorf("got %v; want nil", err)
		}
		equal(t, ended.String(), "poller fetcher writer")
		equal(t, time.Since(start), time.Minute+4*time.Second)
	})
}

// A service that takes longer than its share does not hold up the next.
func TestTasksShareGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended order
		tasks := []task{untilStopped("poller", 10*time.Second, &ended), untilStopped("writer", 0, &ended)}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := runTasks(ctx, tasks, 5*time.Second); err != nil {
			t.Errorf("got %v; want nil", err)
		}
		equal(t, ended.String(), "writer poller")
	})
}

// One that fails, or panics, stops all; its error is the run's.
func TestTasksFail(t *testing.T) {
	for want, run := range map[string]func(context.Context) error{
		"fetcher: no disk": func(context.Context) error { return errors.New("no disk") },
		"fetcher: panic":   func(context.Context) error { panic("lost") },
	} {
		synctest.Test(t, func(t *testing.T) {
			var ended order
			tasks := []task{untilStopped("poller", time.Second, &ended), {"fetcher", run}, untilStopped("writer", 0, &ended)}
			err := runTasks(t.Context(), tasks, 5*time.Second)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v; want %s", err, want)
			}
			equal(t, ended.String(), "poller writer")
		})
	}
}

// When all have ended by themselves so has the run.
func TestTasksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := func(context.Context) error { return nil }
		if err := runTasks(t.Context(), []task{{"poller", end}, {"fetcher", end}}, time.Second); err != nil {
			t.Errorf("got %v; want nil", err)
		}
	})
}
