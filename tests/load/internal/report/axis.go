package report

import (
	"math"
	"strconv"
	"strings"
)

// largest is what a plot can still show; beyond it lies a mistake.
const largest = 1e18

// shown reports whether a plot has a place for v.
func shown(v float64) bool { return !math.IsNaN(v) && math.Abs(v) <= largest }

// axis turns values into places of a drawing.
type axis struct {
	min, max float64 // values
	from, to float64 // places
	log      bool
}

// at is the place of v; a value off the axis is at its end.
func (a axis) at(v float64) float64 {
	v = min(max(v, a.min), a.max)
	low, high := a.min, a.max
	if a.log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	return tenths(a.from + (v-low)/(high-low)*(a.to-a.from))
}

// tenths are as fine as a screen shows, and keep the page small.
func tenths(v float64) float64 { return math.Round(v*10) / 10 }

// linear is an axis from 0 to a round value that is at least most, and the
// values of its ticks, about n.
func linear(most float64, n int) (axis, []float64) {
	if most <= 0 {
		most = 1
	}
	step := round(most / float64(n))
	steps := int(math.Ceil(most/step - 1e-9))
	ticks := make([]float64, 0, steps+1)
	for i := range steps + 1 {
		ticks = append(ticks, float64(i)*step)
	}
	return axis{max: ticks[steps]}, ticks
}

// round is the next of 1, 2, 5, 10, 20, … that is not below v.
func round(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// finest is where a logarithmic axis begins at the least: a microsecond, in
// milliseconds.
const finest = 1e-3

// logarithmic is an axis of round values around least and most, and the values
// of its ticks: the powers of ten, with 2 and 5 where there are few.
func logarithmic(least, most float64) (axis, []float64) {
	least = max(least*0.9, finest) // what is least should not lie on the edge
	most = max(most, least)
	var ticks []float64
	for power := math.Floor(math.Log10(least)); ; power++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, power)
			ticks = append(ticks, v)
			if v < most || len(ticks) < 2 {
				continue
			}
			for len(ticks) > 2 && ticks[1] <= least {
				ticks = ticks[1:]
			}
			return axis{min: ticks[0], max: v, log: true}, decades(ticks)
		}
	}
}

// decades drops the ticks between powers of ten when there are too many.
func decades(ticks []float64) []float64 {
	if len(ticks) <= 10 {
		return ticks
	}
	var powers []float64
	for _, v := range ticks {
		if exact := math.Log10(v); math.Abs(exact-math.Round(exact)) < 1e-9 {
			powers = append(powers, v)
		}
	}
	return powers
}

// span is an axis of seconds and its ticks, where a clock would have them.
func span(first, last float64, n int) (axis, []float64) {
	if last <= first {
		last = first + 1
	}
	step := (last - first) / float64(n)
	for _, round := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400} {
		if round >= step {
			step = round
			break
		}
	}
	var ticks []float64
	for v := math.Ceil(first/step) * step; v <= last && len(ticks) <= 2*n; v += step {
		ticks = append(ticks, v)
	}
	return axis{min: first, max: last}, ticks
}

// pen writes the path of a line or an area.
type pen struct {
	strings.Builder
	down bool
}

// to draws a line to a place, or starts there.
func (p *pen) to(x, y float64) {
	command := byte('L')
	if !p.down {
		command, p.down = 'M', true
	}
	p.WriteByte(command)
	p.WriteString(place(x))
	p.WriteByte(' ')
	p.WriteString(place(y))
}

// lift ends a line. A line of one place becomes a dot by its round ends.
func (p *pen) lift() {
	if p.down {
		p.WriteString("h0")
		p.down = false
	}
}

// box draws a rectangle.
func (p *pen) box(left, top, right, bottom float64) {
	p.lift()
	p.to(left, top)
	p.WriteString("H" + place(right) + "V" + place(bottom) + "H" + place(left) + "Z")
	p.down = false
}

func place(v float64) string { return strconv.FormatFloat(tenths(v), 'f', -1, 64) }
