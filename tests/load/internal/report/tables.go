package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// table is a part of the report that the text and the page both show.
type table struct {
	Title string
	// Align has a letter a column: l is left, r right.
	Align string
	// Head names the columns; there may be none.
	Head []string
	Rows []row
}

type row struct {
	Cells []string
	// Class is good or bad for a judgement, sum for a total, quiet for what
	// is not Logferry's own.
	Class string
}

// Right reports whether the column is aligned to the right.
func (t table) Right(column int) bool { return t.Align[column] == 'r' }

func (t *table) add(class string, cells ...string) {
	t.Rows = append(t.Rows, row{Cells: cells, Class: class})
}

// tables are the parts that have something in them, in reading order.
func (r Report) tables() []table {
	all := []table{
		r.rateTable(), r.lagTable(), r.countTable(), r.processTable(), r.stageTable(), r.floorTable(),
		r.callTable(), r.busTable(), r.stepTable(), r.settingTable(), r.machineTable(),
	}
	return slices.DeleteFunc(all, func(t table) bool { return len(t.Rows) == 0 })
}

func (r Report) targetTable() table {
	t := table{Title: "Targets", Align: "lrrl", Head: []string{"what", "target", "measured", ""}}
	for _, g := range r.Targets {
		class, word := "bad", "not met"
		if g.Met {
			class, word = "good", "met"
		}
		t.add(class, g.What, g.Target, g.Got, word)
	}
	return t
}

func (r Report) rateTable() table {
	t := table{Title: "Rates", Align: "lrl"}
	var remarks []string
	if r.Rates.PeakEvents > 0 {
		remarks = append(remarks, "best 5 s "+number(r.Rates.PeakEvents)+"/s")
	}
	if r.Rates.OfferedEvents > 0 {
		remarks = append(remarks, "offered "+number(r.Rates.OfferedEvents)+"/s")
	}
	t.add("", "events", number(r.Rates.Events)+"/s", strings.Join(remarks, ", "))
	t.add("", "objects", number(r.Rates.Objects)+"/s", "")
	t.add("", "logs", number(r.Rates.LogMegabytes)+" MB/s", "uncompressed")
	t.add("", "over", millis(r.Rates.Seconds*1000), "first notification to last acceptance")
	return t
}

func (r Report) lagTable() table {
	t := table{Title: "Lag, notification to acceptance", Align: "rrrr", Head: []string{"p50", "p90", "p99", "longest"}}
	if r.Lag != (Lag{}) {
		t.add("", millis(r.Lag.P50), millis(r.Lag.P90), millis(r.Lag.P99), millis(r.Lag.Max))
	}
	return t
}

func (r Report) countTable() table {
	c := r.Counts
	t := table{Title: "Counts", Align: "lrl"}
	t.add("", "objects", count(c.Objects), each(c.ObjectBytes, c.Objects, "compressed"))
	t.add("", "events", count(c.Events), each(c.LogBytes, c.Events, "uncompressed"))
	t.add("", "arrived", count(c.Arrived), "")
	if c.Unknown {
		t.add("", "lost and doubled", c.lost(), "")
	} else {
		t.add(zeroIsGood(c.Lost), "lost", c.lost(), "")
		t.add(zeroIsGood(c.Doubled), "doubled", c.doubled(), "")
	}
	t.add(bad(c.Dead != 0), "dead letters", count(c.Dead), "")
	t.add(bad(c.Queue != 0), "left on the queue", count(c.Queue), "")
	return t
}

func each(total, n int64, how string) string {
	if total == 0 || n == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s, %s each", size(float64(total)), how, size(float64(total)/float64(n)))
}

func zeroIsGood(n int64) string { return cmp.Or(bad(n != 0), "good") }

func bad(is bool) string {
	if is {
		return "bad"
	}
	return ""
}

// underTest is the CPU of all processes that are Logferry or its bus.
func (r Report) underTest() CPU {
	sum := CPU{Name: "under test"}
	for _, c := range r.CPU {
		if !c.StandIn {
			sum.Seconds += c.Seconds
			sum.MicrosPerEvent += c.MicrosPerEvent
			sum.PeakRSS += c.PeakRSS
			sum.EndRSS += c.EndRSS
		}
	}
	return sum
}

