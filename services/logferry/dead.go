package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/services/logferry/internal/dead"
)

func deadCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dead",
		Short: "List, show, export, dismiss or redrive dead letters",
		Long: `What could not be carried is kept as a dead letter, with the reason and the
original bytes, until it is dismissed. These commands work beside the services,
or alone on a bus that nobody uses.

A letter is named by the first letters of its token, four or more.`,
		Example: `  logferry dead list -c logferry.yaml --since 24h
  logferry dead show -c logferry.yaml k3vq7xw2
  logferry dead redrive -c logferry.yaml --reason object_denied
  logferry dead dismiss -c logferry.yaml k3vq7xw2`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return app.Usage(fmt.Errorf("there is no command dead %s; there are list, show, export, dismiss, redrive", args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(deadList(), deadShow(), deadExport(), deadDismiss(), deadRedrive())
	return c
}

// graves is which bus and which letters a command is about: the flags that the
// commands share.
type graves struct {
	site
	times
	filter bus.LetterFilter
}

func (g *graves) filters(c *cobra.Command) {
	f := &g.filter
	c.Flags().StringVar(&f.Stage, "stage", "", "letters of this `STAGE`: poller, lookup, fetcher, parser, writer, ledger")
	c.Flags().StringVar(&f.Reason, "reason", "", "letters with this reason `CODE`")
	c.Flags().StringVar(&f.Connection, "connection", "", "letters of the connection `NAME`")
	c.Flags().StringVar(&f.Destination, "destination", "", "letters for the destination `NAME`")
	c.Flags().StringVar(&f.Table, "table", "", "letters for this `TABLE`")
	c.Flags().StringVar(&f.Format, "format", "", "letters of this `FORMAT`")
	c.Flags().StringVar(&f.Bucket, "bucket", "", "letters of objects in this `BUCKET`")
	c.Flags().StringVar(&f.KeyPrefix, "prefix", "", "letters of objects whose key begins with this `TEXT`")
	c.Flags().StringVar(&f.Object, "object", "", "letters of the object with this `ID`")
	c.Flags().StringVar(&g.since, "since", "", "letters stored since this `TIME`: "+howTimes)
	c.Flags().StringVar(&g.until, "until", "", "letters stored before this `TIME`")
	c.Flags().IntVar(&f.Limit, "limit", 0, "at most `N` letters, the oldest; 0: all")
}

// choice reads which letters are meant. Unless every one is, names or a filter
// must say so.
func (g *graves) choice(names []string, every bool) (dead.Choice, error) {
	filtered := g.filter != bus.LetterFilter{} || g.since != "" || g.until != ""
	switch {
	case len(names) > 0 && (filtered || every):
		return dead.Choice{}, errors.New("name letters, or choose them by flags, not both")
	case len(names) == 0 && !filtered && !every:
		return dead.Choice{}, errors.New("no letter is named; choose some by flags, or all with --all")
	case g.filter.Limit < 0:
		return dead.Choice{}, errors.New("--limit must not be negative")
	}
	if err := g.check(); err != nil {
		return dead.Choice{}, err
	}
	var err error
	g.filter.Since, g.filter.Until, err = g.span(time.Now())
	return dead.Choice{Names: names, Filter: g.filter}, err
}

// check refuses what no letter can have. Connections and destinations may be
// gone from the configuration, and have letters all the same.
func (g *graves) check() error {
	var stages, formats []string
	for _, s := range services() {
		stages = append(stages, s.Name)
	}
	stages = append(stages, "ledger") // which sets aside events that cannot be read
	for _, f := range all.Formats() {
		formats = append(formats, f.Name)
	}
	for _, field := range []struct {
		what, word string
		known      []string
	}{
		{"stage", g.filter.Stage, stages}, {"reason", g.filter.Reason, reasons()},
		{"table", g.filter.Table, all.Formats().Tables()}, {"format", g.filter.Format, formats},
	} {
		if field.word == "" {
			continue
		}
		if err := oneOf(field.what, field.word, field.known...); err != nil {
			return err
		}
	}
	return nil
}

func reasons() []string {
	var texts []string
	for _, r := range fault.Reasons() {
		texts = append(texts, string(r))
	}
	return texts
}

// work calls f beside the services that work on the bus, or that are given.
func (g *graves) work(c *cobra.Command, services []app.Service, f func(context.Context, *app.Env) error) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	return g.site.work(c, cfg, services, f)
}

