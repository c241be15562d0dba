package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/probe"
	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/onazure"
)

func setupAzureCommand() *cobra.Command { return azureCommand(signIn) }

// azureAccess returns what a cloud is called with, as an identity of that
// tenant; empty: the credential's own.
type azureAccess func(cloud, tenant string) (azcore.TokenCredential, arm.ClientOptions, error)

// signIn finds the credentials as Azure's own tools do.
func signIn(cloud, tenant string) (azcore.TokenCredential, arm.ClientOptions, error) {
	options := arm.ClientOptions{ClientOptions: azcore.ClientOptions{Cloud: onazure.CloudNamed(cloud)}}
	credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: options.ClientOptions, TenantID: tenant})
	if err != nil {
		return nil, options, fmt.Errorf("find credentials of Azure: %w", err)
	}
	return credential, options, nil
}

func azureCommand(access azureAccess) *cobra.Command {
	c := &cobra.Command{
		Use:   "azure",
		Short: "Make Azure ready: data collection rules, and the right to post to them",
		Long: `Make Azure ready for one destination: a data collection rule with a stream for
each table, the role Monitoring Metrics Publisher on it for the identity that runs
Logferry, and, when asked for, a data collection endpoint for private link, a
column for the time of old events, a table of Logferry's own health. Before that
it looks whether the workspace has Microsoft Sentinel, is in the rules' region,
and has the tables with the columns that rows fill.

Rules are made where the workspace is, unless another subscription and resource
group are named. The credentials are those of whoever sets up, found as Azure's
tools find them (AZURE_CLIENT_ID and so on, managed identity, az login).`,
		Example: `  logferry setup azure plan --subscription ID --resource-group rg-logs --workspace la-sentinel --principal ID --save azure.yaml
  logferry setup azure apply --spec azure.yaml
  logferry setup azure verify --spec azure.yaml
  logferry setup azure destroy --spec azure.yaml
  logferry setup azure plan --emit bicep --dir iac`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return app.Usage(fmt.Errorf("there is no command setup azure %s; there are plan, apply, verify, destroy", args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(azurePlan(access), azureApply(access), azureVerify(access), azureDestroy(access))
	return c
}

// azureSetup is what a set-up of Azure is asked: the flags that its commands
// share.
type azureSetup struct {
	site
	changing
	access       azureAccess
	spec         onazure.Spec
	file, tenant string
}

func (a *azureSetup) flags(c *cobra.Command) {
	a.changing.flags(c)
	c.Flags().StringVar(&a.file, "spec", "", "`FILE` that plan --save wrote; flags win over it")
	c.Flags().StringVar(&a.level, "log-level", "warn", "`LEVEL` of the log: debug, info, warn or error")
	c.Flags().StringVar(&a.tenant, "tenant", "", "tenant `ID` of the subscription (default that of the credentials)")
	azureFlags(c, &a.spec)
	c.Flags().SortFlags = false
}

// blueprint works the set-up out.
func (a *azureSetup) blueprint() (b onazure.Blueprint, err error) {
	if err = a.check(); err == nil {
		a.spec, err = readAzureSpec(a.file, a.spec)
	}
	if err == nil {
		b, err = onazure.New(a.spec)
	}
	if err != nil {
		return b, app.Usage(err)
	}
	return b, nil
}

// azureScene is a set-up that was worked out, and the Azure that it is for.
type azureScene struct {
	onazure.Blueprint
	clients *onazure.Clients
	all     []setup.Resource
}

// connect works the set-up out and readies the calls. It makes none.
func (a *azureSetup) connect() (*azureScene, error) {
	b, err := a.blueprint()
	if err != nil {
		return nil, err
	}
	if err := b.Ready(); err != nil {
		return nil, app.Usage(err)
	}
	credential, options, err := a.access(b.Cloud, a.tenant)
	if err != nil {
		return nil, err
	}
	clients, err := onazure.Connect(b, credential, options)
	return &azureScene{Blueprint: b, clients: clients}, err
}

// open connects and asks where the workspace is.
func (a *azureSetup) open(c *cobra.Command) (*azureScene, error) {
	s, err := a.connect()
	if err != nil {
		return nil, err
	}
	if err := s.clients.Locate(c.Context(), &s.Blueprint); err != nil {
		return nil, err
	}
	s.all = s.Resources(s.clients, false)
	return s, nil
}

// heading says where the set-up is.
func (a *azureSetup) heading(c *cobra.Command, s *azureScene) {
	if a.text() {
		fmt.Fprintf(c.OutOrStdout(), "%s: workspace %s, resource group %s of subscription %s\n\n", s.Setup, s.Workspace.Name, s.Group, s.Subscription)
	}
}

// azureOutcome is what programs are told.
type azureOutcome struct {
	Setup         string         `json:"setup"`
	Subscription  string         `json:"subscription"`
	ResourceGroup string         `json:"resource_group"`
	Location      string         `json:"location,omitempty"`
	Changes       []setup.Change `json:"changes"`
	Pending       int            `json:"pending"`
	// Destinations are as in a configuration.
	Destinations any `json:"destinations,omitempty"`
}

func (s *azureScene) outcome(changes []setup.Change) azureOutcome {
	return azureOutcome{Setup: s.Setup, Subscription: s.Subscription, ResourceGroup: s.Group, Location: s.Location,
		Changes: changes, Pending: setup.Pending(changes)}
}

func azurePlan(access azureAccess) *cobra.Command {
	c := &cobra.Command{
		Use:   "plan --workspace WORKSPACE",
		Short: "Show every change of rules, streams and columns, and make none",
		Long: `Show what apply would do: each rule, each stream, each column. With --emit write
it as Bicep, Terraform or ARM template instead: Azure is not asked then, and what
is not given becomes a parameter. The status is 1 when something is refused.`,
		Example: `  logferry setup azure plan --workspace /subscriptions/ID/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/la-sentinel
  logferry setup azure plan --tables AWSVPCFlow --emit terraform --dir iac`,
		Args: app.NoArgs,
	}
	a := azureSetup{access: access}
	save := c.Flags().String("save", "", "write the answers to this `FILE`, for --spec")
	form := c.Flags().String("emit", "", "write files of this `KIND` instead: "+strings.Join(onazure.Forms(), ", "))
	dir := c.Flags().String("dir", "", "`DIR` to write these files to")
	a.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if (*form == "") != (*dir == "") {
			return app.Usage(errors.New("--emit and --dir go together: what to write, and where"))
		}
		if *form != "" {
			if *save != "" {
				return app.Usage(errors.New("--save writes the answers of a plan that asks Azure, and --emit asks nothing; give one of them"))
			}
			return a.emit(c, *form, *dir)
		}
		s, err := a.open(c)
		if err != nil {
			return err
		}
		if *save != "" {
			if err := saveAzureSpec(*save, a.spec); err != nil {
				return err
			}
		}
		_, err = a.plan(c, s)
		return err
	}
	return c
}

// emit writes the set-up as files.
func (a *azureSetup) emit(c *cobra.Command, form, dir string) error {
	if err := oneOf("emit", form, onazure.Forms()...); err != nil {
		return app.Usage(err)
	}
	b, err := a.blueprint()
	if err != nil {
		return err
	}
	files, err := b.Emit(form)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.WriteFile(path, f.Text, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
		fmt.Fprintln(c.OutOrStdout(), path)
	}
	return nil
}

// plan shows what an apply would do, and returns how many changes that are. It
// fails when something is refused, after all is shown.
func (a *azureSetup) plan(c *cobra.Command, s *azureScene) (pending int, err error) {
	a.heading(c, s)
	changes, err := setup.Plan(c.Context(), s.all)
	if shown := a.tell(c.OutOrStdout(), changes...); shown != nil || err != nil {
		return 0, errors.Join(err, shown)
	}
	out := s.outcome(changes)
	if err := a.finish(c.OutOrStdout(), out); err != nil {
		return 0, err
	}
	if a.text() {
		fmt.Fprintf(c.OutOrStdout(), "\n%d to change, %d as wanted\n", out.Pending, len(changes)-out.Pending)
	}
	return out.Pending, setup.Refused(changes)
}

func azureApply(access azureAccess) *cobra.Command {
	c := &cobra.Command{
		Use:   "apply --workspace WORKSPACE",
		Short: "Make Azure ready, after showing how",
		Long: `Show what is to change, ask, and change it. When it fails in the middle, what was
done stays, and the next apply goes on from there. At the end it prints the
destination as a configuration has it; with --config it writes the destination
into Logferry.`,
		Example: `  logferry setup azure apply --spec azure.yaml --config logferry.yaml --destination sentinel
  logferry setup azure apply --subscription ID --resource-group rg-logs --workspace la-sentinel --principal ID --yes`,
		Args: app.NoArgs,
	}
	a := azureSetup{access: access}
	var h handover
	a.flagYes(c)
	h.flags(c, &a.site, "destination")
	name := c.Flags().String("destination", "sentinel", "`NAME` of the destination")
	a.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := h.ready(c, &a.site, func(connection.Set) error { return nil }); err != nil {
			return err
		}
		s, err := a.open(c)
		if err != nil {
			return err
		}
		destinations, err := a.apply(c, s, *name)
		if err != nil {
			return err
		}
		return h.write(c, &a.site, a.text(), connection.Set{Destinations: destinations})
	}
	return c
}

// apply makes the changes, after showing them, and returns the destinations that
// they make.
func (a *azureSetup) apply(c *cobra.Command, s *azureScene, name string) ([]connection.Destination, error) {
	if err := a.agreeTo(c, s); err != nil {
		return nil, err
	}
	a.heading(c, s)
	var done []setup.Change
	var telling error
	err := setup.Apply(c.Context(), s.all, func(change setup.Change) {
		done = append(done, change)
		telling = errors.Join(telling, a.tell(c.OutOrStdout(), change))
	})
	if err := errors.Join(err, telling); err != nil {
		return nil, err
	}
	destinations, err := s.Destinations(c.Context(), s.clients, name)
	if err != nil {
		return nil, err
	}
	return destinations, a.result(c, s.outcome(done), destinations)
}

// agreeTo shows what an apply will do and asks for it, unless nothing is to be
// done, or it was agreed to beforehand.
func (a *azureSetup) agreeTo(c *cobra.Command, s *azureScene) error {
	if a.yes || !a.text() {
		return a.agree(c, "")
	}
	pending, err := a.plan(c, s)
	if err != nil || pending == 0 {
		return err
	}
	fmt.Fprintln(c.OutOrStdout())
	return a.agree(c, "Make these changes?")
}

// result tells programs what Logferry needs to know, in the words of its
// configuration.
func (a *azureSetup) result(c *cobra.Command, out azureOutcome, destinations []connection.Destination) error {
	text, err := yaml.Marshal(destinations)
	if err == nil {
		err = yaml.Unmarshal(text, &out.Destinations)
	}
	if err != nil {
		return fmt.Errorf("write the destination: %w", err)
	}
	return a.finish(c.OutOrStdout(), out)
}

func azureVerify(access azureAccess) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify --workspace WORKSPACE",
		Short: "Look whether Azure is ready",
		Long: `Look whether each resource is as wanted. With --post, also post an empty list of
rows to each stream, which stores nothing: run that as who runs Logferry, since
nobody else may. The status is 3 when something is wrong.`,
		Example: "  logferry setup azure verify --spec azure.yaml --post",
		Args:    app.NoArgs,
	}
	a := azureSetup{access: access}
	post := c.Flags().Bool("post", false, "post an empty list of rows to each stream")
	a.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := a.open(c)
		if err != nil {
			return err
		}
		return a.verify(c, s, *post)
	}
	return c
}

