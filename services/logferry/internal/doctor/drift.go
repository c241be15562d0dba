package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/sink/azure"
	"github.com/logferry/logferry/pkg/table"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

// maxNamed is how many columns a finding names.
const maxNamed = 8

// drift compares the rules of a destination with what is posted to them. A rule
// takes rows whose columns it does not declare, and drops those columns without
// a word: only this comparison shows it.
// Source: https://learn.microsoft.com/azure/azure-monitor/data-collection/data-collection-rule-structure
func (e *examination) drift(ctx context.Context, d connection.Destination) {
	if d.IsFile() {
		return
	}
	subject := "destination " + d.Name
	var rules map[string]*armmonitor.DataCollectionRuleResource
	found := e.report.Look("azure.rules", subject, "read the rules", func() (o check.Outcome) {
		rules, o = e.rules(ctx, d)
		return o
	})
	if found != check.Passed {
		return
	}
	for _, name := range d.TablesOf(nil) {
		to := d.Tables[name]
		for _, id := range to.IDs() {
			e.report.Look("azure.drift", subject, "columns of "+name, func() check.Outcome {
				rule := rules[id]
				if rule == nil {
					return check.Skip("no rule of the subscription has the immutable id %s", id)
				}
				return compare(rule, azure.StreamName(name, to), posted(name, to))
			})
		}
	}
}

// rules reads the rules of the subscription as the destination's identity.
func (e *examination) rules(ctx context.Context, d connection.Destination) (map[string]*armmonitor.DataCollectionRuleResource, check.Outcome) {
	if e.Subscription == "" {
		return nil, check.Skip("to compare their columns with the rows, give --subscription, and the destination's identity the role Monitoring Reader on the rules")
	}
	trial, err := e.probe.Trial(d)
	if err != nil { // package probe says so
		return nil, check.Skip("%v", err)
	}
	defer trial.Close()
	credential, options := trial.Manager()
	if credential == nil {
		return nil, check.Skip("the credential's kind is none")
	}
	return rulesOf(ctx, e.Subscription, credential, options)
}

// rulesOf reads the rules of a subscription, by their immutable ids.
func rulesOf(ctx context.Context, subscription string, credential azcore.TokenCredential, options azcore.ClientOptions) (map[string]*armmonitor.DataCollectionRuleResource, check.Outcome) {
	client, err := armmonitor.NewDataCollectionRulesClient(subscription, credential, &arm.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, check.Skip("%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*callTime)
	defer cancel()
	rules := map[string]*armmonitor.DataCollectionRuleResource{}
	for pages := client.NewListBySubscriptionPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if refused, ok := errors.AsType[*azcore.ResponseError](err); ok {
			return nil, check.Skip("%d %s; running services do without; to compare columns, give the destination's identity the role Monitoring Reader in subscription %s", refused.StatusCode, refused.ErrorCode, subscription)
		}
		if err != nil {
			return nil, check.Skip("%v", err)
		}
		for _, rule := range page.Value {
			if rule.Properties != nil && rule.Properties.ImmutableID != nil {
				rules[*rule.Properties.ImmutableID] = rule
			}
		}
	}
	return rules, check.Pass("subscription %s has %d", subscription, len(rules))
}

// posted returns the columns of a table that rows are posted with.
func posted(name string, to connection.Rule) []table.Column {
	var columns []table.Column
	known, ok := table.Get(name)
	for _, f := range all.Formats() {
		if f.Table != name || !ok {
			continue
		}
		for _, filled := range f.Columns {
			if c, ok := known.Column(filled.Name); ok && !slices.ContainsFunc(columns, func(have table.Column) bool { return have.Name == c.Name }) {
				columns = append(columns, c)
			}
		}
	}
	if to.EventTime != "" {
		columns = append(columns, table.Column{Name: to.EventTime, Type: table.DateTime})
	}
	return columns
}

// compare holds a rule's stream against the columns of the rows.
func compare(rule *armmonitor.DataCollectionRuleResource, stream string, wanted []table.Column) check.Outcome {
	declaration := rule.Properties.StreamDeclarations[stream]
	if declaration == nil {
		return check.Fail("logferry setup azure apply, or name the right stream in the destination", "rule %s declares no stream %s", word(rule.Name), stream)
	}
	types := map[string]string{}
	for _, c := range declaration.Columns {
		types[word(c.Name)] = word(c.Type)
	}
	var missing, other []string
	for _, c := range wanted {
		switch is, declared := types[c.Name]; {
		case !declared:
			missing = append(missing, c.Name)
		case !sameType(is, c.Type):
			other = append(other, fmt.Sprintf("%s (%s, not %s)", c.Name, is, c.Type))
		}
	}
	const fix = "logferry setup azure apply brings rule and table up to date"
	switch {
	case !flows(rule, stream):
		return check.Fail(fix, "rule %s: no data flow takes the stream %s: its rows go nowhere", word(rule.Name), stream)
	case len(missing) > 0:
		return check.Doubt(fix, "rule %s does not declare %d columns, whose values are dropped: %s", word(rule.Name), len(missing), some(missing))
	case len(other) > 0:
		return check.Doubt(fix, "rule %s declares %d columns with another type, whose values may be dropped: %s", word(rule.Name), len(other), some(other))
	}
	return check.Pass("rule %s declares all of them", word(rule.Name))
}

// flows reports whether a rule has rows of the stream go on.
func flows(rule *armmonitor.DataCollectionRuleResource, stream string) bool {
	return slices.ContainsFunc(rule.Properties.DataFlows, func(f *armmonitor.DataFlow) bool {
		return slices.ContainsFunc(f.Streams, func(s *armmonitor.KnownDataFlowStreams) bool { return word(s) == stream })
	})
}

// sameType reports whether a rule's type is a table's. Rules spell one type
// otherwise.
func sameType(rule string, of table.Type) bool {
	return strings.EqualFold(rule, string(of)) || of == table.Bool && strings.EqualFold(rule, "boolean")
}

// some names the first of many.
func some(names []string) string {
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func word[T ~string](p *T) string {
	if p == nil {
		return ""
	}
	return string(*p)
}
