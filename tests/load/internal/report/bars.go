package report

import (
	"fmt"
	"math"
	"strings"
)

// barHeight is that of a line of the budget, barGap the room below it.
const (
	barHeight = 17
	barGap    = 9
)

// bar is a line of the budget.
type bar struct {
	name, text, told string
	parts            []part
}

// part is from a value to another.
type part struct {
	from, to float64
	class    string
}

// budget shows where the CPU time of an event goes: the floor, the pipeline as
// a whole, and the stages, each from where the one before ended.
func (r Report) budget() (chart, bool) {
	bars := r.budgetBars()
	var most float64
	for _, b := range bars {
		for _, p := range b.parts {
			most = max(most, p.to)
		}
	}
	if len(bars) == 0 || !shown(most) {
		return chart{}, false
	}
	c := chart{Title: "CPU per event", Width: chartWidth, Height: float64(44 + len(bars)*(barHeight+barGap)),
		Top: 6, Right: chartWidth - 90, GridX: true, XUnit: "µs of CPU per event"}
	c.Bottom = c.Height - 34
	for i, b := range bars {
		bars[i].name = clipped(b.name, 24)
		c.Left = max(c.Left, 12+textWidthOf(bars[i].name))
	}
	x, values := linear(most, 8)
	x.from, x.to = c.Left, c.Right
	c.XTicks = labelled(x, values, digits)
	for i, b := range bars {
		b.draw(&c, x, c.Top+4+float64(i)*(barHeight+barGap))
	}
	if sum := r.Floor.sum(); sum > 0 {
		at := x.at(sum)
		c.Rules = append(c.Rules, rule{at, c.Top, at, c.Bottom, "limit"})
		c.Note = "The dashed line is the codec floor: " + micros(sum) + " of gunzip and gzip that nobody can avoid"
		c.Legend = []key{{"gunzip", "c2"}, {"gzip", "c1"}, {"pipeline", "c4"}, {"stages", "c0"}}
	}
	return c, true
}

func (b bar) draw(c *chart, x axis, top float64) {
	middle, end := top+barHeight/2.0, x.from
	c.YTicks = append(c.YTicks, tick{middle, b.name})
	for _, p := range b.parts {
		var box pen
		end = max(x.at(p.to), x.at(p.from)+1)
		box.box(x.at(p.from), top, end, top+barHeight)
		c.Shapes = append(c.Shapes, shape{box.String(), "bar " + p.class})
	}
	c.Words = append(c.Words, word{end + 6, middle + 4, b.text, "value"})
	c.Hits = append(c.Hits, hit{c.Left, top - 4, c.Width - c.Left, barHeight + 8, b.told})
}

func (r Report) budgetBars() []bar {
	var bars []bar
	if f := r.Floor; f.sum() > 0 {
		bars = append(bars, bar{"codec floor", fixed(f.sum()),
			fmt.Sprintf("gunzip of the input %s, gzip of the output %s", micros(f.GunzipMicros), micros(f.GzipMicros)),
			[]part{{0, f.GunzipMicros, "c2"}, {f.GunzipMicros, f.sum(), "c1"}}})
	}
	if all := r.underTest(); all.MicrosPerEvent > 0 {
		text := fixed(all.MicrosPerEvent)
		if r.Floor.Ratio > 0 {
			text += " = " + times(r.Floor.Ratio)
		}
		bars = append(bars, bar{"whole pipeline", text, "all processes under test, bus included: " + text, []part{{0, all.MicrosPerEvent, "c4"}}})
	}
	var from float64
	for _, s := range r.Stages {
		if s.StandIn || s.MicrosPerEvent < 0 {
			continue
		}
		to := from + s.MicrosPerEvent
		bars = append(bars, bar{s.Label(), fixed(s.MicrosPerEvent), toldOf(s), []part{{from, to, "c0"}}})
		from = to
	}
	return bars
}

