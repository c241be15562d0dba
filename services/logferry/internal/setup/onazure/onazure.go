// Package onazure makes Azure ready for a destination: the data collection
// rules that take rows, the right to post to them, and what they need around
// them.
//
//	Spec ──New──▶ Blueprint ──Resources──▶ []setup.Resource ──▶ Azure
//	                   ├──Emit──▶ Bicep, Terraform, ARM template
//	                   └──Destination──▶ what Logferry is told
//
// A rule is of the kind Direct: it has an endpoint of its own, and rows come
// already in the shape of the table, so its streams are declared from the
// columns of the formats and its transformation is "source".
package onazure

// Tag is on the rules and endpoints that a set-up makes, with the name of the
// set-up as its value. Only what has it is ever changed or removed. Tables have
// no tags; those that a set-up makes say it in their description.
const Tag = "logferry-setup"

// MetricsPublisher is the id of the built-in role Monitoring Metrics Publisher,
// which lets its holder post to a rule and nothing else.
// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/monitor
const MetricsPublisher = "3913510d-42f4-4e42-8a64-420c390055eb"
