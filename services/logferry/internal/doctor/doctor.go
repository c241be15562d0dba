// Package doctor looks for what keeps logs from being carried: in the order in
// which they flow it tries what the running services do, compares what it sees
// with what should be, and says of each thing what to do about it.
//
//	configuration ─▶ bus ─▶ endpoints, clock ─▶ each connection ─▶ each destination ─▶ backlog, dead letters
//	                                            └ package probe ┘   └ package probe ┘
//
// What one cause makes impossible is skipped, not failed: the report names the
// cause alone. Nothing is changed anywhere. What the calls leave behind is told
// in package probe: a message that is looked at stays where it is, but SQS counts
// that it was received once more.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/probe"
)

// Patient is what the doctor looks at.
type Patient struct {
	// Config is the configuration, and File where it was read from.
	Config app.Config
	File   string
	// Bus is the configuration's; nil: it could not be opened, and Unreachable
	// says why.
	Bus         *bus.Bus
	Unreachable error
	// Connections are those to look at, and the destinations that they feed;
	// none: all.
	Connections []string
	// Subscription is where the rules are; empty: they are not compared.
	Subscription string
	Version      string
	Log          *slog.Logger
}

// Examine looks at everything and returns what it has found. It takes as long as
// the services take to answer; when ctx ends, what is left fails.
func Examine(ctx context.Context, p Patient) *check.Report {
	e := &examination{
		Patient: p, report: new(check.Report), now: time.Now(),
		probe: probe.New(p.Log, p.Version), aws: awscred.New(p.Log), broken: map[string]string{},
	}
	e.chosen()
	e.configuration()
	e.bus(ctx)
	e.endpoints(ctx)
	for _, c := range e.connections {
		e.connection(ctx, c)
	}
	for _, d := range e.destinations {
		e.destination(ctx, d)
	}
	e.flow(ctx)
	return e.report
}

// examination is one under way.
type examination struct {
	Patient
	report       *check.Report
	now          time.Time
	probe        *probe.Probe
	aws          *awscred.Cache
	connections  []connection.Connection
	destinations []connection.Destination
	// broken says, by subject, why it cannot be called at all.
	broken map[string]string
}

// chosen fills in the connections that are looked at, and where their rows go.
func (e *examination) chosen() {
	fed := map[string]bool{}
	for _, c := range e.Config.Connections {
		if e.looksAt(c.Name) {
			e.connections = append(e.connections, c)
			fed[c.Destination] = true
		}
	}
	for _, d := range e.Config.Destinations {
		if len(e.Connections) == 0 || fed[d.Name] {
			e.destinations = append(e.destinations, d)
		}
	}
}

// looksAt reports whether the connection is one of those to look at.
func (e *examination) looksAt(name string) bool {
	return len(e.Connections) == 0 || slices.Contains(e.Connections, name)
}

func (e *examination) configuration() {
	e.report.Look("config", "", "configuration", func() check.Outcome {
		seen := fmt.Sprintf("%s: connections: %d, destinations: %d", e.File, len(e.Config.Connections), len(e.Config.Destinations))
		if len(e.connections) == 0 {
			return check.Doubt("add one: logferry connection add, or logferry setup aws, which makes what it needs", "%s; nothing is read from AWS", seen)
		}
		return check.Pass("%s", seen)
	})
}

// connection looks at where a connection's logs come from.
func (e *examination) connection(ctx context.Context, c connection.Connection) {
	subject := "connection " + c.Name
	if why := e.broken[subject]; why != "" {
		e.report.Look("aws", subject, "AWS", func() check.Outcome { return check.Skip("not tried: %s", why) })
		return
	}
	whole := e.report
	e.report = new(check.Report)
	defer func() {
		whole.Add(bySubject(e.report.Findings)...)
		e.report = whole
	}()
	found := e.probe.Source(ctx, e.report, c)
	if found.Blocked != "" {
		return
	}
	e.arrivals(ctx, c)
	for _, q := range found.Queues {
		e.queue(ctx, c, q)
	}
	for _, name := range found.Buckets {
		e.bucket(ctx, c, found, name)
	}
}

// bySubject brings findings of one subject together, subjects in the order in
// which they came up.
func bySubject(findings []check.Finding) []check.Finding {
	order := map[string]int{}
	for _, f := range findings {
		if _, known := order[f.Subject]; !known {
			order[f.Subject] = len(order)
		}
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return cmp.Compare(order[a.Subject], order[b.Subject]) })
	return findings
}

// destination looks at where rows go.
func (e *examination) destination(ctx context.Context, d connection.Destination) {
	subject := "destination " + d.Name
	if why := e.broken[subject]; why != "" {
		e.report.Look("azure", subject, "Azure", func() check.Outcome { return check.Skip("not tried: %s", why) })
		return
	}
	e.probe.Destination(ctx, e.report, d, nil)
	e.drift(ctx, d)
}
