package guardduty_test

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format/formattest"
	"github.com/logferry/logferry/pkg/format/guardduty"
)

// Findings that are made to give larger rows than others fit the bus all the
// same.
func TestHostileParts(t *testing.T) {
	f := func(record string) {
		t.Helper()
		if formattest.Part(t, guardduty.Format(), "", record) == 0 {
			t.Errorf("%.100q: got no rows", record)
		}
	}
	bad := strings.Repeat("\xff", 30_000)
	f(`{"id":1}`)
	f(`{"id":"` + bad + `"}`)
	f(`{"id":"1","service":{"a":"` + bad + `"},"resource":["` + bad + `"]}`)
	f(`{"id":"1","service":["` + strings.Repeat(`\"`, 40_000) + `"]}`)
	f(`{"id":"1","service":["` + strings.Repeat(`\ud800`, 10_000) + `"]}`)
}
