package ledger_test

import (
	"encoding/base32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// A key is the first 128 bits of an object's id.
func TestKeyOf(t *testing.T) {
	f := func(object string, want ledger.Key) {
		t.Helper()
		if got := ledger.KeyOf(object); got != want {
			t.Errorf("%q: got key %x; want %x", object, got, want)
		}
	}
	// by the definition of base 32: bit by bit
	for _, name := range []string{"a", "b", "AWSLogs/1/x.gz"} {
		object := batch.ObjectID(connection, "logs", name, "", "e")
		const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
		var want ledger.Key
		for bit := range 128 {
			digit := strings.IndexByte(alphabet, object[bit/5])
			want[bit/8] |= byte(digit>>(4-bit%5)&1) << (7 - bit%8)
		}
		f(object, want)
	}
	f(strings.Repeat("7", 26), ledger.Key(slices.Repeat([]byte{0xff}, 16)))
	f(strings.Repeat("a", 26), ledger.Key{})
	f(strings.ToLower(base32.StdEncoding.EncodeToString([]byte("0123456789abcdefrest")))[:26], ledger.Key([]byte("0123456789abcdef")))
	// the two bits beyond are none of its business
	f(strings.Repeat("a", 25)+"d", ledger.Key{})
	// what is no id
	f("", ledger.Key{})
	f("not an id", ledger.Key{})
	f(strings.Repeat("1", 26), ledger.Key{})
}

// Events add up to the same, in whatever order and however often they come.
func TestAccountInAnyOrder(t *testing.T) {
	seenAt := func(at time.Time) *logferryv1.LedgerEvent {
		e := seen("object")
		e.Time = timestamppb.New(at)
		return e
	}
	first := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	events := []*logferryv1.LedgerEvent{
		seenAt(first), seenAt(first.Add(time.Hour)), // the ledger was lost in between
		ledger.Fetched(connection, "object", &logferryv1.Fetched{Parts: 4, Records: 43, Dead: 3}),
		part("object", 0, 0), part("object", 1, 2), part("object", 3, 0),
		ledger.Part(connection, "object", &logferryv1.PartSettled{Part: 2, Delivered: 4, Filtered: 6}),
	}
	want := &logferryv1.Done{Parts: 4, Records: 43, Delivered: 32, Dead: 5, Filtered: 6}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		order := append(slices.Clone(events), events[random.IntN(len(events))]) // one comes twice
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		a := new(ledger.Account)
		for i, e := range order {
			a.Add(e)
			var missing []string
			for _, e := range events[2:] {
				if !slices.Contains(order[:i+1], e) {
					missing = append(missing, ledger.Name(e))
				}
			}
			if a.IsComplete() != (len(missing) == 0) || a.IsDone() {
				t.Fatalf("without %v: complete %v, done %v", missing, a.IsComplete(), a.IsDone())
			}
		}
		if got := a.Total(); !proto.Equal(got, want) || !a.SeenAt.Equal(first) || a.Settled() != 4 {
			t.Fatalf("got %v, seen at %v, %d parts settled; want %v, %v, 4", got, a.SeenAt, a.Settled(), want, first)
		}
	}
}

func TestAccount(t *testing.T) {
	finished := &logferryv1.LedgerEvent{Event: &logferryv1.LedgerEvent_Done{Done: &logferryv1.Done{Parts: 2, Delivered: 7}}}
	f := func(complete bool, settled string, delivered uint64, events ...*logferryv1.LedgerEvent) {
		t.Helper()
		a := ledger.NewAccount(events)
		var has []string
		for n := range 3 {
			if a.HasSettled(n) {
				has = append(has, ledger.PartName(n))
			}
		}
		if got := strings.Join(has, " "); a.IsComplete() != complete || got != settled || a.Total().GetDelivered() != delivered {
			t.Errorf("got complete %v, settled %q, delivered %d; want %v, %q, %d", a.IsComplete(), got, a.Total().GetDelivered(), complete, settled, delivered)
		}
	}
	f(false, "", 0)
	f(false, "", 0, seen("o"))
	f(true, "", 0, fetched("o", 0)) // without records
	f(false, "1", 10, part("o", 1, 0))
	f(false, "1", 10, part("o", 1, 0), fetched("o", 2))
	f(true, "0 1", 20, part("o", 1, 0), fetched("o", 2), part("o", 0, 0))
	// parts beyond the last do not stand for one that is missing
	f(false, "1 2", 20, fetched("o", 2), part("o", 1, 0), part("o", 2, 0))
	// done is what it says, whatever else is known
	f(true, "0 1", 7, finished)
	f(true, "0 1", 7, part("o", 1, 0), finished, fetched("o", 3))
}

// What is rejected of an object or of a part shows in its sum.
func TestRejectedAccount(t *testing.T) {
	f := func(want bool, fetched *logferryv1.Fetched, parts ...*logferryv1.PartSettled) {
		t.Helper()
		a := ledger.NewAccount([]*logferryv1.LedgerEvent{ledger.Fetched(connection, "o", fetched)})
		for _, p := range parts {
			a.Add(ledger.Part(connection, "o", p))
		}
		if got := a.Total().GetRejected(); got != want {
			t.Errorf("%v, %v: rejected %v; want %v", fetched, parts, got, want)
		}
	}
	f(false, &logferryv1.Fetched{Parts: 1}, &logferryv1.PartSettled{})
	f(true, &logferryv1.Fetched{Rejected: true})
	f(true, &logferryv1.Fetched{Parts: 2}, &logferryv1.PartSettled{Rejected: true}, &logferryv1.PartSettled{Part: 1})
}
