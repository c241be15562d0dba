package lookup

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Every event arrives once, however late and out of order they are, whatever
// comes twice, and however often the service dies: and nobody is asked more than
// twice a second.
func TestEveryEventOnce(t *testing.T) {
	accounts := []string{"111111111111", "222222222222", "333333333333"}
	regions := []string{"us-east-1", "us-west-2", "eu-west-1", "eu-central-1"}
	const each = 2000
	w := newWorld(t, 1200, accounts...)
	w.cloud.History.SetTwice(0.1, 0.02)
	for _, a := range accounts {
		for _, r := range regions {
			w.put(a, r, each, time.Hour, time.Hour)
		}
	}
	want := each * len(accounts) * len(regions)
	random := rand.New(rand.NewPCG(1, 2))
	restarts := 0
	for end := w.start.Add(155 * time.Minute); w.now().Before(end); restarts++ {
		w.run(WithRereads(20*time.Minute, 80*time.Minute))
		w.pass(time.Duration(random.Int64N(int64(20 * time.Minute))))
	}
	w.until("every event", func() bool { events, _ := w.counts(); return events == want })
	w.pass(20 * time.Minute)
	if events, doubled := w.counts(); events != want || doubled != 0 {
		t.Errorf("%d events arrived, %d of them more than once; want %d once", events, doubled, want)
	}
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
	t.Logf("%d events, %d calls, %d starts", want, calls, restarts)
	_ = fmt.Sprint
}
