package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/probe"
	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/emit"
	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
)

func setupAWSCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "aws",
		Short: "Make AWS ready: bucket, queue, notification, role, and what writes the logs",
		Long: `Make AWS ready for one connection: a bucket with the service's policy, a queue
with a dead-letter queue, the notification between them, a role that Logferry
assumes, and the trail, the flow logs or the GuardDuty detectors that write. What
is there already is used, and what others made of it stays as it is.

The credentials are those of whoever sets up, found as the AWS command line finds
them (AWS_PROFILE, AWS_ACCESS_KEY_ID, SSO, roles); --emit policies writes what
they must be allowed. On a terminal, what is needed and not given is asked for.`,
		Example: `  logferry setup aws plan --type cloudtrail --save trail.yaml
  logferry setup aws apply --spec trail.yaml
  logferry setup aws verify --spec trail.yaml
  logferry setup aws destroy --spec trail.yaml
  logferry setup aws plan --type vpcflow --vpc all --emit terraform --dir iac`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return app.Usage(fmt.Errorf("there is no command setup aws %s; there are plan, apply, verify, destroy", args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(setupAWSPlan(), setupAWSApply(), setupAWSVerify(), setupAWSDestroy())
	return c
}

// awsSetup is what a set-up of AWS is asked: the flags that its commands share.
type awsSetup struct {
	site
	changing
	spec    onaws.Spec
	file    string
	options onaws.Options
}

func (a *awsSetup) flags(c *cobra.Command) {
	a.changing.flags(c)
	c.Flags().StringVar(&a.file, "spec", "", "`FILE` that plan --save wrote; flags win over it")
	c.Flags().StringVar(&a.level, "log-level", "warn", "`LEVEL` of the log: debug, info, warn or error")
	c.Flags().BoolVar(&a.options.Adopt, "adopt", false, "change a role, trail or detector of others where that is needed")
	specFlags(c, &a.spec)
	c.Flags().SortFlags = false
}

// scene is a set-up that was worked out, and the AWS that it is for.
type scene struct {
	onaws.Blueprint
	spec    onaws.Spec
	clients onaws.Clients
	all     []setup.Resource
}

// open works the set-up out.
func (a *awsSetup) open(c *cobra.Command) (*scene, error) {
	err := a.check()
	if err == nil {
		a.spec, err = readSpec(a.file, a.spec)
	}
	if err != nil {
		return nil, app.Usage(err)
	}
	if lacksAnswers(a.spec) && asks(c) {
		if a.spec, err = askSpec(newDialogue(c), a.spec); err != nil {
			return nil, err
		}
	}
	if a.spec.Type == "" {
		return nil, app.Usage(errors.New("--type is missing; it is cloudtrail, vpcflow, guardduty or any"))
	}
	cfg, err := config.LoadDefaultConfig(c.Context(), config.WithRegion(a.spec.Region), config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, app.Usage(errors.New("the region is unknown; give --region, or set AWS_REGION"))
	}
	s := &scene{spec: a.spec, clients: onaws.Clients{Config: cfg}}
	where, err := s.clients.Survey(c.Context(), a.spec)
	if err != nil {
		return nil, err
	}
	if s.Blueprint, err = onaws.New(a.spec, where); err != nil {
		return nil, err
	}
	s.spec.Account, s.spec.Region, s.spec.ExternalID = s.Account, s.Region, s.ExternalID
	s.all = onaws.Resources(s.Blueprint, s.clients, a.options)
	return s, nil
}

// heading says where the set-up is.
func (a *awsSetup) heading(c *cobra.Command, s *scene) {
	if a.text() {
		fmt.Fprintf(c.OutOrStdout(), "%s: %s, account %s, %s\n\n", s.Setup, s.Type, s.Account, s.Region)
	}
}

// outcome is what programs are told.
type outcome struct {
	Setup   string         `json:"setup"`
	Account string         `json:"account"`
	Region  string         `json:"region"`
	Changes []setup.Change `json:"changes"`
	Pending int            `json:"pending"`
	Result  *result        `json:"result,omitempty"`
}

// result is what a connection needs to know.
type result struct {
	RoleARN    string `json:"role_arn"`
	ExternalID string `json:"external_id,omitempty"`
	QueueURL   string `json:"queue_url"`
	Table      string `json:"table,omitempty"`
}

func (s *scene) outcome(changes []setup.Change, pending int) outcome {
	return outcome{Setup: s.Setup, Account: s.Account, Region: s.Region, Changes: changes, Pending: pending}
}

func setupAWSPlan() *cobra.Command {
	c := &cobra.Command{
		Use:   "plan --type TYPE",
		Short: "Show every change of resources and policies, and make none",
		Long: `Show what apply would do: each resource, each statement of a policy, each value.
With --emit write it as CloudFormation, Terraform or policy files instead. The
status is 1 when something is refused.`,
		Example: `  logferry setup aws plan --type cloudtrail --existing-bucket --bucket org-logs --save trail.yaml
  logferry setup aws plan --type guardduty --guardduty-region eu-west-1,eu-central-1 --emit policies --dir policies`,
		Args: app.NoArgs,
	}
	var a awsSetup
	save := c.Flags().String("save", "", "write the answers to this `FILE`, for --spec")
	kind := c.Flags().String("emit", "", "write files of this `KIND` instead: "+strings.Join(emit.Kinds(), ", "))
	dir := c.Flags().String("dir", "", "`DIR` to write these files to")
	a.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if (*kind == "") != (*dir == "") {
			return app.Usage(errors.New("--emit and --dir go together: what to write, and where"))
		}
		if *kind != "" {
			if err := oneOf("emit", *kind, emit.Kinds()...); err != nil {
				return app.Usage(err)
			}
		}
		s, err := a.open(c)
		if err != nil {
			return err
		}
		if *save != "" {
			if err := saveSpec(*save, s.spec); err != nil {
				return err
			}
		}
		if *kind != "" {
			return s.emit(c, *kind, *dir)
		}
		_, err = a.plan(c, s)
		return err
	}
	return c
}

