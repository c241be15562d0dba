package report

import (
	"fmt"
	"math"
	"strings"
)

// timeline is a chart over the seconds of the run.
type timeline struct {
	title, note string
	points      []Point
	series      []series
	label       func(float64) string
	// stacked draws the series as areas, each upon the one before.
	stacked bool
	// log draws on a logarithmic axis if the values need one.
	log bool
	// limit is a line across, such as the machine's cores; 0: none.
	limit     float64
	limitName string
}

const (
	// logFrom is the largest value to the smallest from where on a linear
	// axis would hide the small ones.
	logFrom = 20
	// mostHits bounds the places where the pointer finds values: narrower
	// ones than 2 pixels cannot be found.
	mostHits = 240
	yTicks   = 5
	xTicks   = 8
)

// draw is false when there is nothing to be seen.
func (t timeline) draw() (chart, bool) {
	layers := t.layers()
	least, most := extent(layers)
	if math.IsInf(least, 1) {
		return chart{}, false
	}
	y, values := linear(max(most, t.limit), yTicks)
	if t.log && least > 0 && most/least >= logFrom {
		y, values = logarithmic(least, most)
	}
	c := chart{Title: t.title, Note: t.note, Width: chartWidth, Height: chartHeight, GridY: true, XUnit: "min:s since the start"}
	x, times := span(min(0, t.points[0].At), t.points[len(t.points)-1].At, xTicks)
	c.Left = 10 + room(labelled(y, values, t.label))
	c.Right, c.Bottom = chartWidth-14, chartHeight-34
	x.from, x.to = c.Left, c.Right
	c.Top = 10 + c.mark(t.points, x)
	y.from, y.to = c.Bottom, c.Top
	c.XTicks, c.YTicks = labelled(x, times, clock), labelled(y, values, t.label)
	if t.stacked {
		t.areas(&c, layers, x, y)
	} else {
		t.lines(&c, x, y)
	}
	t.drawLimit(&c, y)
	t.hits(&c, x)
	for _, s := range t.series {
		c.Legend = append(c.Legend, key{s.Name, s.Class})
	}
	return c, true
}

// layers are the values as they are drawn: stacked, each upon those before.
func (t timeline) layers() [][]float64 {
	layers := make([][]float64, len(t.series))
	for i, s := range t.series {
		layers[i] = s.Values
		if !t.stacked {
			continue
		}
		layers[i] = make([]float64, len(s.Values))
		for j, v := range s.Values {
			if !shown(v) {
				v = 0
			}
			layers[i][j] = max(v, 0)
			if i > 0 {
				layers[i][j] += layers[i-1][j]
			}
		}
	}
	return layers
}

// extent is the least and the most of the values, the wrong way round when
// there are none.
func extent(layers [][]float64) (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, values := range layers {
		for _, v := range values {
			if shown(v) {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	return least, most
}

func (t timeline) lines(c *chart, x, y axis) {
	for i, s := range t.series {
		var line pen
		for j, v := range s.Values {
			if !shown(v) {
				line.lift()
				continue
			}
			line.to(x.at(t.points[j].At), y.at(v))
		}
		line.lift()
		c.Shapes = append(c.Shapes, shape{line.String(), "line " + t.series[i].Class})
	}
}

// areas draws from the top one down, each over the lower part of the one
// before, so that thin gaps cannot show between them.
func (t timeline) areas(c *chart, layers [][]float64, x, y axis) {
	for i := len(layers) - 1; i >= 0; i-- {
		var area pen
		area.to(x.at(t.points[0].At), y.from)
		for j, v := range layers[i] {
			area.to(x.at(t.points[j].At), y.at(v))
		}
		area.to(x.at(t.points[len(t.points)-1].At), y.from)
		area.WriteByte('Z')
		c.Shapes = append(c.Shapes, shape{area.String(), "area " + t.series[i].Class})
	}
}

func (t timeline) drawLimit(c *chart, y axis) {
	if t.limit <= 0 {
		return
	}
	at := y.at(t.limit)
	c.Rules = append(c.Rules, rule{c.Left, at, c.Right, at, "limit"})
	c.Words = append(c.Words, word{c.Right - 4, at - 4, t.limitName, "end"})
}

// hits are columns over the whole plot that tell all values of their second.
func (t timeline) hits(c *chart, x axis) {
	every := (len(t.points) + mostHits - 1) / mostHits
	for i := 0; i < len(t.points); i += every {
		left, right := c.Left, c.Right
		if i > 0 {
			left = (x.at(t.points[i-1].At) + x.at(t.points[i].At)) / 2
		}
		if next := i + every; next < len(t.points) {
			right = (x.at(t.points[next-1].At) + x.at(t.points[next].At)) / 2
		}
		c.Hits = append(c.Hits, hit{tenths(left), c.Top, tenths(max(0, right-left)), c.Bottom - c.Top, t.told(i)})
	}
}

func (t timeline) told(i int) string {
	var b strings.Builder
	b.WriteString("at " + clock(t.points[i].At))
	for _, s := range t.series {
		if v := s.Values[i]; shown(v) {
			fmt.Fprintf(&b, "\n%s: %s", s.Name, t.label(v))
		}
	}
	if mark := t.points[i].Mark; mark != "" {
		b.WriteString("\n" + mark)
	}
	return b.String()
}

const (
	markRows   = 3
	markLength = 30
)

// mark draws a labelled line for every mark, once when the next seconds say the
// same, and returns the height of the labels.
func (c *chart) mark(points []Point, x axis) (height float64) {
	var taken [markRows]float64 // how far to the right, of each row
	before := ""
	for _, p := range points {
		same := p.Mark == before
		before = p.Mark
		if same || p.Mark == "" {
			continue
		}
		at := x.at(p.At)
		label, class := clipped(p.Mark, markLength), "mark"
		from, anchor := at+4, at+4
		if from+textWidthOf(label) > c.Width {
			from, anchor, class = at-4-textWidthOf(label), at-4, "mark end"
		}
		row := freeRow(taken[:], from)
		if row < markRows {
			c.Words = append(c.Words, word{anchor, lineHeight*float64(row) + 10, label, class})
			taken[row] = from + textWidthOf(label) + 8
			height = max(height, lineHeight*float64(row+1))
		}
		for i := row; i < markRows; i++ {
			taken[i] = max(taken[i], at)
		}
		c.Rules = append(c.Rules, rule{at, lineHeight * float64(row), at, c.Bottom, "markline"})
	}
	return height
}

// freeRow is the first row where a label can begin at a place so that its line
// down crosses no other label; there may be none.
func freeRow(taken []float64, from float64) int {
	row := len(taken)
	for row > 0 && taken[row-1] <= from {
		row--
	}
	return row
}
