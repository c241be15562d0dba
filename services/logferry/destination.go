package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/services/logferry/internal/connections"
)

func destinationCommand() *cobra.Command {
	c := group("destination", "Add, show and remove destinations", `A destination is an ingestion endpoint with a rule for each table, or a directory.
Those of the configuration file are changed there; these commands keep more of
them on the bus, and every service follows within a moment, without a restart.`,
		`  logferry destination add sentinel -c logferry.yaml \
      --endpoint https://logs-ab12.westeurope-1.ingest.monitor.azure.com \
      --tables AWSCloudTrail=dcr-0123456789abcdef0123456789abcdef
  logferry destination add files -c logferry.yaml --directory rows
  logferry destination list -c logferry.yaml`)
	c.AddCommand(destinationAdd(), destinationList(), destinationShow(), destinationRemove(), destinationExport(), destinationImport())
	return c
}

// destinationFlags name the flags whose names do not follow from their keys.
var destinationFlags = map[string]string{
	"credential.kind": "--credential", "credential.tenant_id": "--tenant", "credential.client_id": "--client",
}

func destinationAdd() *cobra.Command {
	c := &cobra.Command{
		Use:   "add --config FILE NAME --endpoint URL --tables TABLE=RULE",
		Short: "Add a destination, or replace one",
		Long: `Add a destination, by flags or from a file with its YAML, as destination show
writes it. A destination that is there already is replaced with --replace.`,
		Example: `  logferry destination add sentinel -c logferry.yaml \
      --endpoint https://logs-ab12.westeurope-1.ingest.monitor.azure.com \
      --tables AWSCloudTrail=dcr-0123456789abcdef0123456789abcdef \
      --credential client_secret --tenant TENANT --client CLIENT --client-secret-file secret
  logferry destination add files -c logferry.yaml --directory rows`,
		Args: atMostOneName,
	}
	var s site
	s.flags(c)
	var to connection.Destination
	c.Flags().StringVar(&to.Endpoint, "endpoint", "", "`URL` of the logs ingestion endpoint, https")
	tables := c.Flags().StringSlice("tables", nil, "`TABLE=RULE`: the table's rule by its immutable id; one for each table, several to spread a table's rows")
	c.Flags().StringVar(&to.Cloud, "cloud", "", "`CLOUD` of the endpoint: public, usgovernment or china; empty: public")
	c.Flags().StringVar(&to.Credential.Kind, "credential", "", "`KIND` of the identity that posts: default, managed_identity, workload_identity, client_secret, client_certificate, aws_web_identity or none; empty: default")
	c.Flags().StringVar(&to.Credential.TenantID, "tenant", "", "`ID` of the identity's Entra tenant")
	c.Flags().StringVar(&to.Credential.ClientID, "client", "", "`ID` of the application or identity")
	c.Flags().StringVar(&to.Credential.ClientSecretFile, "client-secret-file", "", "`FILE` with the secret; empty: AZURE_CLIENT_SECRET")
	c.Flags().StringVar(&to.Credential.CertificateFile, "certificate-file", "", "`FILE` with the certificate and its key")
	c.Flags().StringVar(&to.Credential.CertificatePasswordFile, "certificate-password-file", "", "`FILE` with the certificate's password")
	c.Flags().StringVar(&to.Credential.TokenFile, "token-file", "", "`FILE` with the federated token")
	c.Flags().StringVar(&to.Credential.AWSRegion, "aws-region", "", "AWS `REGION` whose STS is asked for the token")
	c.Flags().StringVar(&to.CAFile, "ca-file", "", "`FILE` with certificates to trust besides the system's")
	c.Flags().StringVar(&to.Directory, "directory", "", "write rows below this `DIR` instead of an endpoint")
	c.Flags().StringVar(&to.Format, "format", "", "`FORM` of the files: jsonl or parquet; empty: jsonl")
	file := c.Flags().String("file", "", "take the destination from this `FILE`, YAML, instead of flags; - is standard input")
	replace := c.Flags().Bool("replace", false, "replace the destination if it is there already")
	c.RunE = func(c *cobra.Command, names []string) error {
		err := oneSource(c, *file, names, "config", "log-level", "file", "replace")
		if err == nil {
			to.Tables, err = rulesOf(*tables)
		}
		if err != nil {
			return app.Usage(err)
		}
		if *file != "" {
			if to, err = entryFrom[connection.Destination](c, *file); err != nil {
				return err
			}
		}
		if len(names) > 0 {
			to.Name = names[0]
		}
		return s.onBus(c, func(ctx context.Context, env *app.Env) error {
			changes, err := put(ctx, env, connection.Set{Destinations: []connection.Destination{to}}, *replace)
			return told(c.OutOrStdout(), changes, byFlags(err, *file, connections.Destination, to.Name, destinationFlags))
		})
	}
	return c
}