// emit writes the set-up as files.
func (s *scene) emit(c *cobra.Command, kind, dir string) error {
	files, err := emit.Files(kind, s.Blueprint, emit.Given)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.WriteFile(path, []byte(f.Text), 0o600); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
		fmt.Fprintln(c.OutOrStdout(), path)
	}
	return nil
}

// plan shows what an apply would do, and returns how many changes that are. It
// fails when something is refused, after all is shown.
func (a *awsSetup) plan(c *cobra.Command, s *scene) (pending int, err error) {
	a.heading(c, s)
	changes, err := setup.Plan(c.Context(), s.all)
	if shown := a.tell(c.OutOrStdout(), changes...); shown != nil || err != nil {
		return 0, errors.Join(err, shown)
	}
	pending = setup.Pending(changes)
	if err := a.finish(c.OutOrStdout(), s.outcome(changes, pending)); err != nil {
		return 0, err
	}
	if a.text() {
		fmt.Fprintf(c.OutOrStdout(), "\n%d to change, %d as wanted\n", pending, len(changes)-pending)
	}
	return pending, setup.Refused(changes)
}

func setupAWSApply() *cobra.Command {
	c := &cobra.Command{
		Use:   "apply --type TYPE",
		Short: "Make AWS ready, after showing how",
		Long: `Show what is to change, ask, and change it. When it fails in the middle, what was
done stays, and the next apply goes on from there. At the end it prints what a
connection needs; with --config it writes the connection into Logferry.`,
		Example: `  logferry setup aws apply --spec trail.yaml
  logferry setup aws apply --type vpcflow --vpc all --yes --config logferry.yaml --connection flows --destination sentinel`,
		Args: app.NoArgs,
	}
	var a awsSetup
	var w wiring
	a.flagYes(c)
	w.flags(c, &a.site)
	a.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := w.ready(c, &a.site); err != nil {
			return err
		}
		s, err := a.open(c)
		if err != nil {
			return err
		}
		return a.apply(c, s, w)
	}
	return c
}

func (a *awsSetup) apply(c *cobra.Command, s *scene, w wiring) error {
	if err := a.agreeTo(c, s); err != nil {
		return err
	}
	a.heading(c, s)
	var done []setup.Change
	var telling error
	err := setup.Apply(c.Context(), s.all, func(change setup.Change) {
		done = append(done, change)
		telling = errors.Join(telling, a.tell(c.OutOrStdout(), change))
	})
	out := s.outcome(done, setup.Pending(done))
	if err := errors.Join(err, telling); err != nil {
		return errors.Join(err, a.finish(c.OutOrStdout(), out)) // what was done stays, and is told
	}
	conn, err := s.clients.Connection(c.Context(), s.Blueprint)
	if err != nil {
		return err
	}
	out.Result = &result{RoleARN: conn.RoleARN, ExternalID: conn.ExternalID, QueueURL: conn.QueueURL, Table: s.Table}
	if err := a.finish(c.OutOrStdout(), out); err != nil {
		return err
	}
	if a.text() {
		out.Result.print(c)
	}
	return w.write(c, &a.site, a.text(), w.set(s, conn))
}

