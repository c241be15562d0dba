package scenario

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/logferry/logferry/tests/load/internal/report"
	"github.com/logferry/logferry/tests/load/internal/system"
)

// peakSeconds is how long the best rate of a run must have lasted.
const peakSeconds = 5

// report reads what the services have counted, ends them, and says what was
// measured between from and to.
func (r *run) report(ctx context.Context) (out report.Report, err error) {
	dead := r.to.metrics.Sum("logferry_stage_dead_letters_total")
	members := r.system.Members()
	work := system.Work{}
	if r.profiler != nil {
		r.say("reading the profiles")
		if work, err = r.profiler.Stop(); err != nil {
			r.notes = append(r.notes, err.Error())
		}
	}
	if err := r.stop(ctx); err != nil {
		r.notes = append(r.notes, "the services did not end well: "+err.Error())
	}
	span := r.to.cloud.Since(r.from.cloud)
	out = report.Report{
		Scenario: r.Scenario, Layout: string(r.Layout), Settings: r.settings(), Began: r.began,
		Machine: system.Machine(ctx), Counts: r.to.cloud.Counts(), Lag: span.Lag.Lag(), Calls: span.Calls, Steps: r.steps,
	}
	out.Counts.Dead += int64(dead)
	r.say("measuring the codec floor")
	if out.Floor, err = r.cloud.Floor(ctx); err != nil {
		return out, err
	}
	if out.Plot, err = r.cloud.Plot(ctx, r.began); err != nil {
		return out, err
	}
	r.plotUsage(out.Plot, members)
	out.Rates = r.rates(out.Plot)
	out.CPU = r.processes(members)
	out.Stages = work.Stages(cpu(r.from.usage, r.to.usage))
	out.Bus = r.bus()
	arrived := float64(max(span.Arrived, 1))
	perEvent(out, arrived)
	if floor := out.Floor.GunzipMicros + out.Floor.GzipMicros; floor > 0 {
		out.Floor.Ratio = micros(underTest(r.from.usage, r.to.usage)) / arrived / floor
	}
	r.doubt()
	out.Targets = append(r.targets, targets(r, out)...)
	out.Notes = r.notes
	return out, nil
}

// doubt notes what a reader must know of the figures.
func (r *run) doubt() {
	if n := r.to.cloud.Unknown; n > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d rows arrived that nobody had fed", n))
	}
	if n := r.to.cloud.Odd; n > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d values or rows would have been cut, dropped or replaced by the service", n))
	}
	if d := r.to.cloud.Starved - r.from.cloud.Starved; d > time.Second {
		r.notes = append(r.notes, fmt.Sprintf("for %v nothing was fed as objects were not made fast enough: the rate is the harness's", d.Round(time.Second)))
	}
}

// perEvent divides what was used by the events that arrived.
func perEvent(out report.Report, events float64) {
	for _, list := range [][]report.CPU{out.CPU, out.Stages} {
		for i := range list {
			list[i].MicrosPerEvent = list[i].Seconds * 1e6 / events
		}
	}
	for i := range out.Bus {
		out.Bus[i].BytesPerEvent = float64(out.Bus[i].Bytes) / events
	}
}

// cpu is what each process used between two samples, by name. One that was
// not there at the first began at 0.
func cpu(from, to system.Sample) map[string]time.Duration {
	used := map[string]time.Duration{}
	for name, u := range to.Usage {
		used[name] = u.CPU - from.Usage[name].CPU
	}
	return used
}

