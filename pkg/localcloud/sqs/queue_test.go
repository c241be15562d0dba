package sqs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
)

func filled(n int) *queue {
	q := newQueue("q", "arn", "url")
	for i := range n {
		q.add(&message{id: fmt.Sprint(i), body: "body", sent: time.Now()}, 0)
	}
	return q
}

func take(t *testing.T, q *queue, limit int, visibility, wait time.Duration) []received {
	t.Helper()
	got, err := q.receive(context.Background(), limit, visibility, wait, false)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func code(err error) string {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.code
	}
	return fmt.Sprint(err)
}

func TestVisibility(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := filled(3)
		f := func(ready, inFlight, delayed int) {
			t.Helper()
			if got, want := q.depth(), [states]int{ready, inFlight, delayed}; got != want {
				t.Errorf("got %v ready, in flight, delayed; want %v", got, want)
			}
		}
		f(3, 0, 0)
		first := take(t, q, 2, 30*time.Second, 0)
		f(1, 2, 0)

		// Nothing else is visible until the timeout.
		if got := take(t, q, 10, 30*time.Second, 0); len(got) != 1 || got[0].id != "2" {
			t.Errorf("got %v; want message 2 alone", got)
		}
		time.Sleep(30 * time.Second)
		f(3, 0, 0)

		// A later receive counts and makes the first receipt stale: deleting
		// with it succeeds and deletes nothing.
		again := take(t, q, 10, time.Minute, 0)
		if len(again) != 3 || again[0].receives != 2 || again[0].firstReceived.Equal(again[0].received) {
			t.Errorf("got %+v; want three messages received twice", again)
		}
		if err := q.remove(first[0].receipt); err != nil {
			t.Errorf("delete with a stale receipt: got %v; want no error", err)
		}
		f(0, 3, 0)

		// The latest receipt deletes, also twice, also once visible again.
		for range 2 {
			if err := q.remove(again[0].receipt); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		f(0, 2, 0)
		time.Sleep(time.Minute)
		f(2, 0, 0)
		if err := q.remove(again[1].receipt); err != nil {
			t.Errorf("delete: %v", err)
		}
		f(1, 0, 0)

		// A delayed message is neither visible nor in flight.
		q.add(&message{id: "late", body: "b"}, time.Minute)
		f(1, 0, 1)
		time.Sleep(time.Minute)
		f(2, 0, 0)
		q.purge()
		f(0, 0, 0)
	})
}

func TestChangeVisibility(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := filled(1)
		receipt := take(t, q, 1, 30*time.Second, 0)[0].receipt
		f := func(receipt string, timeout time.Duration, want string) {
			t.Helper()
			if got := code(q.hide(receipt, timeout)); got != want {
				t.Errorf("hide for %v: got %s; want %s", timeout, got, want)
			}
		}
		f("garbage", time.Second, "ReceiptHandleIsInvalid")
		f(receipt, time.Minute, "<nil>")
		time.Sleep(59 * time.Second)
		f(receipt, 12*time.Hour-59*time.Second, "<nil>")
		// Twelve hours count from the receive.
		f(receipt, 12*time.Hour-58*time.Second, "InvalidParameterValue")
		// Zero makes it visible at once, and then it is not in flight.
		f(receipt, 0, "<nil>")
		f(receipt, time.Minute, "InvalidParameterValue")
		later := take(t, q, 1, 30*time.Second, 0)
		if len(later) != 1 {
			t.Fatal("got no message after its visibility was set to 0")
		}
		// A stale receipt changes nothing.
		f(receipt, time.Minute, "InvalidParameterValue")
		// Neither does one of another queue.
		if got := code(newQueue("other", "", "").remove(later[0].receipt)); got != "ReceiptHandleIsInvalid" {
			t.Errorf("delete in another queue: got %s; want ReceiptHandleIsInvalid", got)
		}
	})
}

func TestRedrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := newQueue("dead", "arn:dead", "")
		q := filled(1)
		q.redrive = &redrive{dead, 2}
		for i := range 2 {
			if got := take(t, q, 1, time.Second, 0); len(got) != 1 {
				t.Fatalf("receive %d: got %d messages; want 1", i+1, len(got))
			}
			time.Sleep(time.Second)
		}
		if got := take(t, q, 1, time.Second, 0); len(got) != 0 {
			t.Errorf("third receive: got %v; want none", got)
		}
		got := take(t, dead, 1, time.Second, 0)
		if len(got) != 1 || got[0].id != "0" || got[0].source != "arn" || got[0].receives != 3 {
			t.Errorf("got %+v in the dead-letter queue; want message 0, received three times", got)
		}
		if q.depth() != [states]int{} {
			t.Errorf("got %v left; want none", q.depth())
		}
	})
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue("q", "arn", "url")
		f := func(after time.Duration, put func(), wantMessages int, wantAfter time.Duration) {
			t.Helper()
			start := time.Now()
			var wg conc.WaitGroup
			wg.Go(func() {
				time.Sleep(after)
				put()
			})
			got := take(t, q, 10, time.Hour, 20*time.Second)
			if waited := time.Since(start); len(got) != wantMessages || waited != wantAfter {
				t.Errorf("got %d messages after %v; want %d after %v", len(got), waited, wantMessages, wantAfter)
			}
			wg.Wait()
		}
		f(0, func() {}, 0, 20*time.Second)
		f(3*time.Second, func() { q.add(&message{id: "a"}, 0) }, 1, 3*time.Second)
		// A message whose delay ends while the poll waits.
		q.add(&message{id: "b"}, 5*time.Second)
		f(0, func() {}, 1, 5*time.Second)

		// The end of the context ends the wait.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		got, err := q.receive(ctx, 1, time.Hour, 20*time.Second, false)
		if len(got) != 0 || err != nil || time.Since(start) != time.Second {
			t.Errorf("got %v, %v after %v; want nothing after 1s", got, err, time.Since(start))
		}
	})
}

func TestDuplicateDelivery(t *testing.T) {
	q := filled(1)
	got, err := q.receive(context.Background(), 1, time.Hour, 0, true)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v; want a message", got, err)
	}
	if again := take(t, q, 1, time.Hour, 0); len(again) != 1 || again[0].id != got[0].id {
		t.Errorf("got %v; want the same message again", again)
	}
}

func TestInFlightLimit(t *testing.T) {
	q := filled(maxInFlight + 5)
	for range maxInFlight / 10 {
		if got := take(t, q, 10, time.Hour, 0); len(got) != 10 {
			t.Fatalf("got %d messages; want 10", len(got))
		}
	}
	if got, err := q.receive(context.Background(), 10, time.Hour, 0, false); err == nil {
		t.Errorf("got %d messages beyond the limit; want an error", len(got))
	}
}

func FuzzReceipt(f *testing.F) {
	q := filled(1)
	f.Add(q.receipt(q.messages[1]))
	f.Add("")
	f.Add("QVFFQjo=")
	f.Fuzz(func(t *testing.T, receipt string) {
		if err := q.hide(receipt, 0); err == nil {
			t.Errorf("hide(%q): a message that is not in flight was hidden", receipt)
		}
	})
}

// BenchmarkReceiveDelete measures ten messages of a queue that stays 100,000
// deep.
func BenchmarkReceiveDelete(b *testing.B) {
	q := filled(100_000)
	for b.Loop() {
		got, err := q.receive(context.Background(), 10, time.Hour, 0, false)
		if err != nil || len(got) != 10 {
			b.Fatalf("got %d messages, %v", len(got), err)
		}
		for _, r := range got {
			if err := q.remove(r.receipt); err != nil {
				b.Fatal(err)
			}
			q.add(&message{id: r.id, body: r.body}, 0)
		}
	}
	b.ReportMetric(float64(b.N)*10/b.Elapsed().Seconds(), "msg/s")
}
