package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/connections"
	"github.com/logferry/logferry/services/logferry/internal/sentinel"
)

// importing is what an import is asked.
type importing struct {
	site
	replace, dry, fromSentinel bool
	// of Sentinel's connectors
	options   sentinel.Options
	workspace sentinel.Workspace
	cloud     string
	principal string
}

func connectionImport() *cobra.Command {
	c := &cobra.Command{
		Use:   "import --config FILE FILE",
		Short: "Add connections from YAML, or from Sentinel's data connectors",
		Long: `Add the connections and destinations that a YAML file holds, all or none of them,
as connection export writes it; - is standard input. What is there already must
be the same, or is replaced with --replace.

With --from-sentinel, make connections of the AWS S3 data connectors of Microsoft
Sentinel. They come from a file, which holds what Azure Resource Manager returns
for them (a list, an array or a single one) or a template, or from the workspace
that --subscription, --resource-group and --workspace name, with the credentials
of the environment or of az login. Roles made for Sentinel do not trust Logferry
yet, and both would read the same queues: the connections are paused, and the
steps that are left are printed for each.

The status is 3 if something was left out.`,
		Example: `  logferry connection import -c logferry.yaml connections.yaml
  az rest --url "https://management.azure.com$WORKSPACE/providers/Microsoft.SecurityInsights/dataConnectors?api-version=2024-09-01" > connectors.json
  logferry connection import -c logferry.yaml --from-sentinel --dry-run connectors.json
  logferry connection import -c logferry.yaml --from-sentinel --subscription 6f6a0000-0000-4000-8000-000000000000 \
      --resource-group security --workspace soc --principal arn:aws:iam::123456789012:role/logferry`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return app.Usage(fmt.Errorf("%q is not expected: name one file", args[1]))
			}
			return nil
		},
	}
	var i importing
	i.flags(c)
	i.putFlags(c)
	c.Flags().BoolVar(&i.fromSentinel, "from-sentinel", false, "make connections of Sentinel's data connectors")
	c.Flags().StringVar(&i.options.Destination, "destination", "", "`NAME` of their destination; empty: the only one")
	c.Flags().StringVar(&i.options.WorkspaceID, "workspace-id", "", "`GUID` of their workspace, for the external id; empty: asked with --workspace")
	c.Flags().StringVar(&i.principal, "principal", "", "`ARN` that Logferry runs as, for the trust policies that are printed")
	c.Flags().StringVar(&i.workspace.Subscription, "subscription", "", "`ID` of the workspace's subscription")
	c.Flags().StringVar(&i.workspace.ResourceGroup, "resource-group", "", "`NAME` of the workspace's resource group")
	c.Flags().StringVar(&i.workspace.Name, "workspace", "", "`NAME` of the workspace")
	c.Flags().StringVar(&i.cloud, "cloud", "public", "`CLOUD` of the workspace: public, usgovernment or china")
	c.RunE = func(c *cobra.Command, files []string) error {
		if err := i.check(c, files); err != nil {
			return app.Usage(err)
		}
		if i.fromSentinel {
			return i.connectors(c, files)
		}
		return i.yaml(c, files[0])
	}
	return c
}

// putFlags are the flags of every import.
func (i *importing) putFlags(c *cobra.Command) {
	c.Flags().BoolVar(&i.replace, "replace", false, "replace what is there already")
	c.Flags().BoolVar(&i.dry, "dry-run", false, "only check, and print the YAML of what would be added")
}

// yaml imports what a file holds.
func (i *importing) yaml(c *cobra.Command, path string) error {
	text, err := input(c, path)
	if err != nil {
		return err
	}
	set, err := connections.Read(path, text)
	if err != nil {
		return err
	}
	return i.onBus(c, func(ctx context.Context, env *app.Env) error { return i.put(ctx, c, env, set) })
}

// sentinelFlags are the flags that say something of Sentinel's connectors.
var sentinelFlags = []string{"destination", "workspace-id", "principal", "subscription", "resource-group", "workspace", "cloud"}

