package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/services/logferry/internal/audit"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit --config FILE --connection NAME --bucket BUCKET --from DAY",
		Short: "Tell what became of every object in a bucket",
		Long: `List the objects of a span of days and compare them with the ledger, its history
and the open dead letters. Every object is one of

  delivered   its rows are accepted, and nothing of it is an open dead letter
  dead        an open dead letter holds it, or something of it
  in flight   it was announced and is not done yet
  missing     nothing is known of it

The status is 0 when nothing is missing and 3 when something is.`,
		Example: `  logferry audit -c logferry.yaml --connection org-trail --bucket org-logs --from 2026-11-01 --to 2026-11-30
  logferry audit -c logferry.yaml --connection org-trail --bucket org-logs --from 2026-11-23 --wait 5m
  logferry audit -c logferry.yaml --connection org-trail --bucket org-logs --from 2026-11-01 --output json | jq -r 'select(.state == "missing").key'`,
		Args: app.NoArgs,
	}
	var p place
	p.flags(c)
	var o audit.Options
	output := c.Flags().String("output", "table", "`FORM` of the outcome: table or json (lines)")
	c.Flags().BoolVar(&o.All, "all", false, "list all objects that are missing or dead, not only the first 100")
	c.Flags().DurationVar(&o.Wait, "wait", 0, "wait so much `TIME` for what is in flight")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		o.Span, err = p.span(true)
		switch {
		case err != nil:
		case p.bucket == "":
			err = errors.New("--bucket is missing; name the bucket to list")
		case o.Wait < 0:
			err = errors.New("--wait must not be negative")
		case *output != "table" && *output != "json":
			err = fmt.Errorf("there is no output %q; there are table, json", *output)
		}
		if err != nil {
			return app.Usage(err)
		}
		o.Bucket, o.Prefix, o.JSON, o.Hint = p.bucket, p.prefix, *output == "json", p.hint()
		o.Out, o.Notes = c.OutOrStdout(), c.ErrOrStderr()
		return runAudit(c, p, o)
	}
	return c
}

// hint is the command that carries what an audit of the place finds missing.
func (p *place) hint() string {
	words := []string{"logferry", "backfill", "--config", p.config, "--connection", p.connection, "--bucket", p.bucket, "--from", p.from}
	for _, flag := range [][2]string{{"--to", p.to}, {"--prefix", p.prefix}} {
		if flag[1] != "" {
			words = append(words, flag[0], flag[1])
		}
	}
	for i, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool { return !isPlain(r) }) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// isPlain reports whether a shell takes the character as it is.
func isPlain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,@+", r)
}

func runAudit(c *cobra.Command, p place, o audit.Options) error {
	log, err := app.Logger(c.ErrOrStderr(), p.level)
	if err != nil {
		return app.Usage(err)
	}
	cfg, from, err := p.load()
	if err != nil {
		return err
	}
	o.Connection = from
	workers, err := carriers()
	if err != nil {
		return err
	}
	if o.Wait == 0 { // it looks, and leaves what is in flight where it is
		workers = nil
	}
	var sum audit.Count
	err = app.Beside(c.Context(), cfg, log, workers, func(ctx context.Context, env *app.Env) (err error) {
		sum, err = audit.Run(ctx, env, o)
		return err
	})
	if err == nil && sum.Missing > 0 {
		return &app.StatusError{Status: statusIncomplete, Err: fmt.Errorf("%d of %d objects are missing", sum.Missing, sum.Objects)}
	}
	return err
}
