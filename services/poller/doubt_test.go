package poller

import "testing"

func TestDoubtHoldsOnce(t *testing.T) {
	held := 0
	d := doubt{hold: func() func() {
		held++
		return func() { held-- }
	}}
	f := func(is bool, want int) {
		t.Helper()
		d.set(is)
		if held != want || d.is() != is {
			t.Errorf("after set(%v): held %d times, in doubt %v; want %d", is, held, d.is(), want)
		}
	}
	f(true, 1)
	f(true, 1)
	f(false, 0)
	f(false, 0)
	f(true, 1)
}