// principals are the ARNs that a trust policy may name.
var principals = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(role|user|assumed-role)/.+)$`)

// check checks the command line.
func (i *importing) check(c *cobra.Command, files []string) error {
	if !i.fromSentinel {
		for _, name := range sentinelFlags {
			if c.Flags().Changed(name) {
				return fmt.Errorf("--%s is for --from-sentinel; add that, or drop it", name)
			}
		}
		if len(files) == 0 {
			return errors.New("no file is named; give the YAML to import, or - for standard input")
		}
		return nil
	}
	w := i.workspace
	byARM := w.Subscription != "" && w.ResourceGroup != "" && w.Name != ""
	switch {
	case len(files) == 1 && w != sentinel.Workspace{}:
		return errors.New("name a file, or a workspace by flags, not both")
	case len(files) == 0 && !byARM:
		return errors.New("name a file with data connectors, or the workspace by --subscription, --resource-group and --workspace")
	case i.principal != "" && !principals.MatchString(i.principal):
		return errors.New("--principal is no ARN of an account's root, a role or a user; write what aws sts get-caller-identity prints")
	}
	if err := oneOf("cloud", i.cloud, "public", "usgovernment", "china"); err != nil {
		return err
	}
	return i.options.Check()
}

// connectors imports Sentinel's connectors.
func (i *importing) connectors(c *cobra.Command, files []string) error {
	found, err := i.find(c, files)
	if err != nil {
		return err
	}
	if len(found.Connectors) == 0 {
		return incomplete("there are no data connectors for AWS, of %d in all", found.Others)
	}
	return i.onBus(c, func(ctx context.Context, env *app.Env) error {
		if i.options.Destination == "" {
			to, err := connections.Sole(env.Registry.Current())
			if err != nil {
				return app.Usage(err)
			}
			i.options.Destination = to.Name
		}
		made, left := sentinel.Convert(found.Connectors, i.options)
		var set connection.Set
		for _, m := range made {
			set.Connections = append(set.Connections, m.Connection)
		}
		if err := i.put(ctx, c, env, set); err != nil {
			return err
		}
		for _, m := range made {
			if err := m.WriteSteps(c.ErrOrStderr(), i.principal, i.command); err != nil {
				return err
			}
		}
		for _, l := range left {
			fmt.Fprintf(c.ErrOrStderr(), "not imported: %s: %s\n", l.Connector, l.Why)
		}
		if found.Others > 0 {
			fmt.Fprintf(c.ErrOrStderr(), "data connectors that are not for AWS: %d\n", found.Others)
		}
		if len(left) > 0 {
			return incomplete("data connectors that were not imported: %d", len(left))
		}
		return nil
	})
}

// command is a further command for the imported connections.
func (i *importing) command(verb string) string {
	return "logferry connection " + verb + " -c " + shellWord(i.config)
}

// find reads the data connectors.
func (i *importing) find(c *cobra.Command, files []string) (sentinel.Found, error) {
	if len(files) == 1 {
		text, err := input(c, files[0])
		if err != nil {
			return sentinel.Found{}, err
		}
		found, err := sentinel.Read(text)
		if err != nil {
			return sentinel.Found{}, fmt.Errorf("%s: %w", files[0], err)
		}
		return found, nil
	}
	options := policy.ClientOptions{Cloud: map[string]cloud.Configuration{
		"public": cloud.AzurePublic, "usgovernment": cloud.AzureGovernment, "china": cloud.AzureChina,
	}[i.cloud]}
	credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	if err != nil {
		return sentinel.Found{}, fmt.Errorf("ready the credential: %w", err)
	}
	client := &arm.ClientOptions{ClientOptions: options}
	if i.options.WorkspaceID == "" {
		if i.options.WorkspaceID, err = sentinel.WorkspaceID(c.Context(), i.workspace, credential, client); err != nil {
			return sentinel.Found{}, err
		}
	}
	return sentinel.List(c.Context(), i.workspace, credential, client)
}

// put adds the entries of a set, or only says what they would be.
func (i *importing) put(ctx context.Context, c *cobra.Command, env *app.Env, set connection.Set) error {
	if i.dry {
		err := errors.Join(durable(env.Config, set), connections.Check(env.Registry.Current(), set, i.replace))
		if err != nil {
			return err
		}
		return connections.Write(c.OutOrStdout(), set)
	}
	changes, err := put(ctx, env, set, i.replace)
	return told(c.OutOrStdout(), changes, err)
}
