package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/connections"
	"github.com/logferry/logferry/services/logferry/internal/probe"
)

func connectionCommand() *cobra.Command {
	c := group("connection", "Add, show, test, pause and remove connections", `A connection is one AWS role with its queues, and where its rows go. Those of the
configuration file are changed there; these commands keep more of them on the
bus, and every service follows within a moment, without a restart. They work
beside the services, or alone on a bus that nobody uses.`,
		`  logferry connection add org-trail -c logferry.yaml --destination sentinel \
      --role-arn arn:aws:iam::123456789012:role/logferry --external-id 8f14e45f \
      --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/org-trail
  logferry connection test org-trail -c logferry.yaml
  logferry connection list -c logferry.yaml
  logferry connection import --from-sentinel connectors.json -c logferry.yaml`)
	c.AddCommand(connectionAdd(), connectionList(), connectionShow(), connectionTest(), connectionRemove(),
		connectionPause("pause", "Keep the pollers from queues", `Keep the pollers from the queues of connections: what is there waits, as long as
the queues keep it. What was received before is carried on.`, true),
		connectionPause("resume", "Have the pollers go on with queues", "Have the pollers go on with the queues of paused connections.", false),
		connectionExport(), connectionImport())
	return c
}

// connectionFlags name the flags whose names do not follow from their keys.
var connectionFlags = map[string]string{"queue_urls": "--queue-url", "buckets": "--bucket"}

func connectionAdd() *cobra.Command {
	c := &cobra.Command{
		Use:   "add --config FILE NAME --queue-url URL --destination NAME",
		Short: "Add a connection, or replace one",
		Long: `Add a connection, by flags or from a file with its YAML, as connection show
writes it. The services begin with it at once; with --paused they do not.

A connection that is there already is replaced with --replace, and stays paused
if it is.`,
		Example: `  logferry connection add org-trail -c logferry.yaml --destination sentinel \
      --role-arn arn:aws:iam::123456789012:role/logferry --external-id 8f14e45f \
      --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/org-trail
  logferry connection add -c logferry.yaml --file org-trail.yaml --replace`,
		Args: atMostOneName,
	}
	var s site
	s.flags(c)
	var from connection.Connection
	c.Flags().StringVar(&from.RoleARN, "role-arn", "", "`ARN` of the role to assume; empty: the base credentials are used")
	c.Flags().StringVar(&from.ExternalID, "external-id", "", "`ID` to present when the role is assumed")
	c.Flags().StringVar(&from.SessionName, "session-name", "", "`NAME` of the role session; empty: logferry-<name>")
	c.Flags().StringVar(&from.WebIdentityTokenFile, "web-identity-token-file", "", "`FILE` with an OIDC token to assume the role with")
	c.Flags().StringArrayVar(&from.QueueURLs, "queue-url", nil, "`URL` of a queue; may be given several times")
	c.Flags().StringVar(&from.Region, "region", "", "AWS `REGION`; empty: the queue URL tells it")
	c.Flags().StringArrayVar(&from.Buckets, "bucket", nil, "read this `BUCKET` only; may be given several times")
	c.Flags().BoolVar(&from.RequesterPays, "requester-pays", false, "pay for the requests to the buckets")
	c.Flags().StringVar(&from.Table, "table", connection.Auto, "`TABLE` of the rows; auto: each object tells")
	c.Flags().StringVar(&from.Destination, "destination", "", "`NAME` of the destination")
	c.Flags().StringVar(&from.Ack, "ack", "", "when messages are deleted: delivered or stored; empty: delivered")
	c.Flags().BoolVar(&from.Paused, "paused", false, "do not begin yet")
	file := c.Flags().String("file", "", "take the connection from this `FILE`, YAML, instead of flags; - is standard input")
	replace := c.Flags().Bool("replace", false, "replace the connection if it is there already")
	c.RunE = func(c *cobra.Command, names []string) error {
		err := oneSource(c, *file, names, "config", "log-level", "file", "replace")
		if err != nil {
			return app.Usage(err)
		}
		if *file != "" {
			if from, err = entryFrom[connection.Connection](c, *file); err != nil {
				return err
			}
		}
		from = plain(from, names)
		return s.onBus(c, func(ctx context.Context, env *app.Env) error {
			changes, err := put(ctx, env, connection.Set{Connections: []connection.Connection{from}}, *replace)
			return told(c.OutOrStdout(), changes, byFlags(err, *file, connections.Connection, from.Name, connectionFlags))
		})
	}
	return c
}

// plain writes a connection with the keys that a person would: what is the
// default is left out.
func plain(c connection.Connection, names []string) connection.Connection {
	if len(names) > 0 {
		c.Name = names[0]
	}
	if c.QueueURL == "" && len(c.QueueURLs) == 1 {
		c.QueueURL, c.QueueURLs = c.QueueURLs[0], nil
	}
	if c.Table == connection.Auto {
		c.Table = ""
	}
	return c
}

