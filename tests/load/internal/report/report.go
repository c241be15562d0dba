// Package report is what a load run found out, and its three forms: text for a
// terminal, JSON for programs, and one self-contained HTML page with plots.
package report

import (
	"fmt"
	"time"
)

// Report is one run.
type Report struct {
	// Scenario and Layout name what was run, and on which processes.
	Scenario string `json:"scenario"`
	Layout   string `json:"layout"`
	// Settings are what the user chose or the scenario set, in words.
	Settings map[string]string `json:"settings"`
	Began    time.Time         `json:"began"`
	Machine  Machine           `json:"machine"`
	Counts   Counts            `json:"counts"`
	Rates    Rates             `json:"rates"`
	// Lag is from an object's notification to the acceptance of its rows, over
	// all rows.
	Lag Lag `json:"lag"`
	// CPU is what each process under test used in the measured span, and
	// Stages what each stage used in it, from profiles. The stand-ins of the
	// clouds are a process like the others, with StandIn set.
	CPU    []CPU `json:"cpu"`
	Stages []CPU `json:"stages"`
	// Floor is the codec floor measured in the same run, see Floor.
	Floor Floor   `json:"floor"`
	Calls Calls   `json:"calls"`
	Bus   []Bus   `json:"bus"`
	Steps []Step  `json:"steps,omitempty"`
	Plot  []Point `json:"plot"`
	// Targets are the project's targets that this run can be held against.
	Targets []Target `json:"targets,omitempty"`
	// Notes say what a reader must know, such as a profile that could not be
	// read.
	Notes []string `json:"notes,omitempty"`
}

// Machine is what the run ran on.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	OS     string `json:"os"`
	Go     string `json:"go"`
	// Commit of Logferry, with -dirty when the tree had changes.
	Commit string `json:"commit"`
}

// Counts are exact, row by row. Lost and Doubled must be 0.
type Counts struct {
	// Unknown says that the events were not the harness's own: nobody counted
	// what was lost or doubled.
	Unknown bool  `json:"unknown,omitempty"`
	Objects int64 `json:"objects"`
	Events  int64 `json:"events"`
	// LogBytes are the events' bytes decompressed, ObjectBytes as they lay in
	// the bucket.
	LogBytes    int64 `json:"log_bytes"`
	ObjectBytes int64 `json:"object_bytes"`
	Arrived     int64 `json:"arrived"`
	Lost        int64 `json:"lost"`
	Doubled     int64 `json:"doubled"`
	Dead        int64 `json:"dead_letters"`
	// Queue is how many messages were left on the queue at the end.
	Queue int64 `json:"queue_left"`
}

// Rates are means over the measured span: from the first notification after
// the warm-up to the last acceptance.
type Rates struct {
	Seconds       float64 `json:"seconds"`
	Events        float64 `json:"events_per_second"`
	Objects       float64 `json:"objects_per_second"`
	LogMegabytes  float64 `json:"log_mb_per_second"`
	PeakEvents    float64 `json:"peak_events_per_second"` // best 5 s
	OfferedEvents float64 `json:"offered_events_per_second"`
}

// Lag is in milliseconds.
type Lag struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// CPU is the work of one process, or of one stage.
type CPU struct {
	Name string `json:"name"`
	// Replica counts processes of the same kind from 1; 0: there is one.
	Replica        int     `json:"replica,omitempty"`
	Seconds        float64 `json:"cpu_seconds"`
	MicrosPerEvent float64 `json:"cpu_us_per_event"`
	// PeakRSS and EndRSS are resident bytes; 0 for stages.
	PeakRSS int64 `json:"peak_rss_bytes,omitempty"`
	EndRSS  int64 `json:"end_rss_bytes,omitempty"`
	StandIn bool  `json:"stand_in,omitempty"`
	// Top lists where a stage's time goes, the largest first.
	Top []Share `json:"top,omitempty"`
}

// Label names the process or stage: by its name, and by its number where there
// are several of them. A Point's CPU and RSS are by this label.
func (c CPU) Label() string {
	if c.Replica == 0 {
		return c.Name
	}
	return fmt.Sprintf("%s %d", c.Name, c.Replica)
}

// Share is a part of a whole, from 0 to 1.
type Share struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// Floor is what nobody can avoid: gunzip of the input and gzip of the output,
// measured in the same run on the run's own data with the codecs that the
// services use.
type Floor struct {
	GunzipMicros float64 `json:"gunzip_us_per_event"`
	GzipMicros   float64 `json:"gzip_us_per_event"`
	// Ratio is the CPU of all processes under test, bus included and stand-ins
	// not, per event, to the sum of both.
	Ratio float64 `json:"ratio"`
}

// Calls are the calls to the ingestion endpoint.
type Calls struct {
	Count     int64   `json:"count"`
	Refused   int64   `json:"refused"`
	MeanRows  float64 `json:"mean_rows"`
	MeanBytes float64 `json:"mean_bytes"`
	// Fill is MeanBytes to the most that a call may carry, 1,000,000.
	Fill      float64 `json:"fill"`
	WireBytes int64   `json:"wire_bytes"`
}

// Bus is what one stream took.
type Bus struct {
	Stream        string  `json:"stream"`
	Messages      int64   `json:"messages"`
	Bytes         int64   `json:"bytes"`
	BytesPerEvent float64 `json:"bytes_per_event"`
}

// Step is one rung of a scenario with several: a rate of the ramp, a number of
// replicas.
type Step struct {
	Name    string  `json:"name"`
	Offered float64 `json:"offered_events_per_second"`
	Events  float64 `json:"events_per_second"`
	CPU     float64 `json:"cpu_us_per_event"`
	LagP50  float64 `json:"lag_p50_ms"`
	LagP99  float64 `json:"lag_p99_ms"`
}

// Point is the state at one second of the run.
type Point struct {
	// At is in seconds since the run began.
	At      float64 `json:"at"`
	Fed     float64 `json:"fed_events_per_second"`
	Arrived float64 `json:"arrived_events_per_second"`
	// Backlog is how many events were fed and had not arrived.
	Backlog float64 `json:"backlog_events"`
	// LagP50 and LagP99 are of the rows of that second, in milliseconds; 0
	// when there were none.
	LagP50 float64 `json:"lag_p50_ms"`
	LagP99 float64 `json:"lag_p99_ms"`
	// CPU is in cores, RSS in bytes, by the process' label.
	CPU map[string]float64 `json:"cpu_cores"`
	RSS map[string]int64   `json:"rss_bytes"`
	// Mark names what happened in that second, such as "destination slow".
	Mark string `json:"mark,omitempty"`
}

// Target is one line of the project's table of targets.
type Target struct {
	What   string `json:"what"`
	Target string `json:"target"`
	Got    string `json:"got"`
	Met    bool   `json:"met"`
}
