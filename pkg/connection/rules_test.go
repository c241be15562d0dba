package connection

import (
	"slices"
	"testing"
)

func TestRuleIDs(t *testing.T) {
	const one, two = "dcr-0123456789abcdef0123456789abcdef", "dcr-fedcba9876543210fedcba9876543210"
	const key, must = "destinations[0].tables.AWSCloudTrail.", ": must be the rule's immutable id: dcr- and 32 hexadecimal digits"
	f := func(r Rule, ids []string, want ...string) {
		t.Helper()
		if got := r.IDs(); !slices.Equal(got, ids) {
			t.Errorf("%+v: got ids %q; want %q", r, got, ids)
		}
		d := Destination{
			Name: "here", Endpoint: "https://dce-1.westeurope-1.ingest.monitor.azure.com",
			Tables: map[string]Rule{"AWSCloudTrail": r},
		}
		c := Connection{Name: "a", QueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/a", Destination: "here"}
		var problems []string
		Validate([]Destination{d}, []Connection{c}, []string{"AWSCloudTrail"}, func(key, text string) {
			problems = append(problems, key+": "+text)
		})
		if !slices.Equal(problems, want) {
			t.Errorf("%+v: got problems %q; want %q", r, problems, want)
		}
	}
	f(Rule{Rule: one}, []string{one})
	f(Rule{Rules: []string{one, two}}, []string{one, two})
	f(Rule{Rule: one, Rules: []string{two}}, []string{one, two})
	f(Rule{}, nil, key+"rule"+must)
	f(Rule{Rule: "dcr-1"}, []string{"dcr-1"}, key+"rule"+must)
	f(Rule{Rules: []string{one, "dcr-1", ""}}, []string{one, "dcr-1", ""}, key+"rules[1]"+must, key+"rules[2]"+must)
	f(Rule{Rule: one, Rules: []string{two, one}}, []string{one, two, one}, key+"rules[1]: is given twice; drop one")
	f(Rule{Rules: []string{two, two}}, []string{two, two}, key+"rules[1]: is given twice; drop one")
}