func connectionList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list --config FILE",
		Short: "List connections",
		Long: `List the connections that the services follow. FROM says whether a connection is
of the configuration file or was added by a command.`,
		Example: "  logferry connection list -c logferry.yaml\n  logferry connection list -c logferry.yaml --output json | jq -r .name",
		Args:    app.NoArgs,
	}
	var s site
	s.flags(c)
	output, valid := outputFlag(c, "an object a line")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := valid(); err != nil {
			return err
		}
		return s.onBus(c, func(_ context.Context, env *app.Env) error {
			return connections.List(c.OutOrStdout(), env.Registry.Current(), inFile(env), *output)
		})
	}
	return c
}

func connectionShow() *cobra.Command {
	c := &cobra.Command{
		Use:     "show --config FILE NAME",
		Short:   "Show a connection as YAML",
		Long:    "Show a connection as YAML, which connection add --file takes.",
		Example: "  logferry connection show -c logferry.yaml org-trail",
		Args:    oneName,
	}
	var s site
	s.flags(c)
	c.RunE = func(c *cobra.Command, names []string) error {
		return s.onBus(c, func(_ context.Context, env *app.Env) error {
			picked, err := connections.Pick(env.Registry.Current(), names)
			if err != nil {
				return err
			}
			return connections.WriteOne(c.OutOrStdout(), picked.Connections[0])
		})
	}
	return c
}

func connectionTest() *cobra.Command {
	c := &cobra.Command{
		Use:   "test --config FILE NAME",
		Short: "Try everything that a connection needs",
		Long: `Try everything that a connection needs, one call after the other: assume the
role, read the queue, receive without consuming, get an object, post nothing to
each rule. Each line says what was seen and, if it is not well, what to do.
Nothing is changed, and running services are not disturbed. Run it as the
services run: their credentials are tried.

The status is 3 if something failed.`,
		Example: "  logferry connection test -c logferry.yaml org-trail",
		Args:    oneName,
	}
	var s site
	s.flags(c)
	output, valid := outputFlag(c, "a document")
	c.RunE = func(c *cobra.Command, names []string) error {
		if err := valid(); err != nil {
			return err
		}
		log, err := s.logger(c)
		if err != nil {
			return err
		}
		return s.onBus(c, func(ctx context.Context, env *app.Env) error {
			picked, err := connections.Pick(env.Registry.Current(), names)
			if err != nil {
				return err
			}
			from := picked.Connections[0]
			to, _ := picked.Destination(from.Destination) // valid sets have it
			report := probe.New(log, app.Version().Version).Connection(ctx, from, to)
			write := report.WriteText
			if *output == connections.JSONLines {
				write = report.WriteJSON
			}
			if err := write(c.OutOrStdout()); err != nil {
				return err
			}
			if failed := report.Codes(check.Failed); len(failed) > 0 {
				return incomplete("the connection %s does not work: %s", from.Name, strings.Join(failed, ", "))
			}
			return nil
		})
	}
	return c
}

func connectionRemove() *cobra.Command {
	c := &cobra.Command{
		Use:   "remove --config FILE NAME...",
		Short: "Remove connections",
		Long: `Remove connections. Queues, roles and buckets stay as they are. Objects that were
announced and are not fetched when their connection goes become dead letters:
pause it first, and remove it when nothing waits any more.`,
		Example: "  logferry connection remove -c logferry.yaml org-trail",
		Args:    someNames,
	}
	var s site
	s.flags(c)
	yes := c.Flags().Bool("yes", false, "do not ask")
	c.RunE = func(c *cobra.Command, names []string) error {
		return s.onBus(c, func(ctx context.Context, env *app.Env) error {
			picked, err := connections.Pick(env.Registry.Current(), names)
			if err != nil {
				return err
			}
			for _, from := range picked.Connections {
				if err := tellWaiting(ctx, c, env, connections.Connection, from.Name, from.Destination); err != nil {
					return err
				}
			}
			if err := confirm(c, *yes, "remove "+strings.Join(names, ", ")); err != nil {
				return err
			}
			changes, err := connections.Remove(ctx, env.Registry, names)
			return told(c.OutOrStdout(), changes, err)
		})
	}
	return c
}

func connectionPause(use, short, long string, paused bool) *cobra.Command {
	c := &cobra.Command{
		Use:     use + " --config FILE NAME...",
		Short:   short,
		Long:    long,
		Example: "  logferry connection " + use + " -c logferry.yaml org-trail",
		Args:    someNames,
	}
	var s site
	s.flags(c)
	c.RunE = func(c *cobra.Command, names []string) error {
		return s.onBus(c, func(ctx context.Context, env *app.Env) error {
			changes, err := connections.Pause(ctx, env.Registry, names, paused)
			return told(c.OutOrStdout(), changes, err)
		})
	}
	return c
}

func connectionExport() *cobra.Command {
	c := &cobra.Command{
		Use:   "export --config FILE [NAME...]",
		Short: "Write connections as YAML",
		Long: `Write connections, without names all, with their destinations, as YAML that
connection import and a configuration file take.`,
		Example: "  logferry connection export -c logferry.yaml > connections.yaml",
	}
	var s site
	s.flags(c)
	c.RunE = func(c *cobra.Command, names []string) error {
		return s.onBus(c, func(_ context.Context, env *app.Env) error {
			picked, err := connections.Pick(env.Registry.Current(), names)
			if err != nil {
				return err
			}
			return connections.Write(c.OutOrStdout(), picked)
		})
	}
	return c
}
