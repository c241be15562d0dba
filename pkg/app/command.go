package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses of the commands.
const (
	StatusOK      = 0
	StatusFailure = 1
	StatusUsage   = 2 // the command line is wrong
)

// StatusError is an error that ends a command with a status of its own.
type StatusError struct {
	Status int
	Err    error
}

func (e *StatusError) Error() string { return e.Err.Error() }
func (e *StatusError) Unwrap() error { return e.Err }

// Usage marks err as one of the command line.
func Usage(err error) error { return &StatusError{StatusUsage, err} }

// Main is the whole of a command that runs the given services. It returns the
// exit status: 0 when it was told to stop and did, 1 when something failed, 2
// when the command line is wrong.
func Main(services ...Service) int {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	name := "logferry-" + strings.Join(names, "-")
	root := &cobra.Command{
		Use:     name + " --config FILE",
		Short:   "Run Logferry's " + strings.Join(names, ", "),
		Example: "  " + name + " --config logferry.yaml",
		Version: Version().String(),
		Args:    NoArgs,
	}
	AddRun(root, func() ([]Service, error) { return services, nil })
	return Execute(root)
}

// AddRun makes c the command that runs the services that choose returns, and
// gives it the flags that this takes. An error of choose is one of the command
// line.
func AddRun(c *cobra.Command, choose func() ([]Service, error)) {
	config := c.Flags().StringP("config", "c", "", "configuration `FILE` (required)")
	level := c.Flags().String("log-level", "info", "`LEVEL` of the log: debug, info, warn or error")
	idle := c.Flags().Duration("until-idle", 0, "end once nothing has been in flight for this `TIME`; 0: never")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *config == "" {
			return Usage(errors.New("--config is missing; name the configuration file"))
		}
		if *idle < 0 {
			return Usage(errors.New("--until-idle must not be negative"))
		}
		log, err := Logger(c.ErrOrStderr(), *level)
		if err != nil {
			return Usage(err)
		}
		services, err := choose()
		if err != nil {
			return Usage(err)
		}
		cfg, err := Load(*config)
		if err != nil {
			return err
		}
		return Run(c.Context(), cfg, log, Options{UntilIdle: *idle}, services...)
	}
}

// NoArgs is for a command that takes no arguments.
func NoArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usage(fmt.Errorf("%q is not expected", args[0]))
	}
	return nil
}

// Execute runs the command line and returns the exit status. An error is
// printed on stderr, each of its lines after the command's name. The first
// SIGINT or SIGTERM ends the command's context; a second one ends the process
// at once.
func Execute(root *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // signals have their usual effect again
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage(err) })
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return StatusOK
	}
	status := StatusFailure
	if e, ok := errors.AsType[*StatusError](err); ok {
		status = e.Status
	}
	complain(root.ErrOrStderr(), root.Name(), err)
	if status == StatusUsage {
		fmt.Fprintf(root.ErrOrStderr(), "%s: see %s --help\n", root.Name(), c.CommandPath())
	}
	return status
}

func complain(w io.Writer, name string, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "%s: %s\n", name, strings.TrimSuffix(line, "\n"))
	}
}
