package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/doctor"
)

// busPatience is how long the doctor waits for a bus to answer.
const busPatience = 15 * time.Second

func doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor --config FILE",
		Short: "Find out why logs do not arrive",
		Long: `Look at everything that logs need on their way, in that order, and say what is
wrong and what to do about it: the configuration, the bus, this machine's clock,
the endpoints of both clouds, for each connection the role, the queue, the
bucket, its notifications and every permission, for each destination the token
and the rule and stream of every table, with --subscription its columns too, and
what waits or was set aside.

Every call that the services make is really made, beside services that run. One
message of each queue is received and stays there for the services, which SQS
counts as a receive; no row is posted. What one cause makes impossible is
skipped, so that what fails is the cause.

The status is 0 when nothing failed, warnings or not, and 3 when something did.`,
		Example: `  logferry doctor -c logferry.yaml
  logferry doctor -c logferry.yaml --connection org-trail
  logferry doctor -c logferry.yaml --subscription 00000000-0000-4000-8000-000000000001
  logferry doctor -c logferry.yaml --output json | jq '.findings[] | select(.verdict == "failed")'`,
		Args: app.NoArgs,
	}
	var s site
	s.flags(c)
	var p doctor.Patient
	c.Flags().StringSliceVar(&p.Connections, "connection", nil, "look at this connection only, by its `NAME`, and where its rows go; may be repeated")
	c.Flags().StringVar(&p.Subscription, "subscription", "", "Azure subscription `ID` of the rules, to compare their columns with the rows")
	output := c.Flags().String("output", "text", "`FORM` of the report: text or json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := oneOf("output", *output, "text", "json"); err != nil {
			return app.Usage(err)
		}
		report, err := s.examine(c, p)
		if err != nil {
			return err
		}
		if *output == "json" {
			err = report.WriteJSON(c.OutOrStdout())
		} else {
			err = errors.Join(report.WriteText(c.OutOrStdout()), summary(c, report))
		}
		if failed := len(report.Codes(check.Failed)); err == nil && failed > 0 {
			return incomplete("%d of %d checks failed", failed, len(report.Findings))
		}
		return err
	}
	return c
}

// summary writes how many findings there are of each kind.
func summary(c *cobra.Command, r *check.Report) error {
	count := func(v check.Verdict) int { return len(r.Codes(v)) }
	_, err := fmt.Fprintf(c.OutOrStdout(), "\nok: %d, warnings: %d, failed: %d, skipped: %d\n",
		count(check.Passed), count(check.Doubtful), count(check.Failed), count(check.Skipped))
	return err
}

// examine has the doctor look at everything, without the bus when that cannot be
// opened.
func (s *site) examine(c *cobra.Command, p doctor.Patient) (*check.Report, error) {
	cfg, err := s.load()
	if err != nil {
		return nil, err
	}
	log, err := s.logger(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	patience := time.AfterFunc(busPatience, cancel)
	var report *check.Report
	p.File, p.Version, p.Log = s.config, app.Version().Version, log
	unreachable := app.Beside(ctx, cfg, log, nil, func(ctx context.Context, env *app.Env) error {
		if !patience.Stop() {
			return ctx.Err()
		}
		p.Config, p.Bus = env.Config, env.Bus
		if err := known(p); err != nil {
			return err
		}
		report = doctor.Examine(ctx, p)
		return nil
	})
	switch {
	case report != nil:
		return report, nil
	case c.Context().Err() != nil:
		return nil, c.Context().Err()
	case p.Bus != nil: // it was there
		return nil, unreachable
	}
	p.Config, p.Unreachable = cfg, unreachable
	if err := known(p); err != nil {
		return nil, err
	}
	return doctor.Examine(c.Context(), p), nil
}

// known refuses the names of connections that there are not.
func known(p doctor.Patient) error {
	var names []string
	for _, c := range p.Config.Connections {
		names = append(names, c.Name)
	}
	for _, name := range p.Connections {
		if !slices.Contains(names, name) {
			return app.Usage(oneOf("connection", name, names...))
		}
	}
	return nil
}
