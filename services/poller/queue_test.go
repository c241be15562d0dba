package poller

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/logferry/logferry/pkg/connection"
)

func TestMessagesAreCarriedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(25)...)
		r := start(t, sqs, settings(), connection.Connection{}, newBus(true), noHead)
		pass(time.Second)
		if got := len(r.bus.keys()); got != 25 {
			t.Errorf("got %d objects; want 25", got)
		}
		if got := sqs.deleted(); len(got) != 25 || len(slices.Compact(got)) != 25 {
			t.Errorf("got deletes %v; want each of 25 receipts once", got)
		}
		if got := len(sqs.deletes); got > 4 {
			t.Errorf("got %d delete calls; want at most 4", got)
		}
		o := r.bus.objects[0]
		if o.GetConnection() != "acme" || o.GetEtag() != "e" || o.GetRegion() != "eu-west-1" || len(o.GetId()) != 26 ||
			o.GetMessageId() == "" || time.Since(o.GetNotified().AsTime()) < time.Minute {
			t.Errorf("got object %v", o)
		}
		for name, want := range map[string]float64{"messages_received_total": 25, "messages_deleted_total": 25, "objects_total": 25,
			"queue_lag_seconds": 25, "messages_in_flight": 0, "messages_waiting": 0, "messages_returned_total": 0} {
			if got := r.value(t, name); got != want {
				t.Errorf("%s: got %v; want %v", name, got, want)
			}
		}
	})
}

func TestHeldMessagesAreExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(12)...)
		r := start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(5 * time.Minute)
		last := map[string]time.Duration{}
		for _, c := range sqs.changed() {
			if gap := c.at - last[c.receipt]; gap < 40*time.Second || gap > 51*time.Second {
				t.Errorf("%s: got an extension %v after the one before; want a third of 2m", c.receipt, gap)
			}
			if c.visibility != 2*time.Minute {
				t.Errorf("%s: got visibility %v; want 2m", c.receipt, c.visibility)
			}
			last[c.receipt] = c.at
		}
		if len(last) != 12 {
			t.Errorf("got extensions of %d messages; want 12", len(last))
		}
		// Once deleted, a message is left alone.
		r.bus.finish(t)
		pass(time.Second)
		before := len(sqs.changed())
		pass(5 * time.Minute)
		if got := len(sqs.changed()); got != before || len(sqs.deleted()) != 12 {
			t.Errorf("got %d extensions after the delete, %d deletes; want 0, 12", got-before, len(sqs.deleted()))
		}
	})
}

func TestHoldEndsAfterTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(1)...)
		r := start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(13 * time.Hour)
		changes := sqs.changed()
		for _, c := range changes {
			if end := c.at + c.visibility; end > 12*time.Hour {
				t.Fatalf("at %v: got visibility %v, beyond 12 hours", c.at, c.visibility)
			}
		}
		if last := changes[len(changes)-1].at; last < 11*time.Hour+50*time.Minute {
			t.Errorf("got the last extension at %v; want it shortly before 12h", last)
		}
		if got := r.value(t, "visibility_extensions_total", "expired"); got != 1 {
			t.Errorf("got %v expired holds; want 1", got)
		}
		if n := strings.Count(r.logs.String(), "held for 12 hours"); n != 1 {
			t.Errorf("got %d log lines about the end of the hold; want 1", n)
		}
	})
}

func TestExtensionStopsForAnInvalidReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(2)...)
		sqs.failChange = func(receipt string) string {
			if receipt == "r000" {
				return "ReceiptHandleIsInvalid"
			}
			return ""
		}
		r := start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(10 * time.Minute)
		count := map[string]int{}
		for _, c := range sqs.changed() {
			count[c.receipt]++
		}
		if count["r000"] != 1 || count["r001"] < 10 {
			t.Errorf("got extensions %v; want one of r000 and many of r001", count)
		}
		if got := r.value(t, "visibility_extensions_total", "lost"); got != 1 {
			t.Errorf("got %v lost holds; want 1", got)
		}
	})
}

func TestFailedExtensionIsTriedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(1)...)
		failures := 0
		sqs.failChange = func(string) string {
			if failures++; failures <= 3 {
				return "InternalError"
			}
			return ""
		}
		start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(2 * time.Minute)
		if got := sqs.changed(); len(got) < 4 || got[3].at > 90*time.Second {
			t.Errorf("got %v; want the fourth try well within the visibility", got)
		}
	})
}

func TestFailedDeletesAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(10)...)
		failures := 0
		sqs.failDelete = func(receipt string) string {
			if receipt == "r003" && failures < 3 {
				failures++
				return "InternalError"
			}
			return ""
		}
		r := start(t, sqs, settings(), connection.Connection{}, newBus(true), noHead)
		pass(time.Minute)
		if got := sqs.deletes; len(got) != 4 || len(got[0]) != 10 || len(got[3]) != 1 || got[3][0] != "r003" {
			t.Errorf("got delete calls %v; want one of 10 and three of r003", got)
		}
		if d, f := r.value(t, "messages_deleted_total"), r.value(t, "deletes_failed_total"); d != 10 || f != 3 {
			t.Errorf("got %v deleted, %v failed; want 10, 3", d, f)
		}
	})
}

func TestNewestReceiptDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		again := announce("m", "new")
		again.Attributes["ApproximateReceiveCount"] = "2"
		sqs := newFakeSQS(announce("m", "old"))
		r := start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(time.Second)
		sqs.send(again)
		pass(time.Second)
		r.bus.finish(t)
		pass(time.Second)
		if got := sqs.deleted(); !slices.Equal(got, []string{"new"}) {
			t.Errorf("got deletes %v; want the new receipt only", got)
		}
		if keys, n := r.bus.keys(), r.value(t, "redelivered_total"); len(keys) != 1 || n != 1 {
			t.Errorf("got objects %v, %v redelivered; want one, 1", keys, n)
		}
	})
}

func TestShutdownGivesBackWhatIsNotFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(12)...)
		sqs.changeTakes = 50 * time.Millisecond
		r := start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(time.Second)
		begin := time.Now()
		r.stop()
		if took := time.Since(begin); took < 10*time.Second || took > 12*time.Second {
			t.Errorf("stopping took %v; want the grace of 10s and little more", took)
		}
		given := map[string]bool{}
		for _, c := range sqs.changed() {
			given[c.receipt] = c.visibility == 0
		}
		back := 0
		for _, is := range given {
			if is {
				back++
			}
		}
		if back != 12 || len(sqs.deleted()) != 0 || len(r.bus.objects) != 12 {
			t.Errorf("got %d messages given back, %d deleted, %d objects published; want 12, 0, 12", back, len(sqs.deleted()), len(r.bus.objects))
		}
		if got := r.value(t, "messages_in_flight"); got != 0 {
			t.Errorf("got %v messages in flight; want 0", got)
		}
	})
}

func TestShutdownFinishesWithinTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(12)...)
		r := start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(time.Second)
		time.AfterFunc(3*time.Second, func() { r.bus.finish(t) })
		r.stop()
		if got := sqs.deleted(); len(got) != 12 || len(sqs.changed()) != 0 {
			t.Errorf("got %d deleted, %d given back; want 12, 0", len(got), len(sqs.changed()))
		}
	})
}

func TestAnswerOnItsWayAtShutdownIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(3)...)
		sqs.answerTakes = 500 * time.Millisecond
		r := start(t, sqs, settings(), connection.Connection{}, newBus(true), noHead)
		pass(200 * time.Millisecond)
		r.stop()
		got := sqs.changed()
		if len(got) != 3 || slices.ContainsFunc(got, func(c change) bool { return c.visibility != 0 }) || len(r.bus.objects) != 0 {
			t.Errorf("got changes %v, %d objects; want three messages given back", got, len(r.bus.objects))
		}
	})
}

func TestExtensionNeverOvertakesGiveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(1)...)
		sqs.changeTakes = 2 * time.Second
		r := start(t, sqs, settings(), connection.Connection{}, newBus(false), noHead)
		pass(31 * time.Second) // the grace ends while the extension is under way
		r.stop()
		got := sqs.changed()
		if n := len(got); n != 2 || got[0].visibility != 2*time.Minute || got[1].visibility != 0 {
			t.Errorf("got changes %v; want an extension, then the give-back", got)
		}
	})
}

func TestReceivesBackOff(t *testing.T) {
	f := func(err error, outcome, level, line string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			sqs := newFakeSQS(announceMany(1)...)
			sqs.receiveErr = func(call int) error {
				if call <= 12 {
					return err
				}
				return nil
			}
			r := start(t, sqs, settings(), connection.Connection{}, newBus(true), noHead)
			pass(15 * time.Minute)
			if got := sqs.deleted(); len(got) != 1 {
				t.Errorf("got %d messages deleted; want 1: the poller must go on trying", len(got))
			}
			if gap := sqs.receives[1] - sqs.receives[0]; gap > time.Second {
				t.Errorf("got the second try after %v; want it within 1s", gap)
			}
			if gap := sqs.receives[11] - sqs.receives[10]; gap < 30*time.Second || gap > time.Minute {
				t.Errorf("got the twelfth try after %v; want 30s to 1m", gap)
			}
			if got := r.value(t, "receives_total", outcome); got != 12 {
				t.Errorf("got %v receives %s; want 12", got, outcome)
			}
			logs := r.logs.String()
			if n := strings.Count(logs, line); n < 2 || n > 9 || !strings.Contains(logs, "level="+level) {
				t.Errorf("got %d lines %q; want a few, of level %s:\n%s", n, line, level, logs)
			}
			if !strings.Contains(logs, "answers again") {
				t.Errorf("the recovery was not logged:\n%s", logs)
			}
		})
	}
	f(code("OverLimit"), throttled, "WARN", "is throttled")
	f(code("RequestThrottled"), throttled, "WARN", "is throttled")
	f(code("AWS.SimpleQueueService.NonExistentQueue"), missing, "ERROR", "does not exist")
	f(&types.QueueDoesNotExist{}, missing, "ERROR", "does not exist")
	f(code("AccessDenied"), denied, "ERROR", "is denied")
	f(code("AWS.SimpleQueueService.KmsAccessDenied"), denied, "ERROR", "is denied")
	f(code("InternalError"), failed, "WARN", "failed")
}

func TestInFlightIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(200)...)
		config := settings()
		config.Receivers, config.InFlight = 4, 25
		r := start(t, sqs, config, connection.Connection{}, newBus(false), noHead)
		pass(time.Minute)
		if got := r.value(t, "messages_in_flight"); got > 25 || got < 16 {
			t.Errorf("got %v messages in flight; want at most 25 and no more than a batch below", got)
		}
		r.bus.finish(t)
		pass(time.Minute)
		if got := len(sqs.deleted()); got != 200 {
			t.Errorf("got %d messages deleted; want 200", got)
		}
	})
}

func TestFewInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sqs := newFakeSQS(announceMany(7)...)
		config := settings()
		config.InFlight = 1
		start(t, sqs, config, connection.Connection{}, newBus(true), noHead)
		pass(time.Minute)
		if got := len(sqs.deleted()); got != 7 {
			t.Errorf("got %d messages deleted; want 7", got)
		}
	})
}

// pass lets time go by and everything that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
