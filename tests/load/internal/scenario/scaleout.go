package scenario

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/tests/load/internal/cloud"
	"github.com/logferry/logferry/tests/load/internal/report"
	"github.com/logferry/logferry/tests/load/internal/system"
)

// bottleneck makes a stage wait for a slow cloud with one call at a time, so
// that only more replicas make it faster, and the cores have room for them.
type bottleneck struct {
	stage string
	fault cloud.Fault
	limit func(*app.Config)
}

// bottlenecks are of the stages that call a cloud. The parser calls nobody:
// only the cores bound it.
func bottlenecks() []bottleneck {
	return []bottleneck{
		{"writer", cloud.Fault{Service: inject.Ingestion, Delay: callTime}, func(c *app.Config) { c.Writer.Calls = 1 }},
		{"fetcher", cloud.Fault{Service: inject.S3, Delay: callTime}, func(c *app.Config) { c.Fetcher.InFlight = 1 }},
	}
}

const (
	// callTime is how long a call of the slow cloud takes.
	callTime = 200 * time.Millisecond
	// replicas is how many the stage gets in the end.
	replicas = 4
	// waiting is how many events are fed and not arrived meanwhile: more than
	// all replicas hold.
	waiting = 200_000
	// proportional is the share of n times the rate of one replica that n must
	// reach.
	proportional = 0.8
)

// scaleout gives a stage that is the bottleneck one replica after the other,
// under a queue that is never empty.
func scaleout(ctx context.Context, r *run) error {
	b, err := r.bottleneck()
	if err != nil {
		return err
	}
	b.limit(&r.config)
	if err := r.cloud.Fault(ctx, b.fault); err != nil {
		return err
	}
	if err := r.prepare(ctx, r.Shape, 4*waiting); err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	for n := 1; n <= replicas; n++ {
		if n > 1 {
			if err := r.system.Add(ctx, b.stage); err != nil {
				return err
			}
			r.watch(ctx)
		}
		if err := r.settled(ctx, fmt.Sprintf("%s ×%d", b.stage, n), cloud.Feed{Ahead: waiting}); err != nil {
			return err
		}
	}
	r.grown()
	if err := r.cloud.Fault(ctx, cloud.Fault{Service: b.fault.Service}); err != nil {
		return err
	}
	return r.end(ctx)
}

func (r *run) bottleneck() (bottleneck, error) {
	if r.Layout == system.One || len(r.Replicas) > 0 {
		return bottleneck{}, fmt.Errorf("scaleout adds the replicas itself, and wants a layout of several processes")
	}
	var known []string
	for _, b := range bottlenecks() {
		if b.stage == r.Stage || r.Stage == "" {
			return b, nil
		}
		known = append(known, b.stage)
	}
	return bottleneck{}, fmt.Errorf("no scale-out of %q; it can be of %v", r.Stage, known)
}

// grown holds the steps against the target.
func (r *run) grown() {
	target := report.Target{
		What: "rate of 1, 2, … replicas to that of one", Met: true,
		Target: fmt.Sprintf("at least %.1f n", proportional),
	}
	one := r.steps[0].Events
	var factors []string
	for i, s := range r.steps {
		factor := s.Events / max(one, 1)
		target.Met = target.Met && factor >= proportional*float64(i+1)
		factors = append(factors, fmt.Sprintf("%.2f", factor))
	}
	target.Got = strings.Join(factors, ", ")
	r.targets = append(r.targets, target)
}