func (a *azureSetup) verify(c *cobra.Command, s *azureScene, post bool) error {
	var r check.Report
	s.Verify(c.Context(), &r, s.clients)
	if post {
		if err := a.post(c, s, &r); err != nil {
			return err
		}
	}
	write := r.WriteText
	if !a.text() {
		write = r.WriteJSON
	}
	if err := write(c.OutOrStdout()); err != nil {
		return err
	}
	if failed := r.Codes(check.Failed); len(failed) > 0 {
		return incomplete("%d checks failed", len(failed))
	}
	return nil
}

// post tries the destination as the writer would.
func (a *azureSetup) post(c *cobra.Command, s *azureScene, r *check.Report) error {
	log, err := a.logger(c)
	if err != nil {
		return err
	}
	destinations, err := s.Destinations(c.Context(), s.clients, "sentinel")
	if err != nil {
		r.Look("azure.rule", "destination sentinel", "rules", func() check.Outcome {
			return check.Skip("nothing can be posted: %v", err)
		})
		return nil
	}
	p := probe.New(log, app.Version().Version)
	for _, d := range destinations {
		d.Credential.TenantID = a.tenant
		p.Destination(c.Context(), r, d, nil)
	}
	return nil
}

func azureDestroy(access azureAccess) *cobra.Command {
	c := &cobra.Command{
		Use:   "destroy --workspace WORKSPACE",
		Short: "Take away what apply made, and nothing else",
		Long: `Show what goes, ask, and take it away: rules and endpoint that carry the tag of the
set-up, and the roles on them. Tables stay, with the rows in them, unless
--delete-tables says otherwise of those that the set-up made.`,
		Example: "  logferry setup azure destroy --spec azure.yaml",
		Args:    app.NoArgs,
	}
	a := azureSetup{access: access}
	a.flagYes(c)
	tables := c.Flags().Bool("delete-tables", false, "delete tables that the set-up made, with the rows in them")
	a.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := a.connect() // the workspace need not be there any more
		if err != nil {
			return err
		}
		s.all = s.Resources(s.clients, *tables)
		return a.destroy(c, s)
	}
	return c
}

func (a *azureSetup) destroy(c *cobra.Command, s *azureScene) error {
	if a.text() && !a.yes {
		a.heading(c, s)
		if _, err := a.remove(c.Context(), c, s, true); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout())
	}
	if err := a.agree(c, "Take this away?"); err != nil {
		return err
	}
	a.heading(c, s)
	changes, err := a.remove(c.Context(), c, s, false)
	return errors.Join(err, a.finish(c.OutOrStdout(), s.outcome(changes)))
}

// remove takes the set-up away, or shows how, and returns what it did.
func (a *azureSetup) remove(ctx context.Context, c *cobra.Command, s *azureScene, dry bool) (changes []setup.Change, err error) {
	var telling error
	err = setup.Destroy(ctx, s.all, dry, func(change setup.Change) {
		changes = append(changes, change)
		telling = errors.Join(telling, a.tell(c.OutOrStdout(), change))
	})
	return changes, errors.Join(err, telling)
}
