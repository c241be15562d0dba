package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/services/logferry/internal/setup"
)

func setupCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "setup",
		Short: "Make AWS or Azure ready, and show first what that changes",
		Long: `Make a cloud ready for Logferry. plan shows every change and makes none; apply
makes them, and changes nothing when it is called again; verify tries what was
made; destroy takes away what apply made, and nothing else.

There is no state file: what is there is read each time, and what a set-up made
carries the tag logferry-setup. An apply that was interrupted is finished by the
next one.`,
		Example: `  logferry setup aws plan --type cloudtrail
  logferry setup aws apply --type cloudtrail
  logferry setup azure plan --spec azure.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return app.Usage(fmt.Errorf("there is no command setup %s; there are aws and azure", args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(setupAWSCommand(), setupAzureCommand())
	return c
}

// changing is how commands that change a cloud show what they do, and ask
// before they do it.
type changing struct {
	output string
	yes    bool
}

func (f *changing) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.output, "output", "text", "`FORM` of the outcome: text or json")
}

func (f *changing) flagYes(c *cobra.Command) {
	c.Flags().BoolVar(&f.yes, "yes", false, "do it without asking")
}

func (f *changing) check() error { return oneOf("output", f.output, "text", "json") }

// text reports whether people read the outcome.
func (f *changing) text() bool { return f.output == "text" }

// tell shows one change to people.
func (f *changing) tell(w io.Writer, changes ...setup.Change) error {
	if !f.text() {
		return nil
	}
	for _, c := range changes {
		if err := c.WriteText(w); err != nil {
			return err
		}
	}
	return nil
}

// finish writes the outcome for programs.
func (f *changing) finish(w io.Writer, outcome any) error {
	if f.text() {
		return nil
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(outcome)
}

// agree asks whether to go on, unless that was said beforehand.
func (f *changing) agree(c *cobra.Command, question string) error {
	switch {
	case f.yes:
		return nil
	case !asks(c) || !f.text():
		return app.Usage(errors.New("this changes the cloud: see how with plan, then add --yes"))
	}
	answer, err := newDialogue(c).ask(question+" yes or no", "no", func(s string) error { return oneOf("answer", s, "yes", "no") })
	if err == nil && answer != "yes" {
		err = errors.New("nothing was changed")
	}
	return err
}

// asks reports whether somebody sits at the command's input.
func asks(c *cobra.Command) bool {
	f, ok := c.InOrStdin().(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// dialogue asks a person.
type dialogue struct {
	in  *bufio.Reader
	out io.Writer
}

func newDialogue(c *cobra.Command) *dialogue {
	return &dialogue{bufio.NewReader(c.InOrStdin()), c.ErrOrStderr()}
}

// ask asks until the answer is one that check takes. An empty answer stands
// for the usual one.
func (d *dialogue) ask(question, usual string, check func(string) error) (string, error) {
	if usual != "" {
		question += " [" + usual + "]"
	}
	for {
		fmt.Fprintf(d.out, "%s: ", question)
		line, err := d.in.ReadString('\n')
		if err != nil && line == "" {
			return "", fmt.Errorf("read the answer: %w", err)
		}
		answer := strings.TrimSpace(line)
		if answer == "" {
			answer = usual
		}
		if err := check(answer); err != nil {
			fmt.Fprintf(d.out, "%v\n", err)
			continue
		}
		return answer, nil
	}
}