func deadList() *cobra.Command {
	var g graves
	c := &cobra.Command{
		Use:     "list --config FILE",
		Short:   "List dead letters, oldest first",
		Long:    "List dead letters, oldest first, and say at the end how many there are by\nreason. WHERE is the object, its part after # and the record's first byte after @.",
		Example: "  logferry dead list -c logferry.yaml --reason bad_record --since 24h\n  logferry dead list -c logferry.yaml --output json | jq -r .error",
		Args:    app.NoArgs,
	}
	g.flags(c)
	g.filters(c)
	output := c.Flags().String("output", dead.Table, "`FORM` of the list: table or json, an object a line")
	c.RunE = func(c *cobra.Command, _ []string) error {
		choice, err := g.choice(nil, true)
		if err == nil {
			err = oneOf("output", *output, dead.Table, dead.JSONLines)
		}
		if err != nil {
			return app.Usage(err)
		}
		notes := c.OutOrStdout()
		if *output == dead.JSONLines {
			notes = c.ErrOrStderr()
		}
		return g.work(c, nil, func(ctx context.Context, env *app.Env) error {
			return dead.List(ctx, env.Bus, choice.Filter, *output, c.OutOrStdout(), notes)
		})
	}
	return c
}

func deadShow() *cobra.Command {
	var g graves
	c := &cobra.Command{
		Use:   "show --config FILE LETTER",
		Short: "Show a dead letter with all that it holds",
		Long: `Show what is known of a dead letter, and what it holds as text: many records, and
rows, as a JSON object a line. With --body write only the original bytes.`,
		Example: "  logferry dead show -c logferry.yaml k3vq7xw2\n  logferry dead show -c logferry.yaml k3vq7xw2 --body record.bin",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return app.Usage(errors.New("name one letter"))
			}
			return nil
		},
	}
	g.flags(c)
	path := c.Flags().String("body", "", "write the original bytes to this `FILE`, which must be new; - is standard output")
	c.RunE = func(c *cobra.Command, names []string) error {
		return g.work(c, nil, func(ctx context.Context, env *app.Env) error {
			l, err := env.Bus.Letter(ctx, names[0])
			if err != nil {
				return err
			}
			if *path == "" {
				return dead.Show(l, c.OutOrStdout())
			}
			body, err := bus.BodyOf(l.DeadLetter)
			if err != nil {
				return err
			}
			return writeNew(*path, c.OutOrStdout(), body)
		})
	}
	return c
}