func (r Report) processTable() table {
	t := table{Title: "Processes", Align: "lrrrrr",
		Head: []string{"process", "CPU", "cores", "µs/event", "memory at most", "at the end"}}
	add := func(class string, c CPU) {
		cores := none
		if r.Rates.Seconds > 0 {
			cores = fixed(c.Seconds / r.Rates.Seconds)
		}
		t.add(class, c.Label(), fixed(c.Seconds)+" s", cores, fixed(c.MicrosPerEvent), memory(c.PeakRSS), memory(c.EndRSS))
	}
	for _, c := range r.CPU {
		if !c.StandIn {
			add("", c)
		}
	}
	if len(t.Rows) > 1 {
		add("sum", r.underTest())
	}
	for _, c := range r.CPU {
		if c.StandIn {
			add("quiet", c)
		}
	}
	return t
}

func memory(n int64) string {
	if n == 0 {
		return none
	}
	return size(float64(n))
}

// topShown is how many functions a stage's line names.
const topShown = 3

func (r Report) stageTable() table {
	t := table{Title: "Stages, from profiles", Align: "lrrrl", Head: []string{"stage", "CPU", "µs/event", "share", "most of it in"}}
	var whole float64
	for _, s := range r.Stages {
		whole += s.Seconds
	}
	for _, s := range r.Stages {
		share := none
		if whole > 0 {
			share = percent(s.Seconds / whole)
		}
		class := ""
		if s.StandIn {
			class = "quiet"
		}
		t.add(class, s.Label(), fixed(s.Seconds)+" s", fixed(s.MicrosPerEvent), share, top(s.Top))
	}
	return t
}

// top names the functions without the way to their packages.
func top(shares []Share) string {
	var parts []string
	for _, s := range shares[:min(topShown, len(shares))] {
		name := s.Name[strings.LastIndexByte(s.Name, '/')+1:]
		parts = append(parts, name+" "+percent(s.Share))
	}
	return strings.Join(parts, ", ")
}

// sum is the floor's time per event.
func (f Floor) sum() float64 { return f.GunzipMicros + f.GzipMicros }

func (r Report) floorTable() table {
	t := table{Title: "Codec floor, µs per event", Align: "rrrr", Head: []string{"gunzip of input", "gzip of output", "both", "pipeline to floor"}}
	if r.Floor != (Floor{}) {
		t.add("", fixed(r.Floor.GunzipMicros), fixed(r.Floor.GzipMicros), fixed(r.Floor.sum()), times(r.Floor.Ratio))
	}
	return t
}

func times(ratio float64) string {
	if ratio == 0 {
		return none
	}
	return fixed(ratio) + " ×"
}

func (r Report) callTable() table {
	c := r.Calls
	t := table{Title: "Calls to the ingestion endpoint", Align: "rrrrrr",
		Head: []string{"calls", "refused", "rows a call", "bytes a call", "fill", "on the wire"}}
	if c != (Calls{}) {
		t.add("", count(c.Count), count(c.Refused), number(c.MeanRows), size(c.MeanBytes), percent(c.Fill), size(float64(c.WireBytes)))
	}
	return t
}

func (r Report) busTable() table {
	t := table{Title: "Bus", Align: "lrrr", Head: []string{"stream", "messages", "bytes", "bytes/event"}}
	sum := Bus{Stream: "all streams"}
	add := func(class string, b Bus) {
		t.add(class, b.Stream, count(b.Messages), size(float64(b.Bytes)), fixed(b.BytesPerEvent))
	}
	for _, b := range r.Bus {
		add("", b)
		sum.Messages += b.Messages
		sum.Bytes += b.Bytes
		sum.BytesPerEvent += b.BytesPerEvent
	}
	if len(t.Rows) > 1 {
		add("sum", sum)
	}
	return t
}

func (r Report) stepTable() table {
	t := table{Title: "Steps", Align: "lrrrrr", Head: []string{"step", "offered/s", "reached/s", "µs/event", "lag p50", "lag p99"}}
	for _, s := range r.Steps {
		offered := none
		if s.Offered > 0 {
			offered = number(s.Offered)
		}
		t.add("", s.Name, offered, number(s.Events), fixed(s.CPU), millis(s.LagP50), millis(s.LagP99))
	}
	return t
}

func (r Report) settingTable() table {
	t := table{Title: "Settings", Align: "ll"}
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		t.add("", name, r.Settings[name])
	}
	return t
}

func (r Report) machineTable() table {
	m := r.Machine
	t := table{Title: "Machine", Align: "ll"}
	add := func(name, value string, known bool) {
		if known {
			t.add("", name, value)
		}
	}
	add("processor", fmt.Sprintf("%s, %d cores", cmp.Or(m.CPU, "unknown"), m.Cores), m.CPU != "" || m.Cores > 0)
	add("memory", size(float64(m.Memory)), m.Memory > 0)
	add("system", m.OS, m.OS != "")
	add("Go", m.Go, m.Go != "")
	add("commit", m.Commit, m.Commit != "")
	return t
}
