package report

import (
	"fmt"
	"slices"
	"testing"
)

func TestLinearAxisIsRound(t *testing.T) {
	f := func(most float64, want ...float64) {
		t.Helper()
		if a, got := linear(most, 5); !slices.Equal(got, want) || a.max < most {
			t.Errorf("to %v: %v", most, got)
		}
	}
	f(0, 0, 0.2, 0.4, 0.6000000000000001, 0.8, 1)
	f(10, 0, 2, 4, 6, 8, 10)
	f(118_000, 0, 50_000, 100_000, 150_000)
	f(1, 0, 0.2, 0.4, 0.6000000000000001, 0.8, 1)
	f(1e18, 0, 2e17, 4e17, 6e17, 8e17, 1e18)
}

func TestLogarithmicAxisHoldsItsValues(t *testing.T) {
	f := func(least, most float64, want ...float64) {
		t.Helper()
		a, got := logarithmic(least, most)
		if !slices.Equal(got, want) {
			t.Errorf("%v to %v: %v", least, most, got)
		}
		if a.max < most || a.min > max(least, finest) {
			t.Errorf("%v to %v: the axis is from %v to %v", least, most, a.min, a.max)
		}
	}
	f(120, 900, 100, 200, 500, 1000)
	f(100, 2000, 50, 100, 200, 500, 1000, 2000)
	f(3, 90_000, 10, 100, 1000, 10_000, 100_000)
	f(5, 5, 2, 5)
}

func TestSpanHasTicksOfAClock(t *testing.T) {
	f := func(last float64, want string) {
		t.Helper()
		x, ticks := span(0, last, 8)
		x.to = 100
		var labels []string
		for _, tick := range labelled(x, ticks, clock) {
			labels = append(labels, tick.Label)
		}
		if got := fmt.Sprint(labels); got != want {
			t.Errorf("%v s: %s", last, got)
		}
	}
	f(0, "[0:00 0:01]")
	f(60, "[0:00 0:10 0:20 0:30 0:40 0:50 1:00]")
	f(600, "[0:00 2:00 4:00 6:00 8:00 10:00]")
	f(7200, "[0:00 15:00 30:00 45:00 1:00:00 1:15:00 1:30:00 1:45:00 2:00:00]")
}

func TestLabelsOfMarksDoNotMeet(t *testing.T) {
	f := func(want int, taken [3]float64, from float64) {
		t.Helper()
		if got := freeRow(taken[:], from); got != want {
			t.Errorf("%v at %v: row %d; want %d", taken, from, got, want)
		}
	}
	f(0, [3]float64{}, 10)
	f(1, [3]float64{50, 0, 0}, 10)
	f(2, [3]float64{0, 50, 0}, 10) // in row 0 its line would cross the label below
	f(3, [3]float64{0, 0, 50}, 10)
	f(0, [3]float64{50, 80, 90}, 90)
}

func TestUnits(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	f(count(0), "0")
	f(count(-1234567), "-1,234,567")
	f(number(99.96), "100")
	f(number(1234.6), "1,235")
	f(short(101_234), "101k")
	f(short(999_600), "1M")
	f(short(0.25), "0.25")
	f(size(0), "0 B")
	f(size(1_240_000_000), "1.24 GB")
	f(millis(0), "–")
	f(delay(0), "0")
	f(millis(0.4), "0.4 ms")
	f(millis(999.7), "1 s")
	f(millis(90_000), "90 s")
	f(millis(1_205_000), "20 min 5 s")
	f(millis(7_200_000), "2 h")
	f(fixed(4.2), "4.20")
	f(percent(0.962), "96.2 %")
	f(clock(3_725), "1:02:05")
	f(clipped("häuser", 4), "häu…")
}
