package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  app.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b := app.Version()
			_, err := fmt.Fprintf(c.OutOrStdout(), "logferry %s\ncommit   %s\ndate     %s\ngo       %s\n", b.Version, b.Commit, b.Date, b.Go)
			return err
		},
	}
}
