package demo

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	dto "github.com/prometheus/client_model/go"

	"github.com/logferry/logferry/pkg/format/all"
)

// Metrics of the services that the report reads.
const (
	deadLetters = "logferry_stage_dead_letters_total"
	lag         = "logferry_lag_seconds"
)

func (d *demo) greet() {
	fmt.Fprintf(d.Out, "S3, SQS and STS at %s, Entra and the ingestion endpoint at %s\n", d.cloud.AWSEndpoint(), d.cloud.AzureEndpoint())
	if d.Admin != "" {
		fmt.Fprintf(d.Out, "metrics at http://%s/metrics\n", d.Admin)
	}
	if d.Stay {
		fmt.Fprintln(d.Out, "objects are put until you interrupt (Ctrl-C)")
		d.invite()
	}
}

// report prints what was carried and returns an error if it is not exactly
// what was put.
func (d *demo) report() error {
	r, err := read(d.metrics)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.Out)
	if err := d.tables(r); err != nil {
		return err
	}
	d.letters(r)
	if err := d.check(r); err != nil {
		return err
	}
	_, rows, _, _ := d.account.totals()
	if more := d.cloud.Ingestion.Total().Rows - rows; more > 0 {
		fmt.Fprintf(d.Out, "\nAll %s rows arrived, and %s more: what other commands had carried.\n", thousands(rows), thousands(more))
	} else {
		fmt.Fprintf(d.Out, "\nAll %s rows arrived exactly once.\n", thousands(rows))
	}
	d.next()
	return nil
}

// tables prints a line for each table.
func (d *demo) tables(r readings) error {
	t := tabwriter.NewWriter(d.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "table\tobjects\trecords\trows\trejected\tbytes\tp50 s\tp99 s\t")
	for _, f := range all.Formats() {
		records := r.sum("logferry_parser_records_total", "format", f.Name)
		rows := r.sum("logferry_rows_delivered_total", "table", f.Table)
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%.2f\t%.2f\t\n", f.Table,
			thousands(r.sum("logferry_fetcher_objects_total", "format", f.Name)),
			thousands(records), thousands(rows), records-rows,
			thousands(r.sum("logferry_fetcher_object_unpacked_bytes_total", "format", f.Name)),
			r.quantile(0.5, lag, "table", f.Table), r.quantile(0.99, lag, "table", f.Table))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the tables: %w", err)
	}
	fmt.Fprintln(d.Out, "seconds from the notification of an object to the acceptance of its rows")
	return nil
}

// letters prints how many dead letters there are for each reason.
func (d *demo) letters(r readings) {
	reasons := map[string]int64{}
	r.each(deadLetters, "", "", func(m *dto.Metric) {
		reasons[labelOf(m, "stage")+"  "+labelOf(m, "reason")] += int64(m.GetCounter().GetValue())
	})
	fmt.Fprintln(d.Out, "\ndead letters, from objects that were broken on purpose:")
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(d.Out, "%6d  %s\n", reasons[reason], reason)
	}
}

// check compares what arrived with what was put. While a demo stays, other
// commands may have had more carried.
func (d *demo) check(r readings) error {
	var problems []error
	for _, f := range all.Formats() {
		due, got := d.account.table(f.Table), d.cloud.Ingestion.Stats(f.Table)
		if got.Rows < due || got.Rows > due && !d.Stay || got.Duplicates > 0 {
			problems = append(problems, fmt.Errorf("%s: %d rows arrived, %d of them twice; want %d, each once", f.Table, got.Rows, got.Duplicates, due))
		}
	}
	_, _, due, _ := d.account.totals()
	if got := r.sum(deadLetters, "", ""); got < due || got > due && !d.Stay {
		problems = append(problems, fmt.Errorf("there are %d dead letters; want %d", got, due))
	}
	if len(problems) > 0 {
		problems = append(problems, fmt.Errorf("see %s", filepath.Join(d.Dir, "logferry.log")))
	}
	return errors.Join(problems...)
}

// program returns what to type to run this program again. What "go run" built
// is gone when it ends.
func program(arg0 string) string {
	if strings.Contains(arg0, "go-build") {
		return "go run ./services/logferry"
	}
	return arg0
}

// next says where to look.
func (d *demo) next() {
	rows := filepath.Join(d.Dir, "rows")
	fmt.Fprintf(d.Out, "\nThe rows, as they were posted:   head -n 2 %s\n", filepath.Join(rows, "AWSVPCFlow.jsonl"))
	fmt.Fprintf(d.Out, "What the services logged:        less %s\n", filepath.Join(d.Dir, "logferry.log"))
	fmt.Fprintf(d.Out, "Where each column comes from:    %s formats cloudtrail\n", program(os.Args[0]))
	if d.rows.full() {
		fmt.Fprintf(d.Out, "Only the first %d MB of rows were kept.\n", maxRowBytes>>20)
	}
}
