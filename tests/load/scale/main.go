// Command scale works out what so much log a day needs: events, objects, cores,
// rules, calls, streams, memory; and where the first wall is. Its unit costs are
// measured, its limits cited. It writes the tables of SCALE.md too.
package main

import (
	"flag"
	"fmt"
	"os"
)

//go:generate go run . -write ../SCALE.md

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	tb := flags.Float64("tb", 10, "terabytes of log a day, decompressed")
	name := flags.String("format", "cloudtrail", "cloudtrail or vpcflow")
	events := flags.Float64("object-events", 0, "events in an object; 0: the format's usual")
	peak := flags.Float64("peak", usualPeak, "the busiest minute's rate as a multiple of the day's mean")
	hours := flags.Float64("ledger", usualLedger, "hours of bus.ledger")
	document := flags.String("write", "", "rewrite the tables of this document instead")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *document != "" {
		return write(*document)
	}
	f, ok := formatNamed(*name)
	if !ok {
		return fmt.Errorf("format %q is none of cloudtrail, vpcflow", *name)
	}
	if *events == 0 {
		*events = f.usual
	}
	if *tb <= 0 || *events < 1 || *peak < 1 || *hours <= 0 {
		return fmt.Errorf("-tb %v, -object-events %v, -peak %v, -ledger %v: too small", *tb, *events, *peak, *hours)
	}
	n := load{format: f, bytes: *tb * terabyte, objectEvents: *events, peak: *peak, ledgerHours: *hours}.need()
	fmt.Print(needs([]need{n}), "\n", walls(n))
	return nil
}