// writeNew writes a file that is not there yet, or to stdout for -.
func writeNew(path string, stdout io.Writer, body []byte) error {
	if path == "-" {
		_, err := stdout.Write(body)
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	_, err = f.Write(body)
	return errors.Join(err, f.Close())
}

func deadExport() *cobra.Command {
	var g graves
	c := &cobra.Command{
		Use:   "export --config FILE --out DIR [LETTER...]",
		Short: "Write dead letters to files",
		Long: `Write dead letters to a new directory: letters.jsonl says what is known of each,
and names the file with its original bytes. Without names and flags, all.`,
		Example: "  logferry dead export -c logferry.yaml --out letters --reason bad_record",
	}
	g.flags(c)
	g.filters(c)
	dir := c.Flags().String("out", "", "`DIR` to write to, new or empty (required)")
	c.RunE = func(c *cobra.Command, names []string) error {
		choice, err := g.choice(names, len(names) == 0)
		if err == nil && *dir == "" {
			err = errors.New("--out is missing; name a new directory")
		}
		if err != nil {
			return app.Usage(err)
		}
		return g.work(c, nil, func(ctx context.Context, env *app.Env) error {
			n, err := dead.Export(ctx, env.Bus, choice, *dir)
			fmt.Fprintf(c.ErrOrStderr(), "letters written: %d\n", n)
			return err
		})
	}
	return c
}

func deadDismiss() *cobra.Command {
	var g graves
	c := &cobra.Command{
		Use:   "dismiss --config FILE LETTER...",
		Short: "Remove dead letters for good",
		Long: `Remove dead letters for good, with what they hold. Letters that flags choose are
removed only with --yes.`,
		Example: "  logferry dead dismiss -c logferry.yaml k3vq7xw2 m5ra\n  logferry dead dismiss -c logferry.yaml --reason unknown_notification --yes",
	}
	g.flags(c)
	g.filters(c)
	every := c.Flags().Bool("all", false, "all letters")
	yes := c.Flags().Bool("yes", false, "do remove the letters that the flags choose")
	c.RunE = func(c *cobra.Command, names []string) error {
		choice, err := g.choice(names, *every)
		if err == nil && len(names) == 0 && !*yes {
			err = errors.New("this removes every letter that the flags choose: see them with dead list, then add --yes")
		}
		if err != nil {
			return app.Usage(err)
		}
		return g.work(c, nil, func(ctx context.Context, env *app.Env) error {
			n, err := dead.Dismiss(ctx, env.Bus, choice)
			fmt.Fprintf(c.OutOrStdout(), "letters dismissed: %d\n", n)
			return err
		})
	}
	return c
}

func deadRedrive() *cobra.Command {
	var g graves
	c := &cobra.Command{
		Use:   "redrive --config FILE LETTER...",
		Short: "Have what dead letters hold carried after all",
		Long: `Have what dead letters hold carried after all, once the cause is mended: objects
are fetched again, records parsed, rows written. Each letter is dismissed when
all of it is delivered, or kept in new letters. It may be interrupted: the same
command goes on, and nothing is carried twice. When no service runs on the
embedded bus, the command runs them.

The status is 3 if something died again, or if a letter cannot be redriven.`,
		Example: `  logferry dead redrive -c logferry.yaml k3vq7xw2
  logferry dead redrive -c logferry.yaml --reason object_denied --since 48h --dry-run`,
	}
	g.flags(c)
	g.filters(c)
	every := c.Flags().Bool("all", false, "all letters")
	dry := c.Flags().Bool("dry-run", false, "only say what would be done with each letter")
	c.RunE = func(c *cobra.Command, names []string) error {
		choice, err := g.choice(names, *every)
		if err != nil {
			return app.Usage(err)
		}
		if *dry {
			return g.work(c, nil, func(ctx context.Context, env *app.Env) error {
				refused, err := dead.DryRun(ctx, env, choice, c.OutOrStdout())
				if err == nil && refused > 0 {
					err = incomplete("letters that cannot be redriven: %d", refused)
				}
				return err
			})
		}
		workers, err := carriers()
		if err != nil {
			return err
		}
		var o dead.Outcome
		err = g.work(c, workers, func(ctx context.Context, env *app.Env) (err error) {
			o, err = dead.Redrive(ctx, env, choice, c.ErrOrStderr())
			fmt.Fprintln(c.OutOrStdout(), o)
			return err
		})
		switch {
		case err != nil:
			return err
		case o.Failed > 0:
			return fmt.Errorf("letters that failed: %d; redrive them again", o.Failed)
		case o.Dead > 0 || o.Rejected > 0 || o.Refused > 0:
			return incomplete("not all could be delivered: see logferry dead list --config %s", shellWord(g.config))
		}
		return nil
	}
	return c
}
