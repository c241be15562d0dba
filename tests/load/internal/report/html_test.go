package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

func html(t *testing.T, r Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements parses the page, which is written so that it is XML too.
func elements(t *testing.T, page string) []xml.StartElement {
	t.Helper()
	var all []xml.StartElement
	for d := xml.NewDecoder(strings.NewReader(page)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			all = append(all, e.Copy())
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func charts(t *testing.T, page string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, e := range elements(t, page) {
		if e.Name.Local == "svg" {
			found[attribute(e, "aria-label")]++
		}
	}
	return found
}

func TestPageShowsEveryPart(t *testing.T) {
	page := html(t, sample(60))
	for _, title := range []string{"Throughput", "Lag", "Backlog", "CPU by process", "Memory by process", "CPU per event",
		"Steps: offered and reached", "Steps: lag"} {
		if charts(t, page)[title] != 1 {
			t.Errorf("no chart %s", title)
		}
	}
	for _, part := range []string{
		"every event arrived exactly once", "1 of 2 targets met", "the profile covers 30 s only",
		`<dd class="value">101,234<small>/s</small></dd>`, `<dd class="value">840 ms<small></small></dd>`, "2.66 × the codec floor of 4.10 µs",
		`class="limit"`, "2 cores", "p99: 700 ms", ">nats 2</td>", ">not met</td>",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("no %s on the page", part)
		}
	}
	if n := strings.Count(page, `class="markline"`); n != 5 {
		t.Errorf("%d lines of marks; want one in each of 5 charts: the second mark repeats the first", n)
	}
}

func TestEverySecondIsDrawn(t *testing.T) {
	f := func(seconds int) {
		t.Helper()
		page := html(t, sample(seconds))
		lines, hits := 0, 0
		for _, e := range elements(t, page) {
			switch attribute(e, "class") {
			case "line c0":
				if lines == 0 {
					lines = strings.Count(attribute(e, "d"), "L") + strings.Count(attribute(e, "d"), "M")
				}
			case "hit":
				hits++
			}
		}
		if lines != seconds {
			t.Errorf("the line of %d seconds has %d places", seconds, lines)
		}
		if most := 5*mostHits + 20; hits > most {
			t.Errorf("%d places for the pointer; want at most %d", hits, most)
		}
	}
	f(1)
	f(2)
	f(240)
	f(241)
	f(3600)
}

func TestOnlyShortGapsAreBridged(t *testing.T) {
	f := func(values, want []float64) {
		t.Helper()
		s := series{Values: values}
		s.bridge()
		if got := fmt.Sprint(s.Values); got != fmt.Sprint(want) {
			t.Errorf("got %s; want %v", got, want)
		}
	}
	nan := math.NaN()
	f([]float64{nan, 1, nan, nan, 2, nan}, []float64{nan, 1, 1, 1, 2, nan})
	f([]float64{1, nan, nan, nan, 2}, []float64{1, nan, nan, nan, 2}) // it was stopped meanwhile
	f(nil, nil)
}

func TestPageNeedsNothingBesideIt(t *testing.T) {
	page := html(t, sample(10))
	for _, outside := range []string{"http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"} {
		if strings.Contains(page, outside) {
			t.Errorf("the page has %s", outside)
		}
	}
}

func TestPageIsNotWrittenByItsData(t *testing.T) {
	const evil = `</title></svg><script>alert("1")</script><!-- ' & `
	r := sample(10)
	r.Scenario, r.Layout, r.Machine.Commit, r.Machine.CPU = evil, evil, evil, evil
	r.Settings[evil] = evil
	r.Notes = []string{evil}
	r.Targets = append(r.Targets, Target{evil, evil, evil, true})
	r.Steps[0].Name, r.Bus[0].Stream, r.CPU[0].Name, r.Stages[0].Name = evil, evil, evil, evil
	r.Stages[0].Top[0].Name, r.Plot[3].Mark = evil, evil
	r.Plot[3].CPU[evil], r.Plot[3].RSS[evil] = 1, 1
	page := html(t, r)
	for _, e := range elements(t, page) {
		if e.Name.Local == "script" {
			t.Fatal("the data brought a script in")
		}
	}
	if !strings.Contains(page, "&lt;script&gt;") {
		t.Error("the data are not shown")
	}
}

func TestOddReportsAreDrawn(t *testing.T) {
	f := func(name string, r Report) {
		t.Helper()
		page := html(t, r)
		for _, broken := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
			if strings.Contains(page, broken) {
				t.Errorf("%s: the page has %s", name, broken)
			}
		}
		elements(t, page)
		text(t, r)
	}
	f("nothing", Report{})
	f("zero values", Report{Plot: make([]Point, 9), Steps: make([]Step, 3), CPU: make([]CPU, 2), Stages: make([]CPU, 2),
		Bus: make([]Bus, 1), Targets: make([]Target, 1), Settings: map[string]string{"": ""}})
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -1, math.SmallestNonzeroFloat64, 1e18} {
		f(fmt.Sprint(v), strange(v))
	}
	still := sample(1)
	still.Plot = append(still.Plot, still.Plot[0])
	f("time stands still", still)
	late := sample(3)
	late.Plot[2].At = math.MaxFloat64
	f("a clock gone wrong", late)
	marked := sample(200)
	for i := range marked.Plot {
		marked.Plot[i].Mark = fmt.Sprintf("mark %d, which is longer than its place", i)
	}
	f("a mark every second", marked)
	crowded := sample(5)
	for i := range 40 {
		crowded.CPU = append(crowded.CPU, CPU{Name: "parser", Replica: i + 1})
		crowded.Plot[i%5].CPU[fmt.Sprintf("parser %d", i+1)] = 0.1
	}
	f("many processes", crowded)
}

// strange has v wherever a report has a number with a fraction.
func strange(v float64) Report {
	r := sample(6)
	for i := range r.Plot {
		if i%2 == 0 {
			p := &r.Plot[i]
			p.Fed, p.Arrived, p.Backlog, p.LagP50, p.LagP99 = v, v, v, v, v
			p.CPU["logferry"], p.RSS["logferry"] = v, math.MaxInt64
		}
	}
	r.Rates = Rates{v, v, v, v, v, v}
	r.Lag = Lag{v, v, v, v}
	r.Floor = Floor{v, v, v}
	r.CPU[0].MicrosPerEvent, r.CPU[0].Seconds, r.CPU[0].PeakRSS = v, v, math.MinInt64
	r.Stages[0].MicrosPerEvent, r.Stages[0].Seconds = v, v
	r.Steps = append(r.Steps, Step{"strange", v, v, v, v, v})
	r.Calls.MeanRows, r.Calls.MeanBytes, r.Calls.Fill = v, v, v
	return r
}
