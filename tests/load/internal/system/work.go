package system

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/logferry/logferry/tests/load/internal/report"
)

// serviceLabel is the pprof label of a service's goroutines.
const serviceLabel = "service"

// Stages of what is no service's work.
const (
	gcStage    = "gc"
	otherStage = "other"
)

// everything is the member that has all stages in it.
const everything = "logferry"

// topGroups is how many groups of functions are told of each stage.
const topGroups = 8

// Work is CPU time as profiles sampled it: by process, by the stage it was done
// for, and by group of functions.
type Work map[string]map[string]groups

// groups is CPU time by group of functions.
type groups map[string]time.Duration

// add adds the samples of a process's profile. One that is one stage gives it
// all its work; in one that has all of them the samples' labels tell.
func (w Work) add(member, stage string, p *profile.Profile) {
	if w[member] == nil {
		w[member] = map[string]groups{}
	}
	cpu := len(p.SampleType) - 1 // nanoseconds; the value before counts samples
	for _, sample := range p.Sample {
		stack := functions(sample)
		of := stage
		if stage == everything {
			of = stageOf(sample.Label[serviceLabel], stack)
		}
		if w[member][of] == nil {
			w[member][of] = groups{}
		}
		w[member][of][group(stack)] += time.Duration(sample.Value[cpu])
	}
}

// functions are the names on a sample's stack, the innermost first.
func functions(s *profile.Sample) []string {
	var names []string
	for _, location := range s.Location {
		for _, line := range location.Line {
			if line.Function != nil {
				names = append(names, line.Function.Name)
			}
		}
	}
	return names
}

// stageOf tells the stage of a sample of a process with all of them. The bus
// is known by its frames, as it and its client run for every service.
func stageOf(label []string, stack []string) string {
	has := func(prefixes ...string) bool {
		return slices.ContainsFunc(stack, func(name string) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		})
	}
	switch {
	case len(label) > 0:
		return label[0]
	case has("github.com/nats-io/"):
		return busStage
	case has("runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge"):
		return gcStage
	}
	return otherStage
}

// rule gives the functions with a prefix to a group.
type rule struct{ prefix, group string }

// group names what a sample is about: the innermost function that a rule knows
// decides, so that what the library does for it counts as its work.
func group(stack []string) string {
	for _, name := range stack {
		for _, r := range rules {
			if strings.HasPrefix(name, r.prefix) {
				return r.group
			}
		}
	}
	return "other"
}

// rules are in order: the first that fits decides.
var rules = []rule{
	{"github.com/klauspost/compress/flate.(*decompressor)", "gunzip"},
	{"github.com/klauspost/compress/flate.(*dictDecoder)", "gunzip"},
	{"github.com/klauspost/compress/flate.(*huffmanDecoder)", "gunzip"},
	{"github.com/klauspost/compress/gzip.(*Reader)", "gunzip"},
	{"compress/flate.(*decompressor)", "gunzip"},
	{"compress/flate.(*dictDecoder)", "gunzip"},
	{"compress/flate.(*huffmanDecoder)", "gunzip"},
	{"compress/gzip.(*Reader)", "gunzip"},
	{"github.com/klauspost/compress/flate", "gzip"},
	{"github.com/klauspost/compress/gzip", "gzip"},
	{"compress/flate", "gzip"},
	{"compress/gzip", "gzip"},
	{"github.com/golang/snappy", "snappy"},
	{"github.com/klauspost/compress/snappy", "snappy"},
	{"github.com/klauspost/compress/s2", "snappy"},
	{"github.com/klauspost/compress/internal/snapref", "snappy"},
	{"github.com/klauspost/compress/zstd", "zstd"},
	{"github.com/klauspost/compress/internal/le.", "codec loads"},
	{"github.com/apache/arrow", "arrow"},
	{"github.com/logferry/logferry/pkg/sink/rowjson", "row JSON"},
	{"github.com/logferry/logferry/pkg/unpack", "split"},
	{"github.com/logferry/logferry/pkg/format", "parse"},
	{"github.com/logferry/logferry/pkg/jsontext", "parse"},
	{"github.com/logferry/logferry/pkg/table", "table"},
	{"github.com/logferry/logferry/pkg/ledger", "ledger"},
	{"github.com/logferry/logferry/pkg/", "logferry"},
	{"github.com/logferry/logferry/services/", "logferry"},
	{"google.golang.org/protobuf", "protobuf"},
	{"crypto/tls", "TLS and HTTP"},
	{"crypto/internal/fips140/aes", "TLS and HTTP"},
	{"net/http", "TLS and HTTP"},
	{"github.com/Azure/", "Azure SDK"},
	{"github.com/aws/", "AWS SDK"},
	{"github.com/nats-io/nats.go", "NATS client"},
	{"github.com/nats-io/nats%2ego", "NATS client"}, // as symbols have the last element of a path
	{"github.com/nats-io/nats-server", "NATS server"},
	{"go.opentelemetry.io", "traces"},
	{"github.com/prometheus", "metrics"},
	{"log/slog", "log"},
	{"runtime.mallocgc", "allocation"},
	{"runtime.gcAssistAlloc", "allocation"},
	{"runtime.gcBgMarkWorker", "garbage collection"},
	{"runtime.bgsweep", "garbage collection"},
	{"runtime.bgscavenge", "garbage collection"},
	{"runtime.mcall", "scheduler"},
	{"runtime.mstart", "scheduler"},
	{"runtime/pprof", "profiling"},
}

// Stages tells what each stage took of the CPU time of the processes, by name.
// Profiles only sample, so they share out what the system has counted.
func (w Work) Stages(cpu map[string]time.Duration) []report.CPU {
	stages := map[string]groups{}
	for member, byStage := range w {
		sampled := time.Duration(0)
		for _, g := range byStage {
			sampled += g.total()
		}
		for stage, g := range byStage {
			if stages[stage] == nil {
				stages[stage] = groups{}
			}
			for name, t := range g {
				stages[stage][name] += time.Duration(float64(t) / float64(sampled) * float64(cpu[member]))
			}
		}
	}
	var all []report.CPU
	for _, stage := range inOrder(stages) {
		all = append(all, report.CPU{Name: stage, Seconds: stages[stage].total().Seconds(), Top: stages[stage].top()})
	}
	return all
}

// inOrder lists stages in the order that data flows, what is no service's last.
func inOrder(stages map[string]groups) []string {
	order := append(Stages(), busStage, gcStage)
	return slices.SortedFunc(maps.Keys(stages), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(order, a), rank(order, b)), cmp.Compare(a, b))
	})
}

func rank(order []string, stage string) int {
	if i := slices.Index(order, stage); i >= 0 {
		return i
	}
	return len(order)
}

func (g groups) total() time.Duration {
	sum := time.Duration(0)
	for _, t := range g {
		sum += t
	}
	return sum
}

// top are the largest groups.
func (g groups) top() []report.Share {
	all := g.total()
	var shares []report.Share
	for name, t := range g {
		shares = append(shares, report.Share{Name: name, Share: float64(t) / float64(all)})
	}
	slices.SortFunc(shares, func(a, b report.Share) int {
		return cmp.Or(-cmp.Compare(a.Share, b.Share), cmp.Compare(a.Name, b.Name))
	})
	return shares[:min(len(shares), topGroups)]
}
