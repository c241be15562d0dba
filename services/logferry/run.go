package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/sink/azure/awsidentity"
	"github.com/logferry/logferry/services/fetcher"
	"github.com/logferry/logferry/services/lookup"
	"github.com/logferry/logferry/services/parser"
	"github.com/logferry/logferry/services/poller"
	"github.com/logferry/logferry/services/writer"
)

// services returns all services, in the order in which data flows.
func services() []app.Service {
	return []app.Service{poller.Service(), lookup.Service(), fetcher.Service(), parser.Service(), writer.Service(writer.WithAssertion(awsidentity.Token))}
}

func runCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Run the services",
		Long: `Run all services in this process, or some of them, until a signal comes
(SIGINT, SIGTERM). Then they finish what is in flight, within the grace time; a
second signal ends the process at once.`,
		Example: `  logferry run --config logferry.yaml
  logferry run --config logferry.yaml --services poller,fetcher
  logferry run --config logferry.yaml --until-idle 5s   end when all is carried`,
		Args: app.NoArgs,
	}
	names := c.Flags().StringSlice("services", nil, "run only these `SERVICES`: poller, lookup, fetcher, parser, writer")
	app.AddRun(c, func() ([]app.Service, error) { return choose(services(), *names) })
	return c
}

// choose returns the services of these names in the order of all; no names
// choose all.
func choose(all []app.Service, names []string) ([]app.Service, error) {
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, s := range all {
		known = append(known, s.Name)
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, fmt.Errorf("there is no service %q; there are %s", n, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(all, func(s app.Service) bool { return !slices.Contains(names, s.Name) }), nil
}
