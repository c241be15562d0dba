package lookup

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
)

func TestStateIsKept(t *testing.T) {
	want := state{
		Begun: 5, Coverage: coverage{{1, 2, 0}, {2, 3, 4}}, Chunks: []chunk{{1, 2, 3, 4}}, Sent: 6,
		Intent: &intent{From: 1, To: 2, Reads: 1, Low: 1, High: 1, At: 7, IDs: ids{1, 1 << 63, 3}, Parts: []int{2, 1}, Bytes: 9, Dead: ids{4}},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got state
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) || got.check() != nil {
		t.Errorf("got %+v, %v, %v; want %+v", got, err, got.check(), want)
	}
	f := func(edit func(*state), says string) {
		t.Helper()
		s := want
		s.Coverage = append(coverage{}, want.Coverage...)
		edit(&s)
		if err := s.check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v; want %q", err, says)
		}
	}
	f(func(s *state) { s.Begun = 0 }, "no beginning")
	f(func(s *state) { s.Coverage = nil }, "no beginning")
	f(func(s *state) { s.Coverage[1].From = 7 }, "coverage is broken")
	f(func(s *state) { s.Intent = &intent{IDs: ids{1}, Parts: []int{2}} }, "its parts have 2 events")
	if err := json.Unmarshal([]byte(`"AAAA"`), new(ids)); err == nil {
		t.Error("3 bytes are taken for ids")
	}
}

// The memory knows every id that was added as long as its time may be read, in
// chunks of a bounded size whose slots are used again.
func TestMemory(t *testing.T) {
	config := app.DefaultConfig().Bus
	config.Store = t.TempDir()
	checkpoints, err := bustest.Open(t, config, bus.Topology{}).Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := memory{checkpoints, "lookup.test"}
	random := rand.New(rand.NewPCG(5, 6))
	var chunks []chunk
	added := map[id]window{}
	for i := range 60 {
		w := window{int64(i) * 600, int64(i+1) * 600}
		var some ids
		for range 500 {
			v := id(random.Uint64())
			some, added[v] = append(some, v), w
		}
		for range 2 { // who died in between adds the same again
			if chunks, err = m.add(t.Context(), chunks, w, some); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range chunks {
		if c.N > chunkIDs || c.To-c.From > chunkSpan {
			t.Errorf("chunk %+v is too large", c)
		}
	}
	for v, w := range added {
		if known, err := m.known(t.Context(), chunks, window{w.from + 10, w.from + 20}); err != nil {
			t.Fatal(err)
		} else if _, ok := known[v]; !ok {
			t.Fatalf("an id of %v is not known", w)
		}
		if random.IntN(20) == 0 {
			break
		}
	}
	if known, err := m.known(t.Context(), chunks, window{-100, 0}); err != nil || len(known) != 0 {
		t.Errorf("%d ids are known of a time without events, %v", len(known), err)
	}
	left := needed(chunks, coverage{{0, 18000, 4}, {18000, 40000, 1}}, 4)
	if len(left) == 0 || len(left) >= len(chunks) {
		t.Errorf("%d of %d chunks are needed", len(left), len(chunks))
	}
	again, err := m.add(t.Context(), left, window{40000 * 9, 40001 * 9}, ids{1})
	if err != nil || again[len(again)-1].Slot >= len(chunks) {
		t.Errorf("got %v, %v; want a slot used again", again, err)
	}
	if known, err := m.known(t.Context(), again, window{40000 * 9, 40001 * 9}); err != nil || len(known) != 1 {
		t.Errorf("%d ids are known in a slot that is used again, %v; want 1", len(known), err)
	}
}

// An hour without rest that did not catch up is told of, with what to do.
func TestOverLimit(t *testing.T) {
	w := newWorldOf(t, 6000, nil)
	f := func(want bool, idle time.Duration, behind ...int64) {
		t.Helper()
		r := w.reader(t)
		now := 1000 * hour
		r.state = &state{Begun: now - 100*hour}
		for _, seconds := range behind {
			r.measure(coverage{{now - 200*hour, now - seconds, 4}, {now - seconds, now, 0}}, now)
			r.load.idle += idle
			now += hour
		}
		if got := w.said("more events than LookupEvents lets be read"); got != want {
			t.Errorf("behind %v, idle %s: told %t; want %t", behind, idle, got, want)
		}
		w.logs.clear()
	}
	f(true, 0, hour, 2*hour)
	f(false, 0, 2*hour, hour)           // it catches up
	f(false, time.Hour/2, hour, 2*hour) // it had time
	f(false, 0, 60, 120)                // it is hardly behind
	f(true, 0, 3*hour, hour, 2*hour)
	f(false, 0, hour)
}
