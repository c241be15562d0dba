package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/services/logferry/internal/demo"
)

func demoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "demo",
		Short: "See it all work on this machine",
		Long: `Run Logferry between stand-ins of both clouds, all in this process: S3, SQS and
STS at one end, Entra and the Logs Ingestion API at the other. Sample objects of
every format are put into a bucket, some of them broken on purpose; the services
carry them, with the real AWS SDK and the real ingestion protocol. At the end
every row must have arrived exactly once, else the status is 1.

With --stay other commands can be tried beside it: in its directory is a
configuration, logferry.yaml, and the environment for it, env.sh.`,
		Example: `  logferry demo
  logferry demo --objects 1000 --dir ./demo
  logferry demo --stay --rate 50 --admin 127.0.0.1:9464   until interrupted`,
		Args: app.NoArgs,
	}
	o := demo.Options{}
	c.Flags().IntVar(&o.Objects, "objects", 120, "put `N` good objects into the bucket")
	c.Flags().IntVar(&o.Rate, "rate", 0, "put `N` objects a second; 0: as fast as they are made, 10 with --stay")
	c.Flags().BoolVar(&o.Stay, "stay", false, "go on putting objects until interrupted")
	c.Flags().StringVar(&o.Dir, "dir", "", "`DIR` for rows, log and bus, new or empty; a temporary one if not given")
	c.Flags().StringVar(&o.Admin, "admin", "", "serve metrics, health and profiles at this `ADDRESS`")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if o.Objects < 1 || o.Rate < 0 || o.Rate > 10_000 {
			return app.Usage(errors.New("--objects must be at least 1, --rate from 0 to 10000"))
		}
		o.Out, o.Services = c.OutOrStdout(), services()
		if err := demo.Run(c.Context(), o); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		return nil
	}
	return c
}