// underTest is what all processes but the stand-ins used.
func underTest(from, to system.Sample) time.Duration {
	sum := time.Duration(0)
	for name, t := range cpu(from, to) {
		if name != standIn {
			sum += t
		}
	}
	return sum
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// rates are means from the first notification to the last acceptance of the
// measured span.
func (r *run) rates(plot []report.Point) report.Rates {
	span := r.to.cloud.Since(r.from.cloud)
	began := r.from.cloud.At
	if first := r.to.cloud.First; first.After(began) {
		began = first
	}
	if r.from.cloud.Left() > 0 && r.from.cloud.Arrived == 0 {
		began = r.from.cloud.At // a backlog: announced before there was anybody to read it
	}
	seconds := r.to.cloud.Last.Sub(began).Seconds()
	if seconds <= 0 {
		return report.Rates{}
	}
	rates := report.Rates{
		Seconds: seconds, Events: float64(span.Arrived) / seconds, Objects: float64(span.ArrivedObjects) / seconds,
		OfferedEvents: r.Rate,
	}
	if span.Fed > 0 {
		rates.LogMegabytes = float64(span.FedLogBytes) / float64(span.Fed) * rates.Events / 1e6
	} else { // all was fed before
		rates.LogMegabytes = float64(r.to.cloud.FedLogBytes) / float64(max(r.to.cloud.Fed, 1)) * rates.Events / 1e6
	}
	sum := 0.0
	for i, p := range plot {
		sum += p.Arrived
		if i >= peakSeconds {
			sum -= plot[i-peakSeconds].Arrived
		}
		if i >= peakSeconds-1 {
			rates.PeakEvents = math.Max(rates.PeakEvents, sum/peakSeconds)
		}
	}
	return rates
}

// processes tells what each process used in the measured span.
func (r *run) processes(members []*system.Member) []report.CPU {
	var all []report.CPU
	add := func(name string, label report.CPU) {
		label.Seconds = cpu(r.from.usage, r.to.usage)[name].Seconds()
		label.PeakRSS, label.EndRSS = r.to.usage.Usage[name].PeakRSS, r.to.usage.Usage[name].RSS
		all = append(all, label)
	}
	for _, m := range members {
		add(m.Name(), label(m, members))
	}
	add(standIn, report.CPU{Name: standIn, StandIn: true})
	return all
}

// label names a member in a report: by its number, where there are several of
// its stage.
func label(m *system.Member, members []*system.Member) report.CPU {
	for _, other := range members {
		if other != m && other.Stage == m.Stage {
			return report.CPU{Name: m.Stage, Replica: m.Replica}
		}
	}
	return report.CPU{Name: m.Stage}
}

// plotUsage puts CPU, memory and marks into the points of a plot.
func (r *run) plotUsage(plot []report.Point, members []*system.Member) {
	labels := map[string]string{standIn: standIn}
	for _, m := range members {
		labels[m.Name()] = label(m, members).Label()
	}
	for i := range plot {
		plot[i].CPU, plot[i].RSS = map[string]float64{}, map[string]int64{}
		plot[i].Mark = r.marks[i]
	}
	var last system.Sample
	for _, s := range r.sampler.Samples() {
		second := int(s.At.Sub(r.began) / time.Second)
		if last.At.IsZero() || second == int(last.At.Sub(r.began)/time.Second) {
			if last.At.IsZero() {
				last = s
			}
			continue
		}
		for name, used := range cpu(last, s) {
			if _, known := last.Usage[name]; second < len(plot) && known {
				plot[second].CPU[labels[name]] = used.Seconds() / s.At.Sub(last.At).Seconds()
				plot[second].RSS[labels[name]] = s.Usage[name].RSS
			}
		}
		last = s
	}
}

// bus tells what each stream took in the measured span.
func (r *run) bus() []report.Bus {
	const messages, bytes = "logferry_bus_published_messages_total", "logferry_bus_published_bytes_total"
	before, after := r.from.metrics, r.to.metrics
	var streams []report.Bus
	for _, stream := range sorted(after.By(messages, "stream")) {
		streams = append(streams, report.Bus{
			Stream:   stream,
			Messages: int64(after.By(messages, "stream")[stream] - before.By(messages, "stream")[stream]),
			Bytes:    int64(after.By(bytes, "stream")[stream] - before.By(bytes, "stream")[stream]),
		})
	}
	return streams
}
