package report

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sample is a run of n seconds with something in every part.
func sample(n int) Report {
	r := Report{
		Scenario: "slow destination", Layout: "one process", Began: time.Date(2026, 11, 23, 21, 38, 0, 0, time.UTC),
		Settings: map[string]string{"rate": "100,000 events/s", "objects": "CloudTrail, 2,000 events each"},
		Machine:  Machine{CPU: "EPYC", Cores: 2, Memory: 8e9, OS: "linux", Go: "go1.26", Commit: "8289dc8-dirty"},
		Counts:   Counts{Objects: 600, Events: 1_200_000, LogBytes: 1_680_000_000, ObjectBytes: 186_000_000, Arrived: 1_200_000},
		Rates:    Rates{Seconds: 12, Events: 101_234, Objects: 50.6, LogMegabytes: 141.2, PeakEvents: 118_020, OfferedEvents: 100_000},
		Lag:      Lag{P50: 212, P90: 480, P99: 840, Max: 9120},
		CPU: []CPU{
			{Name: "logferry", Seconds: 13.1, MicrosPerEvent: 10.9, PeakRSS: 512e6, EndRSS: 498e6},
			{Name: "nats", Replica: 1, Seconds: 1.1, MicrosPerEvent: 0.5, PeakRSS: 60e6, EndRSS: 50e6},
			{Name: "nats", Replica: 2, Seconds: 1.1, MicrosPerEvent: 0.4, PeakRSS: 60e6, EndRSS: 50e6},
			{Name: "clouds", Seconds: 6, MicrosPerEvent: 5.1, PeakRSS: 220e6, StandIn: true},
		},
		Stages: []CPU{
			{Name: "fetcher", Seconds: 3.3, MicrosPerEvent: 2.9, Top: []Share{{"compress/flate.huffSym", 0.61}}},
			{Name: "writer", Seconds: 9.9, MicrosPerEvent: 4.3, Top: []Share{{"github.com/klauspost/compress/flate.Encode", 0.55}}},
		},
		Floor:   Floor{GunzipMicros: 1.6, GzipMicros: 2.5, Ratio: 2.66},
		Calls:   Calls{Count: 17_204, Refused: 12, MeanRows: 700, MeanBytes: 962_000, Fill: 0.962, WireBytes: 2_100_000_000},
		Bus:     []Bus{{"RECORDS", 16_000, 186_000_000, 155}, {"ROWS", 17_000, 245_000_000, 203.5}},
		Steps:   []Step{{"50k/s", 50_000, 49_900, 11.1, 120, 300}, {"200k/s", 200_000, 112_000, 11.4, 5000, 12_000}},
		Targets: []Target{{"events/s", "at least 100,000", "101,234", true}, {"lag p99", "under 0.5 s", "840 ms", false}},
		Notes:   []string{"the profile covers 30 s only"},
	}
	for i := range n {
		r.Plot = append(r.Plot, Point{At: float64(i), Fed: 100_000, Arrived: 90_000 + float64(i), Backlog: 1e4 * float64(i),
			LagP50: 200, LagP99: 600 + 100*float64(i),
			CPU: map[string]float64{"logferry": 1.1, "nats 1": 0.1, "nats 2": 0.1, "clouds": 0.5},
			RSS: map[string]int64{"logferry": 450e6, "nats 1": 50e6, "clouds": 200e6}})
	}
	if n > 5 {
		r.Plot[4].Mark, r.Plot[5].Mark = "destination slow", "destination slow"
	}
	return r
}

