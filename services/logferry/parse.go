package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/services/logferry/internal/parse"
)

func parseCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "parse FILE...",
		Short: "Print the rows that log files give",
		Long: `Read log files as they lie in a bucket (plain, gzip, zstd, Parquet) and print the
rows that would be posted to Log Analytics. The file - is standard input. The
format is told by the file's name, as AWS names its objects, and by its content.

A record that cannot be read is reported on standard error with its offset in
the decompressed file and the reason; so is a file. The status is then 3.`,
		Example: `  logferry parse 123456789012_vpcflowlogs_eu-west-1_fl-0abc_20261123T1400Z_1a2b3c4d.log.gz
  logferry parse --output table *.json.gz | less -S
  logferry parse --output parquet -o rows.parquet findings.jsonl.gz
  aws s3 cp s3://bucket/key - | logferry parse -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return app.Usage(errors.New("no file is named; - is standard input"))
			}
			return nil
		},
	}
	name := c.Flags().String("format", "", "`NAME` of the format, see logferry formats; told by name and content if empty")
	output := c.Flags().String("output", parse.JSONLines, "`FORM` of the rows: "+strings.Join(parse.Outputs(), ", "))
	path := c.Flags().StringP("out", "o", "", "`FILE` to write to instead of standard output")
	c.RunE = func(c *cobra.Command, files []string) error {
		var f *format.Format
		if *name != "" {
			var err error
			if f, err = formatNamed(*name); err != nil {
				return err
			}
		}
		if err := oneOf("output", *output, parse.Outputs()...); err != nil {
			return app.Usage(err)
		}
		if err := inputs(files, *path); err != nil {
			return err
		}
		return toFile(*path, c.OutOrStdout(), func(w io.Writer) error { return parseTo(c, w, *output, f, files) })
	}
	return c
}

func parseTo(c *cobra.Command, w io.Writer, output string, f *format.Format, files []string) error {
	out, err := parse.NewOutput(output, w)
	if err != nil {
		return app.Usage(err)
	}
	p := &parse.Parser{Formats: all.Formats(), Format: f, Out: out, Notes: c.ErrOrStderr()}
	if err := errors.Join(parseAll(c, p, files), out.Close()); err != nil {
		return err
	}
	if p.Records+p.Objects > 0 {
		return incomplete("rejected records: %d, files: %d", p.Records, p.Objects)
	}
	return nil
}

// inputs checks that the files are there and that the output is none of them,
// before the output is emptied.
func inputs(files []string, output string) error {
	out, outErr := os.Stat(output)
	for _, name := range files {
		if name == "-" {
			continue
		}
		in, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("open the log: %w", err)
		}
		if in.IsDir() {
			return app.Usage(fmt.Errorf("%s is a directory; name the files in it", name))
		}
		if outErr == nil && os.SameFile(in, out) {
			return app.Usage(fmt.Errorf("-o %s is also read; name another file", output))
		}
	}
	return nil
}

// toFile calls f with the file, or with w if path is empty.
func toFile(path string, w io.Writer, f func(io.Writer) error) (err error) {
	if path == "" {
		return f(w)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make the output: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return f(file)
}

func parseAll(c *cobra.Command, p *parse.Parser, files []string) error {
	for _, name := range files {
		if err := parseFile(c, p, name); err != nil {
			return err
		}
	}
	return nil
}

func parseFile(c *cobra.Command, p *parse.Parser, name string) error {
	if name == "-" {
		return p.Object(c.Context(), name, c.InOrStdin())
	}
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer file.Close()
	return p.Object(c.Context(), name, file)
}
