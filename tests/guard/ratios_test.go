//go:build guard

package guard

import (
	"flag"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

var record = flag.String("record", "", "record the ratios as those of this commit")

const tableFile = "ratios.tsv"

// No step of the hot path is slower than its ratio in the table says.
func TestRatios(t *testing.T) {
	// On one processor, whether goroutines hand over to each other or wake a
	// sleeping thread does not depend on what else the machine does.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	known, err := Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var measured []Entry
	for _, group := range []struct {
		name  string
		steps func(*testing.T) []Step
	}{{"reading", reading}, {"carrying", carrying}, {"running", running}, {"writing", writing}, {"bus", onBus}} {
		t.Run(group.name, func(t *testing.T) {
			for _, s := range group.steps(t) {
				if *record != "" {
					measured = append(measured, recorded(t, s))
					continue
				}
				measured = append(measured, Entry{Step: s.Name, Against: s.Against})
				judge(t, s, known)
			}
		})
	}
	if *record != "" && !t.Failed() {
		if err := os.WriteFile(tableFile, []byte(Format(measured)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, e := range known {
		if !slices.ContainsFunc(measured, func(m Entry) bool { return m.Step == e.Step }) {
			t.Errorf("%s is in the table, and no step: record the ratios", e.Step)
		}
	}
}

func recorded(t *testing.T, s Step) Entry {
	ratio, err := s.Record(CPU)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %.3g times %s", s.Name, ratio, s.Against)
	return Entry{Step: s.Name, Against: s.Against, Ratio: ratio, Date: time.Now().UTC().Format(time.DateOnly), Commit: *record}
}

func judge(t *testing.T, s Step, known []Entry) {
	at := slices.IndexFunc(known, func(e Entry) bool { return e.Step == s.Name && e.Against == s.Against })
	if at < 0 {
		t.Errorf("%s, against %s: not in the table; make guard RECORD=1 on an idle machine adds it", s.Name, s.Against)
		return
	}
	v, err := s.Judge(CPU, known[at].Ratio)
	switch {
	case err != nil:
		t.Fatal(err)
	case v.Slower:
		t.Errorf("%s, against %s: %v", s.Name, s.Against, v)
	default:
		t.Logf("%s: %v", s.Name, v)
	}
}
