package poller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// isDone reports whether the ledger has an object as done.
func (b *outlets) isDone(t *testing.T, name string) bool {
	t.Helper()
	e, err := b.ledger.Event(t.Context(), "acme", batch.ObjectID("acme", "logs", name+".gz", "", "e"), ledger.EventDone)
	if err != nil {
		t.Fatal(err)
	}
	return e != nil
}

// Invariant 1: a message is deleted when every object it names is done. One
// that comes again, here or in another process, brings nothing on its way that
// is there already.
func TestMessageIsDeletedWhenAllItsObjectsAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceAll("m", "r1", "one", "two"))
		out := newBus(false)
		r := start(t, sqs, settings(), connection.Connection{}, out, noHead)
		pass(time.Second)
		out.finishOnly(t, "one")
		pass(time.Minute)
		if got := sqs.deleted(); len(got) != 0 || !out.isDone(t, "one") || out.isDone(t, "two") {
			t.Errorf("got deletes %v, done %v and %v; want only the first object done", got, out.isDone(t, "one"), out.isDone(t, "two"))
		}
		r.stop()
		if got := sqs.changed(); len(got) == 0 || got[len(got)-1].visibility != 0 {
			t.Fatalf("got changes %v; want the message given back", got)
		}

		start(t, sqs, settings(), connection.Connection{}, out, noHead)
		sqs.send(announceAll("m", "r2", "one", "two"))
		pass(time.Minute)
		if got := out.keys(); !slices.Equal(got, []string{"logs/one.gz", "logs/two.gz"}) {
			t.Errorf("got objects %v; want each published once", got)
		}
		if got := sqs.deleted(); len(got) != 0 {
			t.Errorf("got deletes %v before the second object is done", got)
		}
		out.finishOnly(t, "two")
		pass(time.Second)
		if got := sqs.deleted(); !slices.Equal(got, []string{"r2"}) {
			t.Errorf("got deletes %v; want the receipt that is good", got)
		}
	})
}

// Where the connection says so a message is deleted when its objects are on the
// bus. They are seen to all the same.
func TestAckStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceAll("m", "r", "one", "two"), announce("n", "s"))
		out := newBus(false)
		out.budget = newBudget(3 * minObjectBytes)
		r := start(t, sqs, settings(), connection.Connection{Ack: connection.AckStored}, out, noHead)
		pass(time.Second)
		if got := sqs.deleted(); !slices.Equal(got, []string{"r", "s"}) || len(out.objects) != 3 {
			t.Fatalf("got deletes %v, %d objects; want both messages deleted, three objects", got, len(out.objects))
		}
		if used := out.budget.used; used != 3*minObjectBytes {
			t.Errorf("got %d bytes in flight; want those of three objects", used)
		}
		out.finishOnly(t, "one")
		out.finishOnly(t, "n")
		pass(time.Second)
		if !out.isDone(t, "one") || out.isDone(t, "two") {
			t.Errorf("got done %v and %v; want only the first object", out.isDone(t, "one"), out.isDone(t, "two"))
		}
		if used := out.budget.used; used != 2*minObjectBytes {
			t.Errorf("got %d bytes in flight; want those of a message whose objects are not all done", used)
		}
		r.stop() // does not wait for what is on the bus
		if used := out.budget.used; used != 0 {
			t.Errorf("got %d bytes in flight after the end; want 0", used)
		}
	})
}

// A message that cannot be published is not deleted, in either way.
func TestFailedPublicationIsTriedAgain(t *testing.T) {
	f := func(ack string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			sqs := newFakeSQS(announce("m", "r"))
			out := newBus(true)
			out.err = errors.New("the bus is full")
			r := start(t, sqs, settings(), connection.Connection{Ack: ack}, out, noHead)
			pass(time.Second)
			if got := sqs.changed(); len(got) != 1 || got[0].visibility == 0 || len(sqs.deleted()) != 0 || out.budget.used != 0 {
				t.Errorf("%s: got changes %v, deletes %v, %d bytes in flight; want the message given back for a while", ack, got, sqs.deleted(), out.budget.used)
			}
			out.mu.Lock()
			out.err = nil
			out.mu.Unlock()
			if got := r.value(t, "messages_returned_total"); got != 1 {
				t.Errorf("%s: got %v messages given back; want 1", ack, got)
			}
		})
	}
	f(connection.AckDelivered)
	f(connection.AckStored)
}

