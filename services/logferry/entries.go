package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/connections"
)

// group is a command that only has others below it, which are added to it.
func group(use, short, long, example string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			var names []string
			for _, sub := range c.Commands() {
				names = append(names, sub.Name())
			}
			return app.Usage(fmt.Errorf("there is no command %s %s; there are %s", use, args[0], strings.Join(names, ", ")))
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
}

// onBus calls f with the connections and destinations of the configuration's
// bus.
func (s *site) onBus(c *cobra.Command, f func(context.Context, *app.Env) error) error {
	cfg, err := s.load()
	if err != nil {
		return err
	}
	return s.work(c, cfg, nil, f)
}

// put adds entries to those that the services follow.
func put(ctx context.Context, env *app.Env, add connection.Set, replace bool) ([]connections.Change, error) {
	if err := durable(env.Config, add); err != nil {
		return nil, err
	}
	return connections.Put(ctx, env.Registry, add, replace)
}

// durable checks that the bus keeps what the connections' queues no longer have,
// as a configuration file's are checked.
func durable(cfg app.Config, s connection.Set) error {
	var problems connections.Problems
	for _, c := range s.Connections {
		if c.Ack == connection.AckStored && cfg.Bus.URL == "" && cfg.Bus.Sync > 0 {
			problems = append(problems, connections.Problem{Kind: connections.Connection, Name: c.Name, Key: "ack",
				Text: "stored deletes a message when its objects are on the bus, which must keep them whatever happens: set bus.sync to 0s in the configuration file, or use a NATS server of your own that does (bus.url)"})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// told tells what was done to entries.
func told(w io.Writer, changes []connections.Change, err error) error {
	for _, change := range changes {
		fmt.Fprintln(w, change)
	}
	return err
}

// atMostOneName is for a command whose name may come from a file.
func atMostOneName(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return app.Usage(fmt.Errorf("%q is not expected: one name is enough", args[1]))
	}
	return nil
}

// someNames is for a command that takes names, one at least.
func someNames(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return app.Usage(errors.New("name one, or several; the command list shows them"))
	}
	return nil
}

// oneName is for a command that takes one name.
func oneName(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return app.Usage(errors.New("name one; the command list shows them"))
	}
	return nil
}

// oneSource checks that an entry comes from a file or from flags. others are
// the flags that go with both.
func oneSource(c *cobra.Command, file string, names []string, others ...string) (err error) {
	if file == "" {
		if len(names) == 0 {
			return errors.New("NAME is missing; give a short name, or a file with --file")
		}
		return nil
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && !slices.Contains(others, f.Name) {
			err = fmt.Errorf("--%s and --file do not go together; write it into the file", f.Name)
		}
	})
	return err
}

// entryFrom reads a connection or a destination from a file.
func entryFrom[T connection.Connection | connection.Destination](c *cobra.Command, path string) (entry T, err error) {
	text, err := input(c, path)
	if err != nil {
		return entry, err
	}
	return connections.ReadOne[T](path, text)
}

// input reads a file, or standard input for -.
func input(c *cobra.Command, path string) (text []byte, err error) {
	if path == "-" {
		text, err = io.ReadAll(c.InOrStdin())
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the input: %w", err)
	}
	return text, nil
}

// byFlags tells what is wrong with an entry by the flags that it came from,
// unless it came from a file.
func byFlags(err error, file string, kind connections.Kind, name string, flags map[string]string) error {
	if _, ok := errors.AsType[connections.Problems](err); !ok || file != "" {
		return err
	}
	return app.Usage(connections.ByFlags(err, kind, name, flags))
}

// inFile returns where the entries of the registry come from.
func inFile(env *app.Env) connections.InFile {
	return func(k connections.Kind, name string) bool { return env.Registry.InFile(string(k), name) }
}

// outputFlag adds the flag that chooses the form of an output, and returns what
// checks it.
func outputFlag(c *cobra.Command, json string) (output *string, valid func() error) {
	output = c.Flags().String("output", connections.Text, "`FORM` of the output: text or json, "+json)
	return output, func() error {
		if err := oneOf("output", *output, connections.Text, connections.JSONLines); err != nil {
			return app.Usage(err)
		}
		return nil
	}
}

// confirm asks whether to do something, unless the answer was given before.
func confirm(c *cobra.Command, yes bool, what string) error {
	if yes {
		return nil
	}
	if !asks(c) {
		return app.Usage(fmt.Errorf("nobody can be asked whether to %s; say so with --yes", what))
	}
	answer, err := newDialogue(c).ask(what+"? yes or no", "no", func(s string) error { return oneOf("answer", s, "yes", "no") })
	if err == nil && answer != "yes" {
		err = errors.New("nothing was changed")
	}
	return err
}

// tellWaiting tells what waits for the destination of an entry.
func tellWaiting(ctx context.Context, c *cobra.Command, env *app.Env, kind connections.Kind, name, destination string) error {
	waiting, err := connections.WaitingFor(ctx, env.Bus.Ledger(), destination)
	if err == nil {
		fmt.Fprintf(c.ErrOrStderr(), "%s %s: %s\n", kind, name, waiting)
	}
	return err
}
