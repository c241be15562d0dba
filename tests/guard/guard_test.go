package guard

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// A clock of the test's own: work takes what it says.
func TestJudge(t *testing.T) {
	f := func(what string, recorded float64, want Verdict, work ...time.Duration) {
		t.Helper()
		var now time.Duration
		turns := 0
		s := Step{
			Work: func() error {
				now += work[min(turns/(rounds+1), len(work)-1)]
				turns++
				return nil
			},
			Yardstick: func() error { now += 100 * time.Millisecond; return nil },
		}
		got, err := s.Judge(func() (time.Duration, error) { return now, nil }, recorded)
		if want.Recorded = recorded; err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", what, got, err, want)
		}
	}
	const usual = 200 * time.Millisecond
	f("as ever", 2, Verdict{Ratio: 2}, usual)
	f("slower by a quarter", 2, Verdict{Ratio: 2.5}, usual*5/4)
	f("slower by half", 2, Verdict{Ratio: 3, Slower: true}, usual*3/2)
	f("disturbed twice", 2, Verdict{Ratio: 2}, usual*3, usual*2, usual)
	f("disturbed always, though less and less", 2, Verdict{Ratio: 3, Slower: true}, usual*3, usual*2, usual*3/2)
	f("faster by a tenth", 2, Verdict{Ratio: 1.8}, usual*9/10)
	f("faster by a third", 2, Verdict{Ratio: 1.2, Faster: true}, usual*6/10)
}

// A turn is so long that the clock can tell, and a failure ends it.
func TestMeasure(t *testing.T) {
	var now time.Duration
	s := Step{
		Name: "small", Work: func() error { now += 30 * time.Microsecond; return nil },
		Yardstick: func() error { now += 10 * time.Microsecond; return nil },
	}
	coarse := func() (time.Duration, error) { return now.Truncate(time.Millisecond), nil }
	if ratio, err := s.Record(coarse); err != nil || ratio < 2.8 || ratio > 3.2 {
		t.Errorf("got %v, %v; want 3", ratio, err)
	}
	s.Yardstick = func() error { return errors.New("broken") }
	if _, err := s.Measure(coarse); err == nil || err.Error() != "small, yardstick: broken" {
		t.Errorf("error = %v", err)
	}
}

func TestTable(t *testing.T) {
	entries := []Entry{{"parse", "gunzip", 1.23, "2026-11-23", "abc"}, {"split", "gunzip", 0.456, "2026-11-23", "abc"}}
	got, err := Parse(Format(entries))
	if err != nil || !slices.Equal(got, entries) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "parse\tgunzip\t1\t2\t3\n", header + "parse\n", header + "parse\tgunzip\tfast\t2\t3\n", header + "parse\tgunzip\t0\t2\t3\n"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v", text, got)
		}
	}
}
