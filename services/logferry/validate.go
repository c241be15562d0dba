package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
)

func validateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "validate --config FILE",
		Short: "Check a configuration",
		Long: `Check a configuration, with the variables of the environment that change it, and
print every problem with its line, its key and what to write instead. Nothing is
called: no role is assumed and no endpoint asked. The status is 1 if there is a
problem.`,
		Example: "  logferry validate --config logferry.yaml",
		Args:    app.NoArgs,
	}
	path := c.Flags().StringP("config", "c", "", "configuration `FILE` (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *path == "" {
			return app.Usage(errors.New("--config is missing; name the configuration file"))
		}
		cfg, err := app.Load(*path)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: ok: connections: %d, destinations: %d\n", *path, len(cfg.Connections), len(cfg.Destinations))
		return nil
	}
	return c
}
