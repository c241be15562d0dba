// Command logferry is all of Logferry in one program: the services side by
// side in one process, and everything a person does by hand. It exits with 0
// when all is well, 1 when something failed, 2 when the command line is wrong,
// and 3 when something had to be set aside, or is missing.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
)

func main() { os.Exit(app.Execute(command())) }

// command returns the root command.
func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "logferry",
		Short: "Carry AWS logs into Microsoft Sentinel",
		Long: `Logferry carries AWS logs into Microsoft Sentinel: it takes the objects that S3
announces over SQS, turns their records into rows of the Log Analytics tables,
and posts them through the Logs Ingestion API.`,
		Example: `  logferry demo                             see it all work on this machine
  logferry validate --config logferry.yaml  check a configuration
  logferry run --config logferry.yaml       carry logs
  logferry parse flows.log.gz               see the rows that a file gives`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddCommand(runCommand(), demoCommand(), parseCommand(), formatsCommand(), validateCommand(), deadCommand(), versionCommand(), backfillCommand(), auditCommand(), replayCommand(), setupCommand(), connectionCommand(), destinationCommand(), doctorCommand())
	return root
}

// knownCommand refuses what is no command's name.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("there is no command %q", args[0])
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
	}
	return app.Usage(err)
}
