package connection

import (
	"strings"
	"testing"
)

func TestEventTime(t *testing.T) {
	const rule = "dcr-0123456789abcdef0123456789abcdef"
	f := func(column string, good bool) {
		t.Helper()
		d := Destination{
			Name: "here", Endpoint: "https://dce-1.westeurope-1.ingest.monitor.azure.com",
			Tables: map[string]Rule{"AWSCloudTrail": {Rule: rule, EventTime: column}},
		}
		c := Connection{Name: "a", QueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/a", Destination: "here"}
		var problems []string
		Validate([]Destination{d}, []Connection{c}, []string{"AWSCloudTrail"}, func(key, text string) {
			problems = append(problems, key+": "+text)
		})
		const key = "destinations[0].tables.AWSCloudTrail.event_time: must be the name of a custom column"
		if good && len(problems) > 0 || !good && (len(problems) != 1 || !strings.HasPrefix(problems[0], key)) {
			t.Errorf("%q: got problems %q; want that it is good: %t", column, problems, good)
		}
	}
	f("", true)
	f("EventTime_CF", true)
	f("event_time_2_CF", true)
	f("a_CF", true)
	f(strings.Repeat("x", 42)+"_CF", true)
	// the service's rules for custom columns of its own tables
	f(strings.Repeat("x", 43)+"_CF", false)
	f("_CF", false)
	f("TimeGenerated", false)
	f("EventTime_cf", false)
	f("Event-Time_CF", false)
	f("2Time_CF", false)
	f("_Time_CF", false)
	f("Zeit_für_CF", false)
	f("EventTime_CF\n", false)
}
