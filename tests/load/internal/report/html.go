package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
)

//go:embed report.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("report").Parse(pageText))

// page is what the template shows.
type page struct {
	Subject, Occasion, Verdict, TargetsMet string
	Exact, Uncounted, AllMet               bool
	Lost, Doubled                          string
	Figures                                []figure
	Warnings                               []string
	Targets                                table
	Charts                                 []chart
	Tables                                 []table
}

// figure is one of the numbers in large type.
type figure struct{ Value, Unit, Name, Note string }

// WriteHTML writes the report as one page that needs nothing beside it: style
// and plots are inside, and there are no scripts.
func (r Report) WriteHTML(w io.Writer) error {
	return pageTemplate.Execute(w, page{
		Subject: r.subject(), Occasion: r.occasion(), Verdict: r.verdict(), TargetsMet: r.targetsMet(), Exact: r.Exact(), AllMet: r.met() == len(r.Targets),
		Uncounted: r.Counts.Unknown, Lost: r.Counts.lost(), Doubled: r.Counts.doubled(),
		Figures: r.figures(), Warnings: r.warnings(), Targets: r.targetTable(), Charts: r.charts(), Tables: r.tables(),
	})
}

func (r Report) figures() []figure {
	all := r.underTest()
	cpu := "of the processes under test"
	if r.Floor.Ratio > 0 {
		cpu = times(r.Floor.Ratio) + " the codec floor of " + micros(r.Floor.sum())
	}
	processes := 0
	for _, c := range r.CPU {
		if !c.StandIn {
			processes++
		}
	}
	resident := "resident at most, one process"
	if processes != 1 {
		resident = fmt.Sprintf("resident at most, %d processes", processes)
	}
	return []figure{
		{number(r.Rates.Events), "/s", "Events", number(r.Rates.LogMegabytes) + " MB/s of logs, best 5 s " + short(r.Rates.PeakEvents) + "/s"},
		{millis(r.Lag.P99), "", "Lag p99", "p50 " + millis(r.Lag.P50) + ", longest " + millis(r.Lag.Max)},
		{micros(all.MicrosPerEvent), "", "CPU per event", cpu},
		{memory(all.PeakRSS), "", "Memory", resident},
	}
}

// charts are those that have something to show.
func (r Report) charts() []chart {
	var charts []chart
	add := func(c chart, some bool) {
		if some {
			charts = append(charts, c)
		}
	}
	if len(r.Plot) > 0 {
		add(r.throughput().draw())
		add(r.lag().draw())
		add(r.backlog().draw())
		add(r.cores().draw())
		add(r.resident().draw())
	}
	add(r.budget())
	add(r.stepRates())
	add(r.stepLags())
	return charts
}

// values is a series of what every point of the plot holds.
func (r Report) values(name, class string, of func(Point) float64) series {
	s := series{Name: name, Class: class, Values: make([]float64, len(r.Plot))}
	for i, p := range r.Plot {
		s.Values[i] = of(p)
	}
	return s
}

func (r Report) throughput() timeline {
	return timeline{title: "Throughput", note: "events per second", points: r.Plot, label: short, series: []series{
		r.values("fed", "c7", func(p Point) float64 { return p.Fed }),
		r.values("arrived", "c0", func(p Point) float64 { return p.Arrived }),
	}}
}

func (r Report) lag() timeline {
	known := func(ms float64) float64 {
		if ms <= 0 {
			return math.NaN()
		}
		return ms
	}
	return timeline{title: "Lag", note: "from notification to acceptance, of the rows accepted in that second",
		points: r.Plot, label: delay, log: true, series: []series{
			r.values("p50", "c0", func(p Point) float64 { return known(p.LagP50) }),
			r.values("p99", "c1", func(p Point) float64 { return known(p.LagP99) }),
		}}
}

func (r Report) backlog() timeline {
	return timeline{title: "Backlog", note: "events fed that have not arrived yet", points: r.Plot, label: short, stacked: true,
		series: []series{r.values("backlog", "c4", func(p Point) float64 { return p.Backlog })}}
}

func (r Report) cores() timeline {
	t := timeline{title: "CPU by process", note: "cores in use", points: r.Plot, label: digits, stacked: true}
	t.series = r.byProcess(func(p Point, name string) (float64, bool) {
		cores, sampled := p.CPU[name]
		return cores, sampled
	})
	if n := r.Machine.Cores; n > 0 {
		t.limit, t.limitName = float64(n), fmt.Sprintf("%d cores", n)
	}
	return t
}

func (r Report) resident() timeline {
	t := timeline{title: "Memory by process", note: "resident", points: r.Plot, label: size}
	t.series = r.byProcess(func(p Point, name string) (float64, bool) { return float64(p.RSS[name]), p.RSS[name] > 0 })
	return t
}

// byProcess is a series for every process that used anything.
func (r Report) byProcess(used func(Point, string) (float64, bool)) []series {
	var all []series
	for _, k := range r.processes() {
		s := r.values(k.Name, k.Class, func(p Point) float64 {
			if v, sampled := used(p, k.Name); sampled {
				return v
			}
			return math.NaN()
		})
		if _, most := extent([][]float64{s.Values}); most > 0 {
			s.bridge()
			all = append(all, s)
		}
	}
	return all
}

const (
	colours = 7 // c0 to c6; c7 is grey
	greys   = 3
	shades  = 4 // of a colour, for the replicas of a process
)

// processes are the labels of all processes that the plot knows, each with its
// colour: replicas have shades of one, stand-ins are grey and come last.
func (r Report) processes() []key {
	var own, standIns []key
	colourOf := map[string]int{}
	known := map[string]bool{}
	for _, c := range r.CPU {
		known[c.Label()] = true
		if c.StandIn {
			standIns = append(standIns, key{c.Label(), "g" + strconv.Itoa(len(standIns)%greys)})
			continue
		}
		if _, seen := colourOf[c.Name]; !seen {
			colourOf[c.Name] = len(colourOf)
		}
		class := fmt.Sprintf("c%d s%d", colourOf[c.Name]%colours, max(0, c.Replica-1)%shades)
		own = append(own, key{c.Label(), class})
	}
	var others []string
	for _, p := range r.Plot {
		for name := range p.CPU {
			others = append(others, name)
		}
		for name := range p.RSS {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range slices.Compact(others) {
		if !known[name] {
			own = append(own, key{name, fmt.Sprintf("c%d s0", (len(colourOf)+len(own))%colours)})
		}
	}
	return append(own, standIns...)
}
