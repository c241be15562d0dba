package main

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// write rewrites the tables of the document: each stands between a line that
// names it and one that ends it.
func write(path string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(body)
	for name, table := range tables() {
		begin, end := "<!-- "+name+": written by make generate -->\n", "<!-- end of "+name+" -->\n"
		before, rest, ok := strings.Cut(text, begin)
		_, after, ended := strings.Cut(rest, end)
		if !ok || !ended {
			return fmt.Errorf("%s: want the lines %q and %q", path, begin, end)
		}
		text = before + begin + "\n" + table + "\n" + end + after
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// tables are the tables of SCALE.md.
func tables() map[string]string {
	all := map[string]string{
		"limits": limits(), "costs": costs(), "first walls": firstWalls(), "bursts": bursts(),
	}
	for _, l := range loads(1) {
		var sizes []need
		for _, tb := range []float64{10, 100, 1000} {
			l.bytes = tb * terabyte
			sizes = append(sizes, l.need())
		}
		all["needs of "+l.String()] = needs(sizes)
	}
	return all
}

// loads are the three kinds of load that the document speaks of.
func loads(tb float64) []load {
	var all []load
	for _, k := range []struct {
		format string
		events float64
	}{{"cloudtrail", 2000}, {"cloudtrail", 3}, {"vpcflow", 2000}} {
		f, _ := formatNamed(k.format)
		all = append(all, load{format: f, bytes: tb * terabyte, objectEvents: k.events, peak: usualPeak, ledgerHours: usualLedger})
	}
	return all
}

func (l load) String() string {
	return fmt.Sprintf("%s, %s events an object", l.format.name, count(l.objectEvents))
}

func needs(sizes []need) string {
	row := func(name string, value func(need) string) string {
		line := "| " + name + " |"
		for _, n := range sizes {
			line += " " + value(n) + " |"
		}
		return line + "\n"
	}
	head := row("log a day, decompressed", func(n need) string { return count(n.bytes/terabyte) + " TB" })
	head += "|---" + strings.Repeat("|---:", len(sizes)) + "|\n"
	per := func(v func(need) float64) func(need) string { return func(n need) string { return count(v(n)) } }
	size := func(v func(need) float64) func(need) string { return func(n need) string { return amount(v(n)) } }
	return head +
		row("events a second, mean", per(func(n need) float64 { return n.events / n.peak })) +
		row("events a second, peak", per(func(n need) float64 { return n.events })) +
		row("objects a second, peak; each is a GET", per(func(n need) float64 { return n.objects })) +
		row("requests a second to SQS", per(func(n need) float64 { return n.queueOps })) +
		row("from S3, a second", size(func(n need) float64 { return n.in })) +
		row("to Azure as JSON, a minute", size(func(n need) float64 { return n.json * 60 })) +
		row("to Azure on the wire, a second", size(func(n need) float64 { return n.posted })) +
		row("calls a minute", per(func(n need) float64 { return n.calls * 60 })) +
		row("cores of pollers", per(func(n need) float64 { return n.cores.poller })) +
		row("cores of fetchers", per(func(n need) float64 { return n.cores.fetcher })) +
		row("cores of parsers", per(func(n need) float64 { return n.cores.parser })) +
		row("cores of writers", per(func(n need) float64 { return n.cores.writer })) +
		row("cores of NATS, all nodes", per(func(n need) float64 { return n.busCores })) +
		row("to the disk of each NATS node, a second", size(func(n need) float64 { return n.busWrites })) +
		row("sent by NATS, a second", size(func(n need) float64 { return n.busNetwork })) +
		row("disk of a node for a day's replay", size(func(n need) float64 { return n.replayADay })) +
		row("memory of a node for the ledger", size(func(n need) float64 { return n.ledgerObjects * ledgerMemory })) +
		row("disk of a node for it", size(func(n need) float64 { return n.ledgerObjects * ledgerKept })) +
		row("**data collection rules**", per(need.rules)) +
		row("**queues**", per(func(n need) float64 { return n.used(sqsInFlight().name).shards() })) +
		row("**installations side by side**", per(need.installations)) +
		row(fmt.Sprintf("the same with `bus.ledger: %dh`", shortLedger), per(func(n need) float64 {
			n.ledgerHours = shortLedger
			return n.load.need().installations()
		})) +
		row("first wall", func(n need) string { return n.walls()[0].name })
}

// used finds a wall.
func (n need) used(name string) wall {
	for _, w := range n.walls() {
		if w.name == name {
			return w
		}
	}
	return wall{}
}

// walls tells how much of each limit the load needs.
func walls(n need) string {
	text := "| limit | one shard | needed | shards | what moves it |\n|---|---|---:|---:|---|\n"
	for _, w := range n.walls() {
		text += fmt.Sprintf("| %s | %s | %.3g | %s | %s |\n", w.name, w.unit, w.used, count(w.shards()), w.moves)
	}
	return text
}

// firstWalls tells at how many terabytes a day each limit is reached.
func firstWalls() string {
	text, line := "| limit of one |", "|---|"
	for _, l := range loads(1) {
		text, line = text+" "+l.String()+" |", line+"---:|"
	}
	text += " what moves it |\n" + line + "---|\n"
	for _, of := range loads(1)[0].need().walls() {
		text += "| " + of.name + " |"
		for _, l := range loads(1) {
			text += " " + amount(planned/l.need().used(of.name).used*terabyte) + " |"
		}
		text += " " + of.moves + " |\n"
	}
	return text
}

func limits() string {
	text := "| of one | limit | from |\n|---|---|---|\n"
	for _, w := range loads(1)[0].need().walls() {
		text += fmt.Sprintf("| %s | %s | %s |\n", w.name, w.unit, w.source)
	}
	return text
}

func costs() string {
	text := "| | an event of CloudTrail | of VPC flow | an object, besides |\n|---|---:|---:|---:|\n"
	trail, _ := formatNamed("cloudtrail")
	flow, _ := formatNamed("vpcflow")
	row := func(name, unit string, values ...float64) {
		text += "| " + name + " |"
		for _, v := range values {
			text += fmt.Sprintf(" %.4g %s |", v, unit)
		}
		text += strings.Repeat(" |", 3-len(values)) + "\n"
	}
	row("as logged", "B", trail.log, flow.log)
	row("in the object", "B", trail.object, flow.object, trail.objectFixed)
	row("in RAW", "B", trail.raw, flow.raw, trail.rawFixed)
	row("in ROWS", "B", trail.rows, flow.rows, trail.rowsFixed)
	row("posted, as JSON", "B", trail.json, flow.json)
	row("posted, on the wire", "B", trail.posted, flow.posted)
	object := perObject()
	row("poller", "µs", trail.perEvent.poller, flow.perEvent.poller, object.poller)
	row("fetcher", "µs", trail.perEvent.fetcher, flow.perEvent.fetcher, object.fetcher)
	row("parser", "µs", trail.perEvent.parser, flow.perEvent.parser, object.parser)
	row("writer", "µs", trail.perEvent.writer, flow.perEvent.writer, object.writer)
	return text
}

// bursts tells how late rows are by how much room the rules have.
func bursts() string {
	text := "| room, as a multiple of the mean | longest lag without a burst | with it | late by over a minute for | largest backlog, in log of the mean |\n|---:|---:|---:|---:|---:|\n"
	for _, capacity := range []float64{1.25, 1.5, 2, 3, 4, 6} {
		usual, burst := simulate(capacity, usualPeak, false), simulate(capacity, usualPeak, true)
		late := duration(burst.late)
		if !burst.caughtUp {
			late += ", and beyond the second day"
		}
		text += fmt.Sprintf("| %v | %s | %s | %s | %s |\n", capacity, duration(usual.lag), duration(burst.lag), late, duration(burst.backlog))
	}
	return text
}

func duration(minutes float64) string {
	switch {
	case minutes < 1:
		return "none"
	case minutes < 90:
		return fmt.Sprintf("%.0f min", minutes)
	}
	return fmt.Sprintf("%.1f h", minutes/60)
}

// count writes a number to two digits, or whole when it is small.
func count(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 1:
		return fmt.Sprintf("%.2g", v)
	case v < 100:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	digits := math.Pow(10, math.Floor(math.Log10(v))-2)
	return thousands(int64(math.Round(v/digits) * digits))
}

func thousands(v int64) string {
	if v < 1000 {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%s,%03d", thousands(v/1000), v%1000)
}

func amount(bytes float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1000 * terabyte, "PB"}, {terabyte, "TB"}, {gigabyte, "GB"}, {megabyte, "MB"}, {kilobyte, "kB"}} {
		if bytes >= u.size {
			return fmt.Sprintf("%.3g %s", bytes/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.0f B", bytes)
}
