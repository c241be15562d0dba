package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/table"
)

func formatsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "formats [NAME]",
		Short: "List the log formats, or the columns of one",
		Long: `List the log formats that Logferry reads. With a name, list the columns of that
format's rows: their type and the field of the record that fills them.`,
		Example: "  logferry formats\n  logferry formats cloudtrail",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return app.NoArgs(c, args[1:])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listFormats(c.OutOrStdout(), all.Formats())
			}
			f, err := formatNamed(args[0])
			if err != nil {
				return err
			}
			return listColumns(c.OutOrStdout(), f)
		},
	}
}

func formatNamed(name string) (*format.Format, error) {
	f, ok := all.Formats().Named(name)
	if !ok {
		var names []string
		for _, f := range all.Formats() {
			names = append(names, f.Name)
		}
		return nil, app.Usage(fmt.Errorf("there is no format %q; there are %s", name, strings.Join(names, ", ")))
	}
	return f, nil
}

func listFormats(w io.Writer, formats format.Set) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tLOG\tTABLE\tCOLUMNS")
	for _, f := range formats {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", f.Name, f.Title, f.Table, len(f.Columns))
	}
	return t.Flush()
}

func listColumns(w io.Writer, f *format.Format) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s: rows of %s\n\n", f.Title, f.Table)
	fmt.Fprintln(t, "COLUMN\tTYPE\tFROM")
	fields, _ := table.Get(f.Table)
	for _, c := range f.Columns {
		column, _ := fields.Column(c.Name)
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.Name, column.Type, c.From)
	}
	return t.Flush()
}
