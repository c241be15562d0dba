package vpcflow

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/table"
)

func TestSniff(t *testing.T) {
	f := func(head string, want bool) {
		t.Helper()
		if got := Format().Sniff([]byte(head)); got != want {
			t.Errorf("sniff %q: got %v; want %v", head, got, want)
		}
	}

	// headers, in any spelling and selection
	f(defaultLayout+"\n2 ...", true)
	f(defaultLayout, true)
	f("\ufeff\r\n"+strings.ReplaceAll(defaultLayout, " ", "  ")+"\r\n", true)
	f("log_status account_id", true)
	f("srcaddr a-field-of-the-future dstaddr", true)
	f("version resource-type account-id tgw-id", true)

	// the default format without a header
	f("2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT OK\n", true)
	f("2 unknown eni-1 - - - - - - - 5 6 - NODATA", true)

	// other things
	f("", false)
	f("\n\n", false)
	f("srcaddr", false)
	f("version Account-ID srcaddr", false)
	f("the end of a region", false)
	f(`{"version": "1", "region": "eu-west-1"}`, false)
	f("3 eni-1 10.0.0.1 ACCEPT", false)
	f("2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT MAYBE", false)
	f(strings.Repeat("srcaddr ", 1000), false)
}

// Every field of the documentation is known by some means.
func TestColumnsOfFields(t *testing.T) {
	f := func(fields string, columns int) {
		t.Helper()
		known := fieldsByName(Format())
		n := 0
		for field := range strings.FieldsSeq(fields) {
			if !isKnown(field) {
				t.Errorf("field %s is not known", field)
			}
			n += len(known[field].cols)
		}
		if n != columns {
			t.Errorf("%s: fill %d columns; want %d", fields, n, columns)
		}
	}
	f(defaultLayout, 15) // start fills two
	f("vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr", 7)
	f("region az-id sublocation-type sublocation-id", 4)
	f("pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path", 4)
	f("ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id"+
		" ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id", 10)
	f("reject-reason resource-id encryption-status", 0)
}

// A line costs no memory of its own.
func TestNoAllocation(t *testing.T) {
	fm := Format()
	parse, err := fm.Parser(defaultLayout)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte("2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 1763596800 1763596860 ACCEPT OK")
	rows := table.NewRows(fm.Schema())
	got := testing.AllocsPerRun(1000, func() {
		if err := parse(line, rows); err != nil {
			t.Fatal(err)
		}
		rows.Rollback()
	})
	if got != 0 {
		t.Errorf("got %v allocations a line; want none", got)
	}
}
