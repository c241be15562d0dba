package vpcflow_test

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format/formattest"
	"github.com/logferry/logferry/pkg/format/vpcflow"
)

// Lines that are made to give larger rows than others fit the bus all the
// same, or are refused alone.
func TestHostileParts(t *testing.T) {
	var every, texts []string
	for _, c := range vpcflow.Format().Columns {
		every = append(every, c.From)
		if strings.HasSuffix(c.Name, "Id") || strings.HasPrefix(c.Name, "Ecs") {
			texts = append(texts, c.From)
		}
	}
	f := func(layout, line string, fits bool) {
		t.Helper()
		if got := formattest.Part(t, vpcflow.Format(), layout, line) > 0; got != fits {
			t.Errorf("%.100q of %d bytes: got rows %t; want %t", line, len(line), got, fits)
		}
	}
	of := func(fields []string, value string) string {
		return strings.TrimSpace(strings.Repeat(value+" ", len(fields)))
	}
	f("start", "1", true)
	f("srcaddr", "\xff", true)
	f("srcaddr start", "a 1", true)
	f(strings.Join(every, " "), of(every, "1"), true)
	f(strings.Join(every, " "), of(every, "-"), true)
	f(strings.Join(texts, " "), of(texts, "\xff"), true)
	f(strings.Join(texts, " "), of(texts, strings.Repeat("\xff", 1000)), true)
	f(strings.Join(texts, " "), of(texts, strings.Repeat("\xff", 990_000/len(texts))), false)
}
