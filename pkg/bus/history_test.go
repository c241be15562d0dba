package bus

import (
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/ledger"
)

// The history begins when it is made, and later once it has dropped something.
func TestHistoryBegin(t *testing.T) {
	b := open(t)
	l := b.Ledger()
	f := func(want time.Time) {
		t.Helper()
		if got, err := l.HistoryBegin(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("begins at %s, %v; want %s", got, err, want)
		}
	}
	s, err := b.js.Stream(t.Context(), streamHistory)
	if err != nil {
		t.Fatal(err)
	}
	created := s.CachedInfo().Created
	f(created)
	for range 2 {
		if err := l.Append(t.Context(), "org-trail", []ledger.Entry{{Delivered: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	f(created)
	second, err := s.GetMsg(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMsg(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	f(second.Time)
}
