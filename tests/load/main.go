// Command load drives Logferry at full load on this machine, between stand-ins
// of both clouds that run in a process of their own, and reports what it did
// and what it cost. The README beside it tells how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/logferry/logferry/tests/load/internal/cloud"
	"github.com/logferry/logferry/tests/load/internal/report"
	"github.com/logferry/logferry/tests/load/internal/scenario"
	"github.com/logferry/logferry/tests/load/internal/system"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit status: 0 when every row arrived once, 1 when one did
// not or the run failed, 2 when the command line is wrong.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 0 {
		fmt.Fprintf(os.Stderr, "load run -scenario NAME; load run -h tells the flags. Scenarios:\n%s", scenario.List())
		return 2
	}
	var err error
	switch args[0] {
	case "run":
		err = load(ctx, args[1:])
	case "cloud": // the stand-ins' process, started by a run
		err = cloud.Serve(ctx, os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("there is no command %q: %w", args[0], errUsage)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "load:", err)
		return 2
	}
	fmt.Fprintln(os.Stderr, "load:", err)
	return 1
}

// errUsage is the error of a wrong command line.
var errUsage = errors.New("see load run -h")

// choices are the flags.
type choices struct {
	scenario.Settings
	replicas string
	out      string
	real     string
}

func flags(args []string) (c choices, err error) {
	f := flag.NewFlagSet("load run", flag.ContinueOnError)
	var layout, shape, format string
	f.StringVar(&c.Scenario, "scenario", "steady", "what is done:\n"+scenario.List())
	f.Float64Var(&c.Rate, "rate", 0, "events a second; 0: the scenario's own")
	f.DurationVar(&c.Duration, "duration", 0, "how long; 0: the scenario's own")
	f.StringVar(&layout, "layout", "", "one (process), separate (processes) or cluster (the same over three NATS servers)")
	f.StringVar(&c.replicas, "replicas", "", "processes of a stage, such as parser=2,writer=3")
	f.StringVar(&c.Stage, "stage", "", "the stage that scaleout makes the bottleneck: writer or fetcher")
	f.StringVar(&shape, "shape", "", "size of the objects: tiny, medium, large or mixed")
	f.StringVar(&format, "format", "", "what they hold: cloudtrail, vpcflow or guardduty")
	f.DurationVar(&c.StoreLatency, "store-latency", 0, "how long S3 takes to its first byte")
	f.DurationVar(&c.PostLatency, "post-latency", 0, "how long a call of the ingestion endpoint takes")
	f.StringVar(&c.out, "out", "", "folder of the report; empty: bin/load/SCENARIO")
	f.StringVar(&c.real, "real", "", "a Logferry configuration to run on instead of stand-ins; see the README first")
	if err := f.Parse(args); err != nil {
		return c, errors.Join(err, errUsage)
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("%q is not expected: %w", f.Args(), errUsage)
	}
	c.Layout, c.Shape, c.Format = system.Layout(layout), cloud.Shape(shape), cloud.Format(format)
	if c.out == "" && c.real != "" {
		c.out = filepath.Join("bin", "load", "real")
	}
	if c.out == "" {
		c.out = filepath.Join("bin", "load", c.Scenario)
	}
	c.Replicas, err = readReplicas(c.replicas)
	return c, err
}

// readReplicas reads parser=2,writer=3.
func readReplicas(text string) (map[string]int, error) {
	replicas := map[string]int{}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		stage, count, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, fmt.Errorf("-replicas %q is not of the form parser=2: %w", part, errUsage)
		}
		replicas[stage] = n
	}
	return replicas, nil
}

// load runs a scenario and writes its report.
func load(ctx context.Context, args []string) error {
	c, err := flags(args)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c.Cloud = []string{self, "cloud"}
	c.Progress = os.Stderr
	if c.Folder, err = filepath.Abs(filepath.Join(c.out, "run")); err != nil {
		return err
	}
	if c.Binaries, err = filepath.Abs(filepath.Join("bin", "load", "binaries")); err != nil {
		return err
	}
	if c.real != "" {
		r, err := scenario.Real(ctx, c.Settings, c.real)
		if err != nil {
			return err
		}
		return publish(r, c.out)
	}
	r, err := scenario.Run(ctx, c.Settings)
	if err != nil {
		return err
	}
	if err := publish(r, c.out); err != nil {
		return err
	}
	if !r.Exact() {
		return errInexact
	}
	return nil
}

// errInexact is the error of a run after which rows were lost or doubled.
var errInexact = errors.New("rows were lost or doubled")

// publish shows the report and writes its three forms.
func publish(r report.Report, out string) error {
	if err := r.WriteText(os.Stdout); err != nil {
		return err
	}
	paths, err := r.Write(out)
	if err != nil {
		return err
	}
	fmt.Println()
	for _, path := range paths {
		fmt.Println(path)
	}
	return nil
}
