package report

import "unicode/utf8"

// chart is a drawing with all places worked out; the template only writes
// them.
type chart struct {
	Title, Note   string
	Legend        []key
	Width, Height float64
	// The plot is inside of these.
	Left, Top, Right, Bottom float64
	XTicks, YTicks           []tick
	// GridX and GridY: lines cross the plot at the ticks.
	GridX, GridY bool
	// XUnit is what the horizontal axis counts.
	XUnit  string
	Shapes []shape
	Rules  []rule
	Words  []word
	Hits   []hit
}

// key is a line of the legend.
type key struct{ Name, Class string }

type tick struct {
	At    float64
	Label string
}

// shape is a path, coloured and drawn by its classes.
type shape struct{ Path, Class string }

// rule is a straight line over the plot with a name.
type rule struct {
	X1, Y1, X2, Y2 float64
	Class          string
}

// word is text in the plot.
type word struct {
	X, Y        float64
	Text, Class string
}

// hit is where the pointer finds out more.
type hit struct {
	X, Y, W, H float64
	Title      string
}

const (
	chartWidth  = 560
	chartHeight = 250
	lineHeight  = 13.0
	// letter is the mean width of the charts' letters, of which the browser
	// alone knows the exact ones.
	letter = 6.2
)

func textWidthOf(s string) float64 { return letter * float64(utf8.RuneCountInString(s)) }

// room is the width of the widest label.
func room(ticks []tick) float64 {
	var w float64
	for _, t := range ticks {
		w = max(w, textWidthOf(t.Label))
	}
	return w
}

func labelled(a axis, values []float64, label func(float64) string) []tick {
	ticks := make([]tick, len(values))
	for i, v := range values {
		ticks[i] = tick{At: a.at(v), Label: label(v)}
	}
	return ticks
}

// series is one row of values over the time of the run; a value that is NaN
// was not measured.
type series struct {
	Name, Class string
	Values      []float64
}

// longestBridge is how many points may be missing between two samples of a
// process that lived on.
const longestBridge = 2

// bridge has short gaps keep the value before: samples are taken once a second
// and late at times, so that a second may have none.
func (s *series) bridge() {
	last := -1 // the last point with a value
	for i, v := range s.Values {
		if !shown(v) {
			continue
		}
		if gap := i - last - 1; last >= 0 && gap <= longestBridge {
			for j := last + 1; j < i; j++ {
				s.Values[j] = s.Values[last]
			}
		}
		last = i
	}
}

// LabelX is where the labels of the vertical axis end.
func (c chart) LabelX() float64 { return c.Left - 6 }

// Middle is where the name of the horizontal axis is centred.
func (c chart) Middle() float64 { return (c.Left + c.Right) / 2 }
