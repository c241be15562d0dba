package cloudtrail_test

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/cloudtrail"
	"github.com/logferry/logferry/pkg/format/formattest"
)

// Events that are made to give larger rows than others fit the bus all the
// same, or are refused alone.
func TestHostileParts(t *testing.T) {
	f := func(record string, fits bool) {
		t.Helper()
		if got := formattest.Part(t, cloudtrail.Format(), "", record) > 0; got != fits {
			t.Errorf("%.100q of %d bytes: got rows %t; want %t", record, len(record), got, fits)
		}
	}
	bad := func(n int) string { return strings.Repeat("\xff", n) }
	rule := func(value string) string {
		return `{"eventName":"SecurityGroup","requestParameters":{"cidrIp":"` + value + `","ipProtocol":"` + value +
			`","fromPort":"` + value + `","toPort":"` + value + `"}}`
	}
	// As small as they get.
	f(`{"eventID":1}`, true)
	f(`{"eventID":"","userIdentity":{"arn":""},"readOnly":true}`, true)
	// Bytes that are no UTF-8, in one value and in many.
	f(`{"eventID":"`+bad(100)+`"}`, true)
	f(`{"eventID":"`+strings.Repeat("\xffa", 20_000)+`"}`, true)
	f(`{"eventID":"1","requestParameters":{"`+bad(300_000)+`":1}}`, true)
	// Many escapes, and long values.
	f(`{"eventID":"`+strings.Repeat(`\u0001\ud800`, 10_000)+`"}`, true)
	f(`{"eventID":"1","requestParameters":"`+strings.Repeat(`\"`, 400_000)+`"}`, true)
	// Values that fill two columns.
	for _, n := range []int{1, 16, 40, 48, 49, 500, 10_000} {
		f(rule(strings.Repeat("1", n)), true)
		f(rule(bad(n)), true)
	}
	// One that fills every column, with all that a record may hold.
	var names []string
	for _, c := range cloudtrail.Format().Columns {
		if !strings.ContainsAny(c.From, ". ") {
			names = append(names, c.From)
		}
	}
	all := func(value string) string {
		value = strings.Repeat(value, format.MaxRecordBytes/len(names)-30)
		return `{"` + strings.Join(names, `":"`+value+`","`) + `":"` + value + `"}`
	}
	f(all("a"), true)
	f(all("\xff"), false)
}
