package main

import (
	"context"
	"errors"
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
		default:
			err = oneOf("output", *output, "table", "json")
		}
		if err != nil {
			return app.Usage(err)
		}
		o.Bucket, o.Prefix, o.JSON, o.Carry, o.List = p.bucket, p.prefix, *output == "json", p.carry(), p.list()
		o.Out, o.Notes = c.OutOrStdout(), c.ErrOrStderr()
		return runAudit(c, p, o)
	}
	return c
}

// carry is the command that carries what an audit of the place finds missing.
func (p *place) carry() string {
	return p.command([]string{"backfill"}, "from", p.from, "to", p.to, "prefix", p.prefix)
}

// list is the command that lists what an audit of the place finds dead.
func (p *place) list() string {
	return p.command([]string{"dead", "list"}, "prefix", p.prefix)
}

// command is a command about the place, fit to be pasted into a shell. Flags
// are names and values; those without a value are left out.
func (p *place) command(name []string, flags ...string) string {
	words := append([]string{"logferry"}, name...)
	flags = append([]string{"config", p.config, "connection", p.connection, "bucket", p.bucket}, flags...)
	for ; len(flags) > 0; flags = flags[2:] {
		if flags[1] != "" {
			words = append(words, "--"+flags[0], shellWord(flags[1]))
		}
	}
	return strings.Join(words, " ")
}

// shellWord is a word as a shell takes it.
func shellWord(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool { return !isPlain(r) }) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// isPlain reports whether a shell takes the character as it is.
func isPlain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,@+", r)
}

func runAudit(c *cobra.Command, p place, o audit.Options) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	workers, err := carriers()
	if err != nil {
		return err
	}
	if o.Wait == 0 { // it looks, and leaves what is in flight where it is
		workers = nil
	}
	var sum audit.Count
	err = p.work(c, cfg, workers, func(ctx context.Context, env *app.Env) (err error) {
		if o.Connection, err = p.of(env); err != nil {
			return err
		}
		sum, err = audit.Run(ctx, env, o)
		return err
	})
	if err == nil && sum.Missing > 0 {
		return incomplete("%d of %d objects are missing", sum.Missing, sum.Objects)
	}
	return err
}
