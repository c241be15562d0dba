// Package scenario drives load runs: what is fed, when, at how many processes,
// and what is measured of it. Every scenario ends by draining: it waits until
// all rows have arrived, or nothing moves any more, and counts.
package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/tests/load/internal/cloud"
	"github.com/logferry/logferry/tests/load/internal/report"
	"github.com/logferry/logferry/tests/load/internal/system"
	"github.com/logferry/logferry/tests/process"
)

// Settings are what a user chooses. What is left zero is the scenario's own.
type Settings struct {
	Scenario string
	// Rate is in events a second.
	Rate     float64
	Duration time.Duration
	Layout   system.Layout
	// Replicas are how many processes each stage has.
	Replicas map[string]int
	// Stage is the one that scaleout makes the bottleneck.
	Stage string
	// Shape and Format of the objects.
	Shape  cloud.Shape
	Format cloud.Format
	// StoreLatency and PostLatency make the clouds as slow as real ones.
	StoreLatency, PostLatency time.Duration

	// Binaries is the folder of what was built, Folder gets what the processes
	// write.
	Binaries, Folder string
	// Cloud is the command that runs the stand-ins.
	Cloud []string
	// Progress gets a line for each thing that is begun.
	Progress io.Writer
}

// plan is a scenario: what it says of itself, what it sets when the user does
// not, and what it does.
type plan struct {
	name, says string
	rate       float64 // 0: as fast as it goes
	duration   time.Duration
	layout     system.Layout
	shape      cloud.Shape
	tune       func(*app.Config)
	run        func(context.Context, *run) error
}

// plans are all scenarios, in the order that they are told.
func plans() []plan {
	return []plan{
		{name: "steady", says: "a constant rate", rate: 50_000, duration: 30 * time.Second, run: steady},
		{name: "max", says: "as fast as it goes: the queue is never empty", duration: 30 * time.Second, run: maximal},
		{name: "tiny", says: "objects of 3 events, as fast as it goes", duration: 20 * time.Second, shape: cloud.Tiny, run: maximal},
		{name: "large", says: "objects of 50 MB, as fast as it goes", duration: 20 * time.Second, shape: cloud.Large, run: maximal},
		{name: "mixed", says: "objects of all sizes and formats at a constant rate", rate: 20_000, duration: 30 * time.Second, shape: cloud.Mixed, run: steady},
		{name: "trickle", says: "a low rate, of medium and then of tiny objects: for the lag", rate: 1_000, duration: 30 * time.Second, run: trickle},
		{name: "ramp", says: "a rate that grows step by step until it cannot be held", rate: 20_000, duration: 10 * time.Second, run: ramp},
		{name: "burst", says: "nothing, then a second's worth of objects thirty times over at once", rate: 20_000, duration: 30 * time.Second, run: burst},
		{name: "slow", says: "a destination that is slow, then throttles, then recovers", rate: 20_000, duration: 40 * time.Second, run: slow},
		{name: "recovery", says: "services that start on a backlog", rate: 50_000, duration: 30 * time.Second, run: recovery},
		{name: "scaleout", says: "a stage made the bottleneck, with one replica and more", duration: 8 * time.Second, layout: system.Separate, run: scaleout},
	}
}

// List tells the names of all scenarios and what each does.
func List() string {
	var text strings.Builder
	for _, p := range plans() {
		fmt.Fprintf(&text, "  %-9s %s\n", p.name, p.says)
	}
	return text.String()
}

// Run runs a scenario and returns what it found. An error says that it could
// not be run or measured; rows that are lost or doubled are no error, but in
// the report.
func Run(ctx context.Context, s Settings) (_ report.Report, err error) {
	p, err := find(s.Scenario)
	if err != nil {
		return report.Report{}, err
	}
	s.Rate = cmp.Or(s.Rate, p.rate)
	s.Duration = cmp.Or(s.Duration, p.duration)
	s.Layout = cmp.Or(s.Layout, p.layout, system.One)
	s.Shape = cmp.Or(s.Shape, p.shape, cloud.Medium)
	s.Format = cmp.Or(s.Format, cloud.Trail)
	r := &run{Settings: s, plan: p, config: app.DefaultConfig(), began: time.Now()}
	if err := r.build(ctx); err != nil {
		return report.Report{}, err
	}
	r.began = time.Now()
	if err := r.open(ctx); err != nil {
		return report.Report{}, err
	}
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	if err := p.run(ctx, r); err != nil {
		return report.Report{}, err
	}
	return r.report(ctx)
}

// build builds what the run's layout needs.
func (r *run) build(ctx context.Context) error {
	r.say("building %s", strings.Join(r.Layout.Binaries(), ", "))
	return process.Build(ctx, r.Binaries, r.Layout.Binaries())
}

func find(name string) (plan, error) {
	for _, p := range plans() {
		if p.name == name {
			return p, nil
		}
	}
	return plan{}, fmt.Errorf("there is no scenario %q; there are\n%s", name, List())
}
