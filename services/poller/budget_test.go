package poller

import (
	"context"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
)

// hasRoom reports whether nobody would wait.
func (b *budget) hasRoom() bool {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	b.mu.Lock()
	room := b.room
	b.mu.Unlock()
	select {
	case <-room:
		return b.wait(context.Background()) == nil
	default:
		return b.wait(over) == nil
	}
}

func TestBudget(t *testing.T) {
	b := newBudget(10 * minObjectBytes)
	f := func(room bool, used int64) {
		t.Helper()
		if got := b.hasRoom(); got != room || b.used != used {
			t.Errorf("got room %v, %d bytes used; want %v, %d", got, b.used, room, used)
		}
	}
	f(true, 0)
	small := b.take(0) // counts for something
	f(true, minObjectBytes)
	large := b.take(9*minObjectBytes - 1)
	f(true, 10*minObjectBytes-1)
	huge := b.take(100 * minObjectBytes)
	f(false, 110*minObjectBytes-1)
	more := b.take(1) // who asked before is not refused
	f(false, 111*minObjectBytes-1)
	huge()
	f(false, 11*minObjectBytes-1)
	more()
	f(true, 10*minObjectBytes-1)
	exact := b.take(minObjectBytes)
	f(false, 11*minObjectBytes-1)
	small()
	f(true, 10*minObjectBytes-1)
	exact()
	large()
	f(true, 0)
}

// Who waits is woken when there is room.
func TestBudgetWakes(t *testing.T) {
	b := newBudget(1)
	give := b.take(1)
	var waiting conc.WaitGroup
	for range 3 {
		waiting.Go(func() {
			if err := b.wait(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	give()
	waiting.Wait()
}

func TestBudgetsOfDestinations(t *testing.T) {
	config := app.DefaultConfig()
	config.Destinations = []connection.Destination{{Name: "one"}, {Name: "two"}}
	f := func(bytes, wantLimit int64) {
		t.Helper()
		config.Poller.InFlightBytes = bytes
		budgets := newBudgets(config)
		if len(budgets) != 2 || budgets["one"].limit != wantLimit {
			t.Errorf("%d: got %v; want two of %d", bytes, budgets, wantLimit)
			return
		}
		// what one destination holds up is no other's concern
		defer budgets["one"].take(wantLimit)()
		if budgets["one"].hasRoom() || !budgets["two"].hasRoom() {
			t.Errorf("%d: room for one %v, for two %v; want none, some", bytes, budgets["one"].hasRoom(), budgets["two"].hasRoom())
		}
	}
	f(0, config.Bus.MaxBytes/32)
	f(1, 1)
	f(1<<30, 1<<30)
}