// What another life has done or begun is neither published nor forgotten.
func TestAdoption(t *testing.T) {
	f := func(deletedAtOnce bool, parts ...uint32) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			// another life publishes the object and ends
			out, first := newBus(false), newFakeSQS(announce("m", "r1"))
			r := start(t, first, settings(), connection.Connection{}, out, noHead)
			pass(time.Second)
			r.stop()
			o := out.objects[0]
			enter := func(events ...*logferryv1.LedgerEvent) {
				t.Helper()
				for _, e := range events {
					if _, err := out.ledger.Record(t.Context(), e); err != nil {
						t.Fatal(err)
					}
				}
			}
			enter(ledger.Fetched("acme", o.GetId(), &logferryv1.Fetched{Parts: 2}))
			for _, p := range parts {
				enter(ledger.Part("acme", o.GetId(), &logferryv1.PartSettled{Part: p}))
			}
			sqs := newFakeSQS(announce("m", "r2"))
			start(t, sqs, settings(), connection.Connection{}, out, noHead)
			pass(time.Second)
			if got := len(sqs.deleted()) == 1; got != deletedAtOnce {
				t.Errorf("with parts %v settled: deleted at once %v; want %v", parts, got, deletedAtOnce)
			}
			for p := range uint32(2) {
				enter(ledger.Part("acme", o.GetId(), &logferryv1.PartSettled{Part: p}))
			}
			pass(time.Second)
			if got := sqs.deleted(); !slices.Equal(got, []string{"r2"}) || len(out.objects) != 1 {
				t.Errorf("with parts %v settled: got deletes %v, %d objects; want the message deleted, one object", parts, got, len(out.objects))
			}
		})
	}
	f(false)
	f(false, 1)
	f(true, 0, 1)
}

// Two messages that announce the same object wait for the same.
func TestDuplicateAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceAll("m", "r", "one"), announceAll("n", "s", "one"), announceAll("o", "t", "one", "one"))
		r := start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(time.Second)
		if got := r.bus.keys(); len(got) != 1 || len(sqs.deleted()) != 0 {
			t.Errorf("got objects %v, deletes %v; want one object, no delete", got, sqs.deleted())
		}
		r.bus.finish(t)
		pass(time.Second)
		if got := sqs.deleted(); !slices.Equal(got, []string{"r", "s", "t"}) || r.bus.budget.used != 0 {
			t.Errorf("got deletes %v, %d bytes in flight; want all three, 0", got, r.bus.budget.used)
		}
		// long after, when the ledger has forgotten all but the end
		pass(10 * time.Minute)
		sqs.send(announceAll("p", "u", "one"))
		pass(time.Second)
		if got := sqs.deleted(); len(got) != 4 || len(r.bus.keys()) != 1 {
			t.Errorf("got deletes %v, objects %v; want the fourth message deleted too, one object", got, r.bus.keys())
		}
	})
}

// While there is no room for more objects, messages stay in the queue.
func TestReceivingStopsWhenTheBudgetIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(60)...)
		out := newBus(false)
		out.budget = newBudget(3 * minObjectBytes)
		r := start(t, sqs, settings(), connection.Connection{}, out, noHead)
		pass(time.Second)
		receives, held := len(sqs.receives), r.value(t, "messages_in_flight")
		if held < 3 || held > 2*batchSize {
			t.Errorf("got %v messages in flight; want 3 to two calls' worth", held)
		}
		pass(time.Hour)
		if got := len(sqs.receives); got != receives || r.value(t, "messages_in_flight") != held {
			t.Errorf("got %d receives more, %v messages in flight; want none more, %v", got-receives, r.value(t, "messages_in_flight"), held)
		}
		out.finish(t)
		pass(time.Minute)
		if got := len(sqs.deleted()); got != 60 || out.budget.used != 0 {
			t.Errorf("got %d messages deleted, %d bytes in flight; want 60, 0", got, out.budget.used)
		}
	})
}

// One object may be larger than all that may be in flight.
func TestObjectLargerThanTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(5)...)
		config := settings()
		config.InFlight = 1
		out := newBus(true)
		out.budget = newBudget(1)
		start(t, sqs, config, connection.Connection{}, out, noHead)
		pass(time.Minute)
		if got := len(sqs.deleted()); got != 5 {
			t.Errorf("got %d messages deleted; want 5", got)
		}
	})
}

// A poller without room ends when it is told to.
func TestStopWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(1)...)
		out := newBus(false)
		out.budget = newBudget(1)
		r := start(t, sqs, settings(), connection.Connection{}, out, noHead)
		pass(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		r.stop()
		if ctx.Err() != nil {
			t.Error("stopping took longer than the grace")
		}
	})
}