// rulesOf reads the tables with their rules; of a table with several, the list.
func rulesOf(texts []string) (map[string]connection.Rule, error) {
	var tables map[string]connection.Rule
	for _, text := range texts {
		table, id, ok := strings.Cut(text, "=")
		if !ok || table == "" || id == "" {
			return nil, errors.New("--tables must be a table and its rule, like AWSCloudTrail=dcr-0123456789abcdef0123456789abcdef")
		}
		if tables == nil {
			tables = map[string]connection.Rule{}
		}
		if ids := append(tables[table].IDs(), id); len(ids) > 1 {
			tables[table] = connection.Rule{Rules: ids}
		} else {
			tables[table] = connection.Rule{Rule: id}
		}
	}
	return tables, nil
}

func destinationList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list --config FILE",
		Short: "List destinations",
		Long: `List the destinations, with the connections that have them. FROM says whether a
destination is of the configuration file or was added by a command.`,
		Example: "  logferry destination list -c logferry.yaml",
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
			return connections.ListDestinations(c.OutOrStdout(), env.Registry.Current(), inFile(env), all.Formats().Tables(), *output)
		})
	}
	return c
}

func destinationShow() *cobra.Command {
	c := &cobra.Command{
		Use:     "show --config FILE NAME",
		Short:   "Show a destination as YAML",
		Long:    "Show a destination as YAML, which destination add --file takes.",
		Example: "  logferry destination show -c logferry.yaml sentinel",
		Args:    oneName,
	}
	var s site
	s.flags(c)
	c.RunE = func(c *cobra.Command, names []string) error {
		return s.onBus(c, func(_ context.Context, env *app.Env) error {
			picked, err := connections.PickDestinations(env.Registry.Current(), names)
			if err != nil {
				return err
			}
			return connections.WriteOne(c.OutOrStdout(), picked.Destinations[0])
		})
	}
	return c
}

func destinationRemove() *cobra.Command {
	c := &cobra.Command{
		Use:   "remove --config FILE NAME...",
		Short: "Remove destinations",
		Long: `Remove destinations that no connection has. Rules, tables and files stay as they
are.`,
		Example: "  logferry destination remove -c logferry.yaml sentinel",
		Args:    someNames,
	}
	var s site
	s.flags(c)
	yes := c.Flags().Bool("yes", false, "do not ask")
	c.RunE = func(c *cobra.Command, names []string) error {
		return s.onBus(c, func(ctx context.Context, env *app.Env) error {
			if _, err := connections.PickDestinations(env.Registry.Current(), names); err != nil {
				return err
			}
			for _, name := range names {
				if err := tellWaiting(ctx, c, env, connections.Destination, name, name); err != nil {
					return err
				}
			}
			if err := confirm(c, *yes, "remove "+strings.Join(names, ", ")); err != nil {
				return err
			}
			changes, err := connections.RemoveDestinations(ctx, env.Registry, names)
			return told(c.OutOrStdout(), changes, err)
		})
	}
	return c
}

func destinationExport() *cobra.Command {
	c := &cobra.Command{
		Use:   "export --config FILE [NAME...]",
		Short: "Write destinations as YAML",
		Long: `Write destinations, without names all, as YAML that destination import and a
configuration file take.`,
		Example: "  logferry destination export -c logferry.yaml > destinations.yaml",
	}
	var s site
	s.flags(c)
	c.RunE = func(c *cobra.Command, names []string) error {
		return s.onBus(c, func(_ context.Context, env *app.Env) error {
			picked, err := connections.PickDestinations(env.Registry.Current(), names)
			if err != nil {
				return err
			}
			return connections.Write(c.OutOrStdout(), picked)
		})
	}
	return c
}

func destinationImport() *cobra.Command {
	c := &cobra.Command{
		Use:   "import --config FILE FILE",
		Short: "Add destinations from YAML",
		Long: `Add the destinations that a YAML file holds, all or none of them, as destination
export writes it; - is standard input. What is there already must be the same, or
is replaced with --replace.`,
		Example: "  logferry destination import -c logferry.yaml destinations.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return app.Usage(errors.New("name one file with the YAML to import, or - for standard input"))
			}
			return nil
		},
	}
	var i importing
	i.flags(c)
	i.putFlags(c)
	c.RunE = func(c *cobra.Command, files []string) error { return i.yaml(c, files[0]) }
	return c
}
