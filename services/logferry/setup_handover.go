package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/connections"
)

// handover is how what a set-up made comes to Logferry: written into the one
// that a configuration names, else printed for its configuration.
type handover struct{ replace bool }

func (h *handover) flags(c *cobra.Command, s *site, what string) {
	c.Flags().StringVarP(&s.config, "config", "c", "", "configuration `FILE` of the Logferry to write the "+what+" into; empty: it is printed")
	c.Flags().BoolVar(&h.replace, "replace", false, "with --config, replace the "+what+" if it is there already")
}

// ready makes sure, before a cloud is changed, that Logferry can be reached and
// that its entries will do.
func (h *handover) ready(c *cobra.Command, s *site, will func(connection.Set) error) error {
	switch {
	case s.config != "":
		return s.onBus(c, func(_ context.Context, env *app.Env) error { return will(env.Registry.Current()) })
	case h.replace:
		return app.Usage(errors.New("--replace is for --config; add that, or drop it"))
	}
	return nil
}

// write writes entries into Logferry, or prints them for people. Programs read
// them in the outcome.
func (h *handover) write(c *cobra.Command, s *site, text bool, set connection.Set) error {
	out := c.OutOrStdout()
	if s.config == "" {
		if !text {
			return nil
		}
		fmt.Fprint(out, "\nIn the configuration:\n\n")
		return connections.Write(out, set)
	}
	return s.onBus(c, func(ctx context.Context, env *app.Env) error {
		changes, err := put(ctx, env, set, h.replace)
		if !text {
			return err
		}
		fmt.Fprintln(out)
		return told(out, changes, err)
	})
}