func toldOf(s CPU) string {
	var b strings.Builder
	b.WriteString(s.Label() + ": " + micros(s.MicrosPerEvent) + " per event")
	for _, t := range s.Top {
		fmt.Fprintf(&b, "\n%s  %s", percent(t.Share), t.Name)
	}
	return b.String()
}

// stepRates shows what each step was offered beside what it reached.
func (r Report) stepRates() (chart, bool) {
	var most float64
	for _, s := range r.Steps {
		most = max(most, s.Offered, s.Events)
	}
	if len(r.Steps) == 0 || !shown(most) {
		return chart{}, false
	}
	y, values := linear(most, yTicks)
	c, slot := r.stepChart("Steps: offered and reached", &y, values, short)
	c.Note = "events per second"
	c.Legend = []key{{"offered", "c7"}, {"reached", "c0"}}
	for i, s := range r.Steps {
		left := c.Left + slot*float64(i)
		for _, b := range []struct {
			from, to, value float64
			class           string
		}{{0.14, 0.49, s.Offered, "c7"}, {0.51, 0.86, s.Events, "c0"}} {
			if b.value <= 0 {
				continue
			}
			var box pen
			box.box(left+b.from*slot, y.at(b.value), left+b.to*slot, c.Bottom)
			c.Shapes = append(c.Shapes, shape{box.String(), "bar " + b.class})
		}
	}
	return c, true
}

// stepLags shows how late the rows of each step were.
func (r Report) stepLags() (chart, bool) {
	least, most := math.Inf(1), 0.0
	for _, s := range r.Steps {
		for _, v := range []float64{s.LagP50, s.LagP99} {
			if v > 0 && shown(v) {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	if most == 0 {
		return chart{}, false
	}
	y, values := linear(most, yTicks)
	if most/least >= logFrom {
		y, values = logarithmic(least, most)
	}
	c, slot := r.stepChart("Steps: lag", &y, values, delay)
	c.Legend = []key{{"p50", "c0"}, {"p99", "c1"}}
	var p50, p99 pen
	for i, s := range r.Steps {
		x := c.Left + slot*(float64(i)+0.5)
		for _, p := range []struct {
			pen *pen
			lag float64
		}{{&p50, s.LagP50}, {&p99, s.LagP99}} {
			if p.lag <= 0 || !shown(p.lag) {
				p.pen.lift()
				continue
			}
			p.pen.to(x, y.at(p.lag))
		}
	}
	p50.lift()
	p99.lift()
	c.Shapes = append(c.Shapes, shape{p50.String(), "line c0"}, shape{p99.String(), "line c1"})
	return c, true
}

// stepChart is a chart with a place for every step, still empty, and the width
// of a place.
func (r Report) stepChart(title string, y *axis, values []float64, label func(float64) string) (chart, float64) {
	c := chart{Title: title, Width: chartWidth, Height: chartHeight, Top: 10, Bottom: chartHeight - 34, Right: chartWidth - 14, GridY: true}
	c.Left = 10 + room(labelled(*y, values, label))
	y.from, y.to = c.Bottom, c.Top
	c.YTicks = labelled(*y, values, label)
	slot := (c.Right - c.Left) / float64(len(r.Steps))
	var widest float64
	for _, s := range r.Steps {
		widest = max(widest, textWidthOf(clipped(s.Name, 20))+8)
	}
	every := max(1, int(math.Ceil(widest/slot)))
	for i, s := range r.Steps {
		left := c.Left + slot*float64(i)
		if i%every == 0 {
			c.XTicks = append(c.XTicks, tick{tenths(left + slot/2), clipped(s.Name, 20)})
		}
		told := fmt.Sprintf("%s\noffered %s/s, reached %s/s\nlag p50 %s, p99 %s\nCPU %s per event",
			s.Name, number(s.Offered), number(s.Events), millis(s.LagP50), millis(s.LagP99), micros(s.CPU))
		c.Hits = append(c.Hits, hit{tenths(left), c.Top, tenths(slot), c.Bottom - c.Top, told})
	}
	return c, slot
}
