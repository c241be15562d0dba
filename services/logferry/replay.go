package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/sink/azure/awsidentity"
	"github.com/logferry/logferry/services/logferry/internal/replay"
	"github.com/logferry/logferry/services/writer"
)

// replayFlags are the flags of replay as they were written.
type replayFlags struct {
	site
	times
	from, connection, table, to, output string

	rate            int
	dryRun, restart bool
}

func replayCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "replay --config FILE --from rows|raw --since TIME",
		Short: "Write again what is still on the bus",
		Long: `Write rows again that are still on the bus (see bus.replay): the rows as they
were made, or anew from their records, which this program then parses. It works
beside running services and changes nothing of theirs. Rows go to their own
destination, where they are then twice, or to another.

TIME is when a batch was stored on the bus: an instant (2026-11-23T14:00:00Z), a
day (2026-11-23, UTC) or so long ago (6h). When the command is interrupted, the
same command goes on where it was; within a replay no part is written twice. The
status is 3 if something became a dead letter.`,
		Example: `  logferry replay --config logferry.yaml --from rows --since 6h --dry-run
  logferry replay --config logferry.yaml --from raw --since 2026-11-23 --table AWSVPCFlow --to test
  logferry replay --config logferry.yaml --from rows --since 6h --rate 5000`,
		Args: app.NoArgs,
	}
	var f replayFlags
	f.flags(c)
	c.Flags().StringVar(&f.from, "from", "", "`STREAM` to read: rows, as they are, or raw, to be parsed again (required)")
	c.Flags().StringVar(&f.connection, "connection", "", "only what came over the connection of that `NAME`")
	c.Flags().StringVar(&f.table, "table", "", "only rows of that `TABLE`")
	c.Flags().StringVar(&f.since, "since", "", "from that `TIME` on (required)")
	c.Flags().StringVar(&f.until, "until", "", "up to that `TIME`; now if not given")
	c.Flags().StringVar(&f.to, "to", "", "write to the destination of that `NAME`; each row to its own if not given")
	c.Flags().IntVar(&f.rate, "rate", 0, "write at most `N` rows a second; 0: as many as go")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only count what would be replayed")
	c.Flags().BoolVar(&f.restart, "restart", false, "begin anew instead of going on with an interrupted replay")
	c.Flags().StringVar(&f.output, "output", "text", "`FORM` of the result: text or json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		o, err := f.options(time.Now())
		if err != nil {
			return app.Usage(err)
		}
		cfg, err := f.load()
		if err != nil {
			return err
		}
		o.Out, o.Notes = c.OutOrStdout(), c.ErrOrStderr()
		o.Writer = []writer.Option{writer.WithAssertion(awsidentity.Token)}
		err = f.work(c, cfg, nil, func(ctx context.Context, env *app.Env) error {
			if o.To != "" && !slices.ContainsFunc(env.Config.Destinations, func(d connection.Destination) bool { return d.Name == o.To }) {
				return app.Usage(fmt.Errorf("--to %q is no destination; see logferry destination list", o.To))
			}
			return replay.Run(ctx, env, o)
		})
		if errors.Is(err, replay.ErrRejected) {
			return incomplete("%w", err)
		}
		return err
	}
	return c
}

// options checks the flags.
func (f replayFlags) options(now time.Time) (o replay.Options, err error) {
	switch {
	case f.from != "rows" && f.from != "raw":
		return o, errors.New("--from must be rows or raw")
	case f.since == "":
		return o, errors.New("--since is missing; name a time, a day or how long ago")
	case f.rate < 0:
		return o, errors.New("--rate must not be negative")
	}
	if err := oneOf("output", f.output, "text", "json"); err != nil {
		return o, err
	}
	s := bus.Selection{Rows: f.from == "rows", Connection: f.connection, Table: f.table}
	if f.table != "" {
		of, ok := all.Formats().ForTable(f.table)
		if !ok {
			return o, fmt.Errorf("there is no table %q; there are %s", f.table, strings.Join(all.Formats().Tables(), ", "))
		}
		s.Format = of.Name
	}
	if s.Since, s.Until, err = f.span(now); err != nil {
		return o, err
	}
	return replay.Options{
		Selection: s, Identity: []string{f.from, f.connection, f.table, f.since, f.until, f.to},
		To: f.to, Rate: f.rate, Restart: f.restart, DryRun: f.dryRun, JSON: f.output == "json",
	}, nil
}
