package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/backfill"
	"github.com/logferry/logferry/services/logferry/internal/bucket"
)

// pollerShare is the part of what a poller may hold that a backfill may hold
// beside it.
const pollerShare = 4

// place is what backfill and audit look at: the flags that they share.
type place struct {
	site
	connection, bucket string
	prefix, from, to   string
}

func (p *place) flags(c *cobra.Command) {
	p.site.flags(c)
	c.Flags().StringVar(&p.connection, "connection", "", "`NAME` of the connection that reads the bucket (required)")
	c.Flags().StringVar(&p.bucket, "bucket", "", "`BUCKET` to look at (required)")
	c.Flags().StringVar(&p.prefix, "prefix", "", "look only at keys that begin with this `TEXT`")
	c.Flags().StringVar(&p.from, "from", "", "first `DAY`, UTC: 2026-11-23 (required)")
	c.Flags().StringVar(&p.to, "to", "", "last `DAY`, UTC, inclusive; empty: until now")
}

// span reads the days. A missing first day is an error unless it may be.
func (p *place) span(required bool) (span bucket.Span, err error) {
	read := func(name, text string) (day time.Time) {
		if text == "" || err != nil {
			return time.Time{}
		}
		if day, err = time.Parse(time.DateOnly, text); err != nil {
			err = fmt.Errorf("--%s %q is no day; write it like 2026-11-23", name, text)
		}
		return day
	}
	span.From, span.To = read("from", p.from), read("to", p.to)
	switch {
	case err != nil:
		return span, err
	case p.from == "" && required:
		return span, errors.New("--from is missing; name the first day, like 2026-11-23")
	case p.to != "":
		span.To = span.To.AddDate(0, 0, 1)
	}
	if !span.To.IsZero() && !span.To.After(span.From) {
		return span, fmt.Errorf("--to %s is before --from %s", p.to, p.from)
	}
	return span, nil
}

// load reads the configuration.
func (p *place) load() (app.Config, error) {
	cfg, err := p.site.load()
	if err == nil && p.connection == "" {
		err = app.Usage(errors.New("--connection is missing; name one: see logferry connection list"))
	}
	return cfg, err
}

// of finds the connection among those in force.
func (p *place) of(env *app.Env) (connection.Connection, error) {
	var names []string
	for _, c := range env.Config.Connections {
		if c.Name == p.connection {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return connection.Connection{}, app.Usage(fmt.Errorf("there is no connection %q; there are: %s", p.connection, strings.Join(names, ", ")))
}

func backfillCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "backfill --config FILE --connection NAME --bucket BUCKET --from DAY",
		Short: "Carry what lies in a bucket and was not carried yet",
		Long: `Walk a bucket and carry the objects of a span of days that are not done: those
that were never announced, or before there was a queue. The ledger and its
history tell what is done, so nothing is carried twice, also while the services
run. What was delivered before the history began is not known, and is carried
again: --dry-run tells how much it would be.

The day is that in the object's key, else that on which it was written. An
interrupted backfill goes on when the same command is run again. The status is 3
if objects, or records in them, became dead letters.`,
		Example: `  logferry backfill -c logferry.yaml --connection org-trail --bucket org-logs --from 2026-11-01 --to 2026-11-07 --dry-run
  logferry backfill -c logferry.yaml --connection org-trail --bucket org-logs --prefix AWSLogs/123456789012/ --from 2026-11-01
  logferry backfill -c logferry.yaml --connection org-trail --bucket org-logs --keys keys.txt`,
		Args: app.NoArgs,
	}
	var p place
	p.flags(c)
	var o backfill.Options
	c.Flags().Lookup("from").Usage = "first `DAY`, UTC: 2026-11-23 (required, but with --keys)"
	c.Flags().Lookup("bucket").Usage = "`BUCKET` to look at (required, unless --keys names it)"
	keys := c.Flags().String("keys", "", "carry the objects that this `FILE` lists, one key a line, instead of a walk; - is standard input")
	c.Flags().IntVar(&o.InFlight, "in-flight", 256, "at most `N` objects on their way at a time")
	c.Flags().Float64Var(&o.Rate, "rate", 0, "begin at most `N` objects a second; 0: no limit")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only count what would be carried, by day")
	c.Flags().BoolVar(&o.Restart, "restart", false, "begin at the beginning, even if an earlier run was interrupted")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if o.Span, err = p.span(*keys == ""); err == nil {
			err = checkBackfill(p, o, *keys)
		}
		if err != nil {
			return app.Usage(err)
		}
		o.Bucket, o.Prefix = p.bucket, p.prefix
		o.Out, o.Notes = c.OutOrStdout(), c.ErrOrStderr()
		return fromFile(*keys, c.InOrStdin(), func(list io.Reader) error {
			o.Keys = list
			return runBackfill(c, p, o)
		})
	}
	return c
}

func checkBackfill(p place, o backfill.Options, keys string) error {
	switch {
	case p.bucket == "" && keys == "":
		return errors.New("--bucket is missing; name the bucket to walk")
	case keys != "" && (p.from != "" || p.to != "" || p.prefix != ""):
		return errors.New("--keys names the objects; --from, --to and --prefix are for a walk")
	case o.InFlight < 1:
		return errors.New("--in-flight must be at least 1")
	case o.Rate < 0 || math.IsNaN(o.Rate):
		return errors.New("--rate must not be negative")
	}
	return nil
}

// fromFile calls f with the file's reader, nil if no file is named.
func fromFile(path string, stdin io.Reader, f func(io.Reader) error) error {
	switch path {
	case "":
		return f(nil)
	case "-":
		return f(stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the list of keys: %w", err)
	}
	defer file.Close()
	return f(file)
}

func runBackfill(c *cobra.Command, p place, o backfill.Options) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	o.Bytes = max(1, cfg.InFlightBytes()/pollerShare)
	workers, err := carriers()
	if err != nil {
		return err
	}
	if o.DryRun {
		workers = nil
	}
	var total backfill.Tally
	err = p.work(c, cfg, workers, func(ctx context.Context, env *app.Env) (err error) {
		if o.Connection, err = p.of(env); err != nil {
			return err
		}
		total, err = backfill.Run(ctx, env, o)
		return err
	})
	if err == nil && total.Dead > 0 {
		return incomplete("something of %d objects is a dead letter; see logferry dead list --config %s --connection %s", total.Dead, shellWord(p.config), p.connection)
	}
	return err
}
