package lookup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/lookupevents"
)

const (
	one  = "111111111111"
	home = "us-east-1"
	// homeKey is the checkpoint of the reader of both.
	homeKey = "lookup.acme." + one + "." + home + ".management"
)

// Every event arrives once, however late and out of order they are, whatever
// comes twice, and however often the service dies: and nobody is asked more than
// twice a second.
func TestEveryEventOnce(t *testing.T) { everyEventOnce(t, 1200, 2000, 30*time.Minute) }

// everyEventOnce has so many events happen in so much time, in each region of
// three accounts.
func everyEventOnce(t *testing.T, speed time.Duration, each int, span time.Duration) {
	accounts := []string{one, "222222222222", "333333333333"}
	regions := []string{home, "us-west-2", "eu-west-1", "eu-central-1"}
	w := newWorld(t, speed, accounts...)
	w.cloud.History.SetTwice(0.1, 0.02)
	for _, a := range accounts {
		for _, r := range regions {
			w.put(a, r, each, span, time.Hour)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	starts := 0
	for end := w.start.Add(span + 75*time.Minute); w.now().Before(end); starts++ {
		w.run(WithRereads(20*time.Minute, 62*time.Minute))
		w.pass(time.Duration(random.Int64N(int64(20 * time.Minute))))
	}
	want := each * len(accounts) * len(regions)
	w.once(want)
	calls := 0
	for _, a := range accounts {
		for _, r := range regions {
			u := w.cloud.History.Usage(a, r)
			calls += u.Calls
			if u.Most > 2 || u.Throttled > 0 || u.Calls == 0 {
				t.Errorf("%s %s: got %+v; want at most 2 calls in a second", a, r, u)
			}
		}
	}
	t.Logf("%d events, %d calls, %d starts", want, calls, starts)
}

// once demands that so many events arrive, each once.
func (w *world) once(want int) {
	w.t.Helper()
	w.until("every event", func() bool { events, _ := w.counts(); return events >= want })
	w.pass(20 * time.Minute)
	if events, doubled := w.counts(); events != want || doubled != 0 {
		w.t.Errorf("%d events arrived, %d of them more than once; want %d once", events, doubled, want)
	}
}

// Whatever goes wrong for a while, nothing is lost and nothing doubled, and the
// log says what it is.
func TestTrouble(t *testing.T) {
	var accounts []string // one for each case
	for i := range 8 {
		accounts = append(accounts, strings.Repeat(fmt.Sprint(i), 12))
	}
	w := newWorld(t, 6000, accounts...)
	all := w.conn.Lookup.Accounts
	f := func(name string, match inject.Match, trouble inject.Fault, says string) {
		t.Helper()
		w.arrived, w.logs = map[string]int{}, new(lockedBuffer)
		w.conn.Lookup.Accounts, all = all[:1], all[1:]
		account := w.conn.Lookup.Accounts[0].ID()
		w.cloud.Faults.Fail(match, trouble)
		w.put(account, home, 1500, 20*time.Minute, 0)
		w.run()
		w.until(name+", and the log says so", func() bool { return w.said(strings.ReplaceAll(says, "ROLE", roleOf(account))) })
		w.pass(10 * time.Minute)
		w.cloud.Faults.Clear()
		w.once(1500)
		w.halt()
	}
	lookups := inject.Match{Service: inject.CloudTrail, Operation: "LookupEvents"}
	f("the role cannot be assumed", inject.Match{Service: inject.STS, Operation: "AssumeRole"},
		inject.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}, "assume role ROLE")
	f("the role is revoked", lookups, inject.Fault{Code: "AccessDeniedException"}, "cloudtrail:LookupEvents")
	f("calls are throttled", lookups, inject.Fault{Code: "ThrottlingException", Rate: 0.5}, "shared with everybody in the account")
	f("tokens expire", lookups, inject.Fault{Code: "InvalidNextTokenException", Rate: 0.3}, "reading the event history")
	f("answers are cut off", lookups, inject.Fault{Truncate: 100, Rate: 0.3}, "could not be read")
	f("there is no answer", lookups, inject.Fault{Reset: true}, "could not be read")
	f("regions may not be listed", inject.Match{Service: inject.CloudTrail, Operation: "ListRegions"},
		inject.Fault{Status: http.StatusForbidden, Code: "AccessDeniedException"}, "account:ListRegions")
	f("regions cannot be listed", inject.Match{Service: inject.CloudTrail, Operation: "ListRegions"},
		inject.Fault{Status: http.StatusInternalServerError}, "cannot find out which regions are enabled")
}

// A clock that is off changes nothing: the service goes by that of AWS.
func TestClockSkew(t *testing.T) {
	f := func(skew time.Duration) {
		t.Run(skew.String(), func(t *testing.T) {
			w := newWorldOf(t, 6000, nil)
			w.put(one, home, 1000, 20*time.Minute, 0)
			off := w.clock()
			right := off.Now
			off.Now = func() time.Time { return right().Add(skew) }
			w.run(WithClock(off))
			w.once(1000)
			if !w.said("the clock of this machine is off") {
				t.Error("the log does not tell of the clock")
			}
			w.run() // it is put right
			w.pass(20 * time.Minute)
			w.once(1000)
		})
	}
	f(2 * time.Hour)
	f(-2 * time.Hour)
}

// A region that is disabled keeps its place; one that is opted in is read.
func TestRegionsChange(t *testing.T) {
	w := newWorldOf(t, 6000, nil)
	w.put(one, home, 500, time.Hour, 0)
	w.put(one, "eu-west-1", 500, time.Hour, 0)
	w.cloud.History.SetRegions(one, home)
	w.run()
	w.pass(30 * time.Minute)
	w.cloud.History.SetRegions(one, "eu-west-1")
	w.pass(30 * time.Minute)
	if !w.said("a region is no longer enabled") {
		t.Error("the log does not tell of the region")
	}
	w.cloud.History.SetRegions(one, home, "eu-west-1")
	w.once(1000)
}

// More events in a second than an object may have are read all the same.
func TestBusySecond(t *testing.T) {
	w := newWorldOf(t, 600, nil)
	var burst []lookupevents.Event
	for i := range 3 * maxEvents {
		burst = append(burst, lookupevents.Event{ID: fmt.Sprintf("b-%05d", i), Time: w.start.Add(time.Minute)})
	}
	w.cloud.History.Put(one, home, burst...)
	w.put(one, home, 500, 10*time.Minute, 0)
	w.run()
	w.once(len(burst) + 500)
}

// History on request is read, the newest first, and does not hold up what is
// fresh. Insights are read when asked for.
func TestHistoryAndInsights(t *testing.T) {
	w := newWorldOf(t, 6000, nil)
	for day := range 30 {
		at := w.start.Add(-time.Duration(day) * 24 * time.Hour)
		w.cloud.History.Put(one, home,
			lookupevents.Event{ID: fmt.Sprintf("old-%02d", day), Time: at},
			lookupevents.Event{ID: fmt.Sprintf("insight-%02d", day), Time: at, Category: lookupevents.Insight})
	}
	w.cloud.History.Put(one, home, lookupevents.Event{ID: "beyond", Time: w.start.Add(-31 * 24 * time.Hour)})
	w.put(one, home, 100, 5*time.Minute, 0)
	w.conn.Lookup.Since, w.conn.Lookup.Insights = 30*24*time.Hour, true
	w.run()
	w.once(160)
	var order []string
	for _, id := range w.order {
		if strings.HasPrefix(id, "old-") && id != "old-00" {
			order = append(order, id)
		}
	}
	if !slices.IsSorted(order) || len(order) != 29 {
		t.Errorf("history arrived in the order %v; want the newest first", order)
	}
}

// A record that is no JSON is passed on as it is: the parser keeps it. One that
// is too long is kept here.
func TestBadRecords(t *testing.T) {
	w := newWorldOf(t, 6000, nil)
	at := w.start.Add(time.Minute)
	long := `{"eventID":"long","x":"` + strings.Repeat("x", 900<<10) + `"}`
	w.cloud.History.Put(one, home,
		lookupevents.Event{ID: "good", Time: at}, lookupevents.Event{ID: "bad", Time: at, Record: `{"eventID": oops`},
		lookupevents.Event{ID: "long", Time: at, Record: long})
	w.run(WithRereads(5 * time.Minute))
	w.once(2)
	if w.arrived[`{"eventID": oops`] != 1 {
		t.Errorf("arrived: %v; want the broken record as it is", w.arrived)
	}
	var letters []bus.Letter
	if err := w.bus.Letters(t.Context(), bus.LetterFilter{}, func(l bus.Letter) error { letters = append(letters, l); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(letters) != 1 || letters[0].GetReason() != string(fault.RecordTooLarge) || letters[0].GetBodySize() != int64(len(long)) {
		t.Errorf("got letters %v; want one of the long record", letters)
	}
}

// Who finds that another life has died after it had stored what it would send
// reads that again and sends it. An event that is not there any more is told of,
// and looked for until it is.
func TestIntendedInAnotherLife(t *testing.T) {
	w := newWorldOf(t, 6000, nil)
	at := w.start.Add(-time.Minute).Unix()
	in := &intent{From: at - 60, To: at + 60, Reads: 1, Low: at, High: at, At: w.start.UnixMilli(), Parts: []int{60, 40}, Bytes: 1}
	var events []lookupevents.Event
	for i := range 100 {
		e := lookupevents.Event{ID: fmt.Sprintf("e-%02d", i), Time: time.Unix(at, 0)}
		events = append(events, e)
		in.IDs = append(in.IDs, idOf(types.Event{EventId: &e.ID}, nil))
	}
	slices.Sort(in.IDs)
	w.cloud.History.Put(one, home, events[1:]...)
	checkpoints, err := w.bus.Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := state{Begun: at, Coverage: coverage{{From: at - 3600, To: at + 60}}, Sent: 1, Intent: in}
	if err := checkpoints.Save(t.Context(), homeKey, s); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.until("the log tells of the event", func() bool { return w.said("missing=1 of=100") })
	w.until("the other part arrives", func() bool { n, _ := w.counts(); return n == 40 || n == 60 })
	w.cloud.History.Put(one, home, events[0])
	w.once(100)
}

// A checkpoint that cannot be read is not overwritten.
func TestBrokenCheckpoint(t *testing.T) {
	w := newWorldOf(t, 600, nil)
	w.put(one, home, 10, time.Minute, 0)
	checkpoints, err := w.bus.Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoints.Save(t.Context(), homeKey, state{Begun: 1, Coverage: coverage{{From: 5, To: 3}}}); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.until("the log names the key", func() bool { return w.said("key "+homeKey) && w.said("its coverage is broken") })
	if err := checkpoints.Remove(context.Background(), homeKey); err != nil {
		t.Fatal(err)
	}
	w.once(10)
}
