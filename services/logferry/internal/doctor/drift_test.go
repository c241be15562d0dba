package doctor

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	monitor "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor/fake"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/table"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

const stream = "Custom-Logferry-" + trail

// ruleFor is a rule that declares those columns for the stream.
func ruleFor(columns []table.Column) *armmonitor.DataCollectionRuleResource {
	declaration := new(armmonitor.StreamDeclaration)
	for _, c := range columns {
		kind := armmonitor.KnownColumnDefinitionType(c.Type)
		if c.Type == table.Bool {
			kind = armmonitor.KnownColumnDefinitionTypeBoolean
		}
		declaration.Columns = append(declaration.Columns, &armmonitor.ColumnDefinition{Name: to.Ptr(c.Name), Type: &kind})
	}
	return &armmonitor.DataCollectionRuleResource{Name: to.Ptr("logferry-rule"), Properties: &armmonitor.DataCollectionRuleResourceProperties{
		ImmutableID:        to.Ptr("dcr-1"),
		StreamDeclarations: map[string]*armmonitor.StreamDeclaration{stream: declaration},
		DataFlows:          []*armmonitor.DataFlow{{Streams: []*armmonitor.KnownDataFlowStreams{to.Ptr(armmonitor.KnownDataFlowStreams(stream))}}},
	}}
}

// A rule that has fallen behind the rows is told by the columns.
func TestCompare(t *testing.T) {
	rows := posted(trail, connection.Rule{EventTime: "EventTime_CF"})
	if len(rows) < 20 || rows[len(rows)-1].Name != "EventTime_CF" {
		t.Fatalf("got %d columns of %s; want all of them, and the time", len(rows), trail)
	}
	f := func(change func(columns []table.Column, r *armmonitor.DataCollectionRuleResource), want check.Verdict, says string) {
		t.Helper()
		rule := ruleFor(rows)
		change(rows, rule)
		if o := compare(rule, stream, rows); o.Verdict != want || !strings.Contains(o.Evidence, says) || (o.Fix == "") != (want == check.Passed) {
			t.Errorf("got %+v; want %s with %q", o, want, says)
		}
	}
	f(func([]table.Column, *armmonitor.DataCollectionRuleResource) {}, check.Passed, "logferry-rule")
	f(func(_ []table.Column, r *armmonitor.DataCollectionRuleResource) {
		d := r.Properties.StreamDeclarations[stream]
		d.Columns = slices.Delete(d.Columns, 0, 1)
	}, check.Doubtful, "does not declare 1 columns, whose values are dropped: "+rows[0].Name)
	f(func(_ []table.Column, r *armmonitor.DataCollectionRuleResource) {
		r.Properties.StreamDeclarations[stream].Columns[1].Type = to.Ptr(armmonitor.KnownColumnDefinitionTypeReal)
	}, check.Doubtful, "another type")
	f(func(_ []table.Column, r *armmonitor.DataCollectionRuleResource) { r.Properties.DataFlows = nil }, check.Failed, "no data flow")
	f(func(_ []table.Column, r *armmonitor.DataCollectionRuleResource) {
		r.Properties.StreamDeclarations = nil
	}, check.Failed, "declares no stream "+stream)
}

// Rules are read from the SDK's own fake of Azure, which may refuse it.
func TestRulesOfFakeAzure(t *testing.T) {
	var refuse bool
	server := monitor.DataCollectionRulesServer{NewListBySubscriptionPager: func(*armmonitor.DataCollectionRulesClientListBySubscriptionOptions) (r azfake.PagerResponder[armmonitor.DataCollectionRulesClientListBySubscriptionResponse]) {
		if refuse {
			r.AddResponseError(http.StatusForbidden, "AuthorizationFailed")
			return r
		}
		for _, rules := range [][]*armmonitor.DataCollectionRuleResource{{{Name: to.Ptr("without properties")}}, {ruleFor(nil)}} {
			r.AddPage(http.StatusOK, armmonitor.DataCollectionRulesClientListBySubscriptionResponse{
				DataCollectionRuleResourceListResult: armmonitor.DataCollectionRuleResourceListResult{Value: rules}}, nil)
		}
		return r
	}}
	options := azcore.ClientOptions{Transport: monitor.NewDataCollectionRulesServerTransport(&server)}
	rules, o := rulesOf(t.Context(), "sub", new(azfake.TokenCredential), options)
	if o.Verdict != check.Passed || len(rules) != 1 || word(rules["dcr-1"].Name) != "logferry-rule" {
		t.Errorf("got %v, %+v; want the rule dcr-1", rules, o)
	}
	refuse = true
	if _, o = rulesOf(t.Context(), "sub", new(azfake.TokenCredential), options); o.Verdict != check.Skipped || !strings.Contains(o.Evidence, "403 AuthorizationFailed") || !strings.Contains(o.Evidence, "Monitoring Reader") {
		t.Errorf("got %+v; want that it is refused, and what to grant", o)
	}
}
