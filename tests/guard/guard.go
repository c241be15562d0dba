// Package guard notices when the hot path becomes slower. Absolute times differ
// between machines and between hours, so it compares: each step of the path is
// timed against a yardstick, which is code of others that scales as the step
// does, in the same run and in turns. The ratio of the two is compared with the
// one in ratios.tsv, which was measured the same way. The build tag guard turns
// the steps on.
//
// A step that has become slower on purpose, or faster, or a new one, is recorded
// with make guard RECORD=1 on an idle machine.
package guard

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

const (
	// Slower is by how much a ratio may exceed the recorded one, as a factor:
	// less than the half that a step must not lose, more than a busy machine
	// and another build move it.
	Slower = 1.35
	// Faster is below which factor of it the recorded ratio is out of date: what
	// was won would not be guarded.
	Faster = 0.80

	// tries is how often a step is measured before it counts as slower.
	tries = 3
	// rounds is how often a measurement takes turns, and turn how much CPU time
	// one takes at least.
	rounds = 9
	turn   = 20 * time.Millisecond
)

// Step is a piece of the hot path and its yardstick. Work and Yardstick do
// their piece once.
type Step struct {
	// Name is the step's in the table.
	Name string
	// Against says what the yardstick is.
	Against string
	Work    func() error
	// Yardstick need not do as much as Work: what counts is that their ratio
	// stays.
	Yardstick func() error
}

// Clock tells how much time has been spent. It is [CPU] but in tests.
type Clock func() (time.Duration, error)

// Measure returns how many times as long as the yardstick the step takes.
// Neighbours on the machine slow down both sides of a turn alike, and the
// median of the turns forgets those that they did not.
func (s Step) Measure(clock Clock) (float64, error) {
	worked, err := calibrate(clock, s.Work)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.Name, err)
	}
	yard, err := calibrate(clock, s.Yardstick)
	if err != nil {
		return 0, fmt.Errorf("%s, yardstick: %w", s.Name, err)
	}
	ratios := make([]float64, rounds)
	for i := range ratios {
		runtime.GC() // what the round before has left is not this one's
		work, err := worked.time(clock)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.Name, err)
		}
		against, err := yard.time(clock)
		if err != nil {
			return 0, fmt.Errorf("%s, yardstick: %w", s.Name, err)
		}
		ratios[i] = work / against
	}
	return median(ratios), nil
}

// repeated is work that is done so often that the clock can tell its time.
type repeated struct {
	do    func() error
	times int
}

// calibrate finds how often do must be done. Doing so it warms up.
func calibrate(clock Clock, do func() error) (repeated, error) {
	for r := (repeated{do, 1}); ; r.times *= 2 {
		each, err := r.time(clock)
		if err != nil || each*float64(r.times) >= float64(turn) {
			return r, err
		}
	}
}

// time returns the nanoseconds that doing it once takes.
func (r repeated) time(clock Clock) (float64, error) {
	began, err := clock()
	if err != nil {
		return 0, err
	}
	for range r.times {
		if err := r.do(); err != nil {
			return 0, err
		}
	}
	ended, err := clock()
	return float64(ended-began) / float64(r.times), err
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// Verdict is what a step's ratio says.
type Verdict struct {
	// Ratio is the least that was measured, Recorded the one of the table.
	Ratio, Recorded float64
	Slower, Faster  bool
}

func (v Verdict) String() string {
	text := fmt.Sprintf("ratio %.3g, recorded %.3g: %.2f times", v.Ratio, v.Recorded, v.Ratio/v.Recorded)
	switch {
	case v.Slower:
		text += fmt.Sprintf(", more than %v in %d tries", Slower, tries)
	case v.Faster:
		text += ", well done: make guard RECORD=1 keeps it so"
	}
	return text
}

// Judge measures the step and compares its ratio with the recorded one. A step
// is slower when it is so each time that it is tried.
func (s Step) Judge(clock Clock, recorded float64) (Verdict, error) {
	v := Verdict{Recorded: recorded}
	for try := range tries {
		ratio, err := s.Measure(clock)
		if err != nil {
			return v, err
		}
		if try == 0 || ratio < v.Ratio {
			v.Ratio = ratio
		}
		if v.Slower = v.Ratio > Slower*recorded; !v.Slower {
			break
		}
	}
	v.Faster = v.Ratio < Faster*recorded
	return v, nil
}

// Record returns the ratio for the table: the median of several measurements.
func (s Step) Record(clock Clock) (float64, error) {
	ratios := make([]float64, 2*tries-1)
	for i := range ratios {
		var err error
		if ratios[i], err = s.Measure(clock); err != nil {
			return 0, err
		}
	}
	return median(ratios), nil
}
