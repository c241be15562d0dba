package system

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

func TestParseStat(t *testing.T) {
	f := func(stat string, want time.Duration) {
		t.Helper()
		got, err := parseStat([]byte(stat))
		if err != nil || got != want {
			t.Errorf("parseStat(%q) = %v, %v; want %v", stat, got, err, want)
		}
	}
	f("7 (cat) R 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 1", 3*time.Second)
	// A name may look like the rest.
	f("7 (a) R 1 (b) S 1 7 7 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 1", 30*time.Millisecond)
	for _, bad := range []string{"", "7 (cat) R 1", "7 (cat) R 1 7 7 0 -1 4194304 100 0 0 0 x 50 0"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("parseStat(%q) is no error", bad)
		}
	}
}

// A process can read itself.
func TestRead(t *testing.T) {
	usage, err := Read(os.Getpid())
	if err != nil || usage.RSS == 0 || usage.PeakRSS < usage.RSS {
		t.Errorf("Read of this process = %+v, %v", usage, err)
	}
	if _, err := Read(-1); err == nil {
		t.Error("a process that does not exist was read")
	}
}

func TestMetrics(t *testing.T) {
	m := Metrics{}
	text := `# HELP bus_bytes_total Bytes.
bus_bytes_total{stream="RAW"} 10
bus_bytes_total{kind="x",stream="ROWS-a"} 5
bus_bytes_total{kind="y",stream="ROWS-a"} 1.5e3
bus_bytes_total_other{stream="RAW"} 7
lag_bucket{table="AWSVPCFlow",le="0.5"} 3
up 1
`
	for range 2 { // two processes
		if err := m.add(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	by := m.By("bus_bytes_total", "stream")
	if len(by) != 2 || by["RAW"] != 20 || by["ROWS-a"] != 3010 {
		t.Errorf("By stream = %v", by)
	}
	if by := m.By("lag_bucket", "le"); len(by) != 1 || by["0.5"] != 6 {
		t.Errorf("By le = %v", by)
	}
	if got := m.Sum("bus_bytes_total"); got != 3030 {
		t.Errorf("Sum = %v; want 3030", got)
	}
	if got := m.Sum("up"); got != 2 {
		t.Errorf("Sum without labels = %v; want 2", got)
	}
	if err := m.add(strings.NewReader("a b\n")); err == nil {
		t.Error("a value that is no number was taken")
	}
}

// sampled makes a sample of 10 ms; the innermost function comes first.
func sampled(service string, stack ...string) *profile.Sample {
	s := &profile.Sample{Value: []int64{1, int64(10 * time.Millisecond)}}
	if service != "" {
		s.Label = map[string][]string{serviceLabel: {service}}
	}
	for _, name := range stack {
		s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
	}
	return s
}

// The samples of a process with all stages go to the stage of their label, of
// their frames, or to none; and /proc's time is shared out by them.
func TestWork(t *testing.T) {
	w := Work{}
	w.add("logferry", everything, &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples"}, {Type: "cpu"}},
		Sample: []*profile.Sample{
			sampled("writer", "runtime.memmove", "github.com/klauspost/compress/flate.(*fastEncL1).Encode", "github.com/logferry/logferry/pkg/sink/azure.x"),
			sampled("writer", "runtime.mallocgc", "github.com/logferry/logferry/pkg/sink/rowjson.Encode"),
			sampled("fetcher", "github.com/klauspost/compress/flate.(*decompressor).huffmanBytesReader"),
			sampled("", "syscall.Syscall", "github.com/nats-io/nats-server/v2/server.(*client).readLoop"),
			sampled("", "runtime.scanobject", "runtime.gcBgMarkWorker"),
			sampled("", "runtime.futex", "runtime.mcall"),
		},
	})
	stages := w.Stages(map[string]time.Duration{"logferry": 12 * time.Second, "stand-ins": time.Hour})
	var got []string
	for _, s := range stages {
		got = append(got, s.Name)
		want := 2.0
		if s.Name == "writer" {
			want = 4
			if len(s.Top) != 2 || s.Top[0].Name != "allocation" || s.Top[1].Name != "gzip" || s.Top[0].Share != 0.5 {
				t.Errorf("top of the writer = %v", s.Top)
			}
		}
		if s.Seconds < want-0.001 || s.Seconds > want+0.001 {
			t.Errorf("%s took %v s; want %v", s.Name, s.Seconds, want)
		}
	}
	if text := strings.Join(got, " "); text != "fetcher writer bus gc other" {
		t.Errorf("stages = %s", text)
	}
}

// A process that is one stage gives it all its work, whatever the labels say.
func TestWorkOfOneStage(t *testing.T) {
	w := Work{}
	w.add("parser-2", "parser", &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples"}, {Type: "cpu"}},
		Sample:     []*profile.Sample{sampled("", "runtime.gcBgMarkWorker"), sampled("parser", "x")},
	})
	stages := w.Stages(map[string]time.Duration{"parser-2": time.Second})
	if len(stages) != 1 || stages[0].Name != "parser" || stages[0].Seconds != 1 {
		t.Errorf("stages = %+v", stages)
	}
}

func TestOptions(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		err := o.check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v; want %q", o, err, want)
		}
	}
	f(Options{Layout: One}, "")
	f(Options{Layout: Cluster, Replicas: map[string]int{"writer": 3}}, "")
	f(Options{Layout: "two"}, `no layout "two"`)
	f(Options{Layout: One, Replicas: map[string]int{"writer": 2}}, "several processes")
	f(Options{Layout: Separate, Replicas: map[string]int{"sink": 2}}, `no stage "sink"`)
	f(Options{Layout: Separate, Replicas: map[string]int{"writer": 0}}, "at least 1")
}