// agreeTo shows what an apply will do and asks for it, unless nothing is to be
// done, or it was agreed to beforehand.
func (a *awsSetup) agreeTo(c *cobra.Command, s *scene) error {
	if a.yes || !asks(c) || !a.text() {
		return a.agree(c, "")
	}
	pending, err := a.plan(c, s)
	if err != nil || pending == 0 {
		return err
	}
	fmt.Fprintln(c.OutOrStdout())
	return a.agree(c, "Make these changes?")
}

// print tells a person what a connection needs.
func (r *result) print(c *cobra.Command) {
	w := c.OutOrStdout()
	fmt.Fprintf(w, "\nRole ARN:          %s\n", r.RoleARN)
	if r.ExternalID != "" {
		fmt.Fprintf(w, "External ID:       %s\n", r.ExternalID)
	}
	fmt.Fprintf(w, "SQS URL:           %s\nDestination table: %s\n", r.QueueURL, cmp.Or(r.Table, "by the object"))
}

func setupAWSVerify() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify --type TYPE",
		Short: "Try what was made",
		Long: `Look whether each resource is as wanted, and try what Logferry will do: assume the
role, which must refuse a wrong external ID, read the queue without taking
anything from it, read an object. Run it as who runs Logferry to try the role.
With --canary put an object without records, and read it as the role; it is
announced like any other. The status is 3 when something is wrong.`,
		Example: "  logferry setup aws verify --spec trail.yaml --canary",
		Args:    app.NoArgs,
	}
	var a awsSetup
	canary := c.Flags().Bool("canary", false, "put an object and read it")
	a.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := a.open(c)
		if err != nil {
			return err
		}
		return a.verify(c, s, *canary)
	}
	return c
}

func (a *awsSetup) verify(c *cobra.Command, s *scene, canary bool) error {
	var r check.Report
	onaws.Verify(c.Context(), &r, s.Blueprint, s.clients, a.options)
	if canary {
		onaws.Canary(c.Context(), &r, s.Blueprint, s.clients)
	}
	if err := a.tryConnection(c, s, &r); err != nil {
		return err
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

// tryConnection tries what a running Logferry does in AWS. Tokens of a tenant
// are where Logferry runs, and not here.
func (a *awsSetup) tryConnection(c *cobra.Command, s *scene, r *check.Report) error {
	conn, err := s.clients.Connection(c.Context(), s.Blueprint)
	if err != nil || s.ExternalID == "" {
		r.Look("setup.aws.connection", "set-up "+s.Setup, "connection", func() check.Outcome {
			if err != nil {
				return check.Skip("there is no queue yet")
			}
			return check.Skip("tokens assume the role: try it with connection test where Logferry runs")
		})
		return nil
	}
	conn.Name = s.Setup
	log, err := a.logger(c)
	if err != nil {
		return err
	}
	probe.New(log, app.Version().Version).Source(c.Context(), r, conn)
	return nil
}

func setupAWSDestroy() *cobra.Command {
	c := &cobra.Command{
		Use:   "destroy --type TYPE",
		Short: "Take away what apply made, and nothing else",
		Long: `Show what goes, ask, and take it away: what carries the tag of the set-up, and what
it added to resources of others. A bucket that holds logs stays, with the key that
they are encrypted with, unless --delete-logs says otherwise.`,
		Example: "  logferry setup aws destroy --spec trail.yaml",
		Args:    app.NoArgs,
	}
	var a awsSetup
	a.flagYes(c)
	c.Flags().BoolVar(&a.options.DeleteLogs, "delete-logs", false, "delete the bucket with the logs in it")
	a.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := a.open(c)
		if err != nil {
			return err
		}
		return a.destroy(c, s)
	}
	return c
}

func (a *awsSetup) destroy(c *cobra.Command, s *scene) error {
	if a.text() && !a.yes && asks(c) {
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
	return errors.Join(err, a.finish(c.OutOrStdout(), s.outcome(changes, setup.Pending(changes))))
}

// remove takes the set-up away, or shows how, and returns what it did.
func (a *awsSetup) remove(ctx context.Context, c *cobra.Command, s *scene, dry bool) (changes []setup.Change, err error) {
	var telling error
	err = setup.Destroy(ctx, s.all, dry, func(change setup.Change) {
		changes = append(changes, change)
		telling = errors.Join(telling, a.tell(c.OutOrStdout(), change))
	})
	return changes, errors.Join(err, telling)
}