func text(t *testing.T, r Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextBeginsWithTheVerdict(t *testing.T) {
	f := func(change func(*Report), want string) {
		t.Helper()
		r := sample(3)
		change(&r)
		if got, _, _ := strings.Cut(text(t, r), "\n"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(func(*Report) {}, "EXACT  lost 0, doubled 0 · 101,234 events/s · lag p50 212 ms, p99 840 ms · 1 of 2 targets met")
	f(func(r *Report) { r.Targets = nil }, "EXACT  lost 0, doubled 0 · 101,234 events/s · lag p50 212 ms, p99 840 ms")
	f(func(r *Report) { r.Counts.Lost = 1200 }, "FAILED  lost 1,200, doubled 0 · 101,234 events/s · lag p50 212 ms, p99 840 ms · 1 of 2 targets met")
	f(func(r *Report) { r.Counts.Doubled = 1 }, "FAILED  lost 0, doubled 1 · 101,234 events/s · lag p50 212 ms, p99 840 ms · 1 of 2 targets met")
	f(func(r *Report) { *r = Report{} }, "FAILED  lost 0, doubled 0 · 0 events/s · lag p50 –, p99 –")
}

func TestTextHasEveryPart(t *testing.T) {
	got := text(t, sample(3))
	for _, line := range []string{
		"slow destination, one process",
		"2026-11-23 21:38:00 UTC · commit 8289dc8-dirty · EPYC · 2 cores",
		"! the profile covers 30 s only",
		"  lag p99        under 0.5 s    840 ms  not met",
		"  events   101,234/s  best 5 s 118,020/s, offered 100,000/s",
		"  212 ms  480 ms  840 ms   9.12 s",
		"  events             1,200,000  1.68 GB uncompressed, 1.4 kB each",
		"  nats 2      1.10 s   0.09      0.40           60 MB       50 MB",
		"  under test  15.3 s   1.27      11.8          632 MB      598 MB",
		"  writer   9.90 s      4.30  75.0 %  flate.Encode 55.0 %",
		"             1.60            2.50  4.10             2.66 ×",
		"  17,204       12          700        962 kB  96.2 %       2.1 GB",
		"  all streams    33,000  431 MB          359",
		"  200k/s    200,000    112,000      11.4      5 s     12 s",
		"  rate     100,000 events/s",
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
}

func TestTextFitsATerminalWhateverIsInIt(t *testing.T) {
	r := sample(3)
	r.Settings["colour"] = "\x1b[31mred\nline"
	r.Settings[strings.Repeat("n", 300)] = strings.Repeat("v", 300)
	r.Stages[0].Top = []Share{{strings.Repeat("f", 200), 0.5}}
	got := text(t, r)
	if strings.Contains(got, "\x1b") || strings.Contains(got, "\nline") {
		t.Error("control characters reach the terminal")
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(line) - 1; n > textWidth {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func TestJSONComesBack(t *testing.T) {
	want := sample(3)
	var b strings.Builder
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	got, err := ReadJSON(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if _, err := ReadJSON(strings.NewReader("[]")); err == nil {
		t.Error("an array was read as a report")
	}
}

func TestWriteMakesThreeFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "run")
	paths, err := sample(3).Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string // the order is what a reader wants to be told first
	for _, p := range paths {
		if s, err := os.Stat(p); err != nil || s.Size() == 0 {
			t.Errorf("%s: %v, %v", p, s, err)
		}
		names = append(names, filepath.Base(p))
	}
	if got := fmt.Sprint(names); got != "[report.txt report.html report.json]" {
		t.Error(got)
	}
}

func TestWriteKeepsWhatItCouldWrite(t *testing.T) {
	r := sample(3)
	r.Rates.Events = math.NaN() // which JSON cannot say
	paths, err := r.Write(t.TempDir())
	if err == nil || len(paths) != 2 {
		t.Errorf("wrote %v, %v; want the text and the page, and an error", paths, err)
	}
}

// A run on somebody's own queues claims nothing about what it did not count.
func TestUncounted(t *testing.T) {
	r := Report{Scenario: "real", Counts: Counts{Unknown: true}}
	var text, page bytes.Buffer
	if err := errors.Join(r.WriteText(&text), r.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text.String(), "NOT COUNTED  lost unknown, doubled unknown") || strings.Contains(page.String(), `class="verdict bad"`) {
		t.Errorf("got %.300s", text.String())
	}
}
