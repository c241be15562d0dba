package scenario

import (
	"fmt"

	"github.com/logferry/logferry/tests/load/internal/cloud"
	"github.com/logferry/logferry/tests/load/internal/report"
	"github.com/logferry/logferry/tests/load/internal/system"
)

// The project's targets, for two cores.
const (
	floorsInOne      = 3.0
	floorsSeparate   = 3.6
	eventsPerSecond  = 100_000
	objectsPerSecond = 2_000
	lagP50, lagP99   = 250, 1000 // milliseconds
	memory           = 700_000_000
)

// targets holds the report against those targets that its scenario can judge.
func targets(r *run, out report.Report) []report.Target {
	medium := r.Shape == cloud.Medium && r.Format == cloud.Trail
	switch {
	case r.Scenario == "tiny":
		return []report.Target{{
			What: "objects of 3 events", Target: fmt.Sprintf("at least %d objects/s", objectsPerSecond),
			Got: fmt.Sprintf("%.0f objects/s", out.Rates.Objects), Met: out.Rates.Objects >= objectsPerSecond,
		}}
	case r.Scenario == "trickle":
		return []report.Target{{
			What: "lag at a low rate", Target: fmt.Sprintf("p50 under %d ms, p99 under %d ms", lagP50, lagP99),
			Got: fmt.Sprintf("p50 %.0f ms, p99 %.0f ms", out.Lag.P50, out.Lag.P99), Met: out.Lag.P50 < lagP50 && out.Lag.P99 < lagP99,
		}}
	case r.Scenario == "max" && medium:
		return append(cost(r, out), full(r, out)...)
	case r.Scenario == "steady" && medium:
		return cost(r, out)
	}
	return nil
}

// cost is CPU per event against the codec floor of the same run.
func cost(r *run, out report.Report) []report.Target {
	limit, what := floorsInOne, "CPU per event of the process"
	switch r.Layout {
	case system.Separate:
		limit, what = floorsSeparate, "CPU per event of all processes, bus included"
	case system.Cluster:
		return nil
	}
	return []report.Target{{
		What: what, Target: fmt.Sprintf("at most %.1f times the codec floor", limit),
		Got: fmt.Sprintf("%.2f times", out.Floor.Ratio), Met: out.Floor.Ratio > 0 && out.Floor.Ratio <= limit,
	}}
}

// full is what holds at full rate in one process.
func full(r *run, out report.Report) []report.Target {
	if r.Layout != system.One {
		return nil
	}
	peak := out.CPU[0].PeakRSS
	return []report.Target{
		{
			What: "rate, the stand-ins on the same machine", Target: fmt.Sprintf("at least %d events/s", eventsPerSecond),
			Got: fmt.Sprintf("%.0f events/s", out.Rates.Events), Met: out.Rates.Events >= eventsPerSecond,
		},
		{
			What: "memory at full rate", Target: fmt.Sprintf("under %d MB resident", memory/1_000_000),
			Got: fmt.Sprintf("%d MB", peak/1_000_000), Met: peak < memory,
		},
	}
}
