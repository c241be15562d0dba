package onazure

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/onazure/azuretest"
)

// everything asks for all that a set-up can make.
func everything() Spec {
	return Spec{
		Workspace: azuretest.WorkspaceID, Principal: azuretest.Principal, RulePer: PerTable, Endpoint: NewEndpoint,
		EventTime: "EventTime_CF", Health: true, Tags: map[string]string{"owner": "soc"},
	}
}

// ready works the spec out and connects it to the cloud.
func ready(t *testing.T, s Spec, cloud *azuretest.Cloud) (Blueprint, *Clients) {
	t.Helper()
	b, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Connect(b, cloud.Credential(), cloud.Options())
	if err != nil {
		t.Fatal(err)
	}
	c.pause = 0
	if err := c.Locate(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b, c
}

// apply returns the actions of an apply, and its error.
func apply(ctx context.Context, b Blueprint, c *Clients) (actions []setup.Action, err error) {
	err = setup.Apply(ctx, b.Resources(c, false), func(c setup.Change) { actions = append(actions, c.Action) })
	return actions, err
}

func verify(t *testing.T, b Blueprint, c *Clients) *check.Report {
	t.Helper()
	r := new(check.Report)
	b.Verify(t.Context(), r, c)
	return r
}

func count(actions []setup.Action) map[setup.Action]int {
	n := map[setup.Action]int{}
	for _, a := range actions {
		n[a]++
	}
	return n
}

// The whole way on the SDK's fakes: plan, apply, verify, apply again, destroy.
func TestLifeOnARMFakes(t *testing.T) {
	cloud := azuretest.New()
	b, c := ready(t, everything(), cloud)

	planned, err := setup.Plan(t.Context(), b.Resources(c, false))
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range cloud.Calls() {
		if call.Method != http.MethodGet {
			t.Errorf("plan: it made the call %s %s; want that it changes nothing", call.Method, call.Path)
		}
	}
	// 3 columns, the health table, the endpoint, 4 rules, 4 roles
	if n := setup.Pending(planned); n != 13 {
		t.Errorf("plan: %d changes; want 13: %+v", n, planned)
	}
	if got := verify(t, b, c).Worst(); got != check.Failed {
		t.Errorf("verify before apply: %s; want failed", got)
	}

	did, err := apply(t.Context(), b, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := count(did); got[setup.Create] != 10 || got[setup.Update] != 3 {
		t.Errorf("apply: %v; want 10 created and 3 updated", got)
	}
	if report := verify(t, b, c); report.Worst() != check.Passed {
		t.Errorf("verify after apply: %+v; want all passed", report)
	}

	cloud.Calls()
	did, err = apply(t.Context(), b, c)
	if err != nil || count(did)[setup.Keep] != len(did) {
		t.Errorf("second apply: %v, %v; want that all is kept", did, err)
	}
	for _, call := range cloud.Calls() {
		if call.Method != http.MethodGet {
			t.Errorf("second apply: it made the call %s %s; want that it changes nothing", call.Method, call.Path)
		}
	}

	destroyAll(t, b, c, cloud)
}

func destroyAll(t *testing.T, b Blueprint, c *Clients, cloud *azuretest.Cloud) {
	t.Helper()
	tell := func(setup.Change) {}
	if err := setup.Destroy(t.Context(), b.Resources(c, false), true, tell); err != nil || len(cloud.Rules) != 4 {
		t.Errorf("dry destroy: %v, %d rules are left; want no error and 4", err, len(cloud.Rules))
	}
	if err := setup.Destroy(t.Context(), b.Resources(c, false), false, tell); err != nil {
		t.Fatal(err)
	}
	if n := len(cloud.Rules) + len(cloud.Endpoints) + len(cloud.Grants); n != 0 {
		t.Errorf("destroy: %d rules, endpoints and roles are left; want none", n)
	}
	if cloud.Tables[HealthTable] == nil {
		t.Error("destroy: the health table is gone; want that it stays without --delete-tables")
	}
	if err := setup.Destroy(t.Context(), b.Resources(c, true), false, tell); err != nil || cloud.Tables[HealthTable] != nil {
		t.Errorf("destroy with --delete-tables: %v; want that the health table is gone", err)
	}
	if cloud.Tables["AWSCloudTrail"] == nil {
		t.Error("destroy: a table of the service is gone")
	}
}

// An apply that fails in the middle is finished by the next one.
func TestApplyGoesOn(t *testing.T) {
	cloud := azuretest.New()
	b, c := ready(t, everything(), cloud)
	cloud.Refusals["Microsoft.Insights/dataCollectionRules/write"] = &azuretest.Refusal{Status: 500, Code: "InternalServerError", Message: "sorry", Times: 1}
	did, err := apply(t.Context(), b, c)
	if err == nil || !strings.Contains(err.Error(), "make data collection rule logferry-CloudTrail: InternalServerError: sorry; what was made before it stays") {
		t.Fatalf("apply: %v; want the rule that failed, and that the rest stays", err)
	}
	again, err := apply(t.Context(), b, c)
	if err != nil || len(again) != len(did)+8 {
		t.Fatalf("second apply: %v, %v; want that it goes on", again, err)
	}
	if got := count(again[:len(did)])[setup.Keep]; got != len(did) {
		t.Errorf("second apply: %v; want that what was made is kept", again)
	}
}

// What is not as a set-up can have it is refused, and nothing is done.
func TestRefused(t *testing.T) {
	f := func(what string, prepare func(*azuretest.Cloud), want ...string) {
		t.Helper()
		cloud := azuretest.New()
		b, c := ready(t, everything(), cloud)
		prepare(cloud)
		before := len(cloud.Rules) + len(cloud.Grants)
		_, err := apply(t.Context(), b, c)
		if err == nil {
			t.Fatalf("%s: apply went well; want an error", what)
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v; want %q", what, err, text)
			}
		}
		if after := len(cloud.Rules) + len(cloud.Grants); after != before {
			t.Errorf("%s: %d rules and roles; want %d, as before", what, after, before)
		}
	}
	f("other region", func(c *azuretest.Cloud) { c.Location = "northeurope" }, "it is in northeurope, and rules must be in its region, not westeurope")
	f("no Sentinel", func(c *azuretest.Cloud) { c.Sentinel = false }, "workspace la-sentinel: Microsoft Sentinel is not enabled on it")
	f("no table", func(c *azuretest.Cloud) { delete(c.Tables, "AWSVPCFlow") }, "table AWSVPCFlow: it is not in the workspace")
	f("type of a column", func(c *azuretest.Cloud) {
		c.Tables["AWSVPCFlow"].Properties.Schema.StandardColumns[1].Type = to.Ptr(armoperationalinsights.ColumnTypeEnumGUID)
	}, "table AWSVPCFlow: columns have another type than rows give them")
	f("type of the custom column", func(c *azuretest.Cloud) {
		c.Tables["AWSVPCFlow"].Properties.Schema.Columns = []*armoperationalinsights.Column{{Name: to.Ptr("EventTime_CF"), Type: to.Ptr(armoperationalinsights.ColumnTypeEnumString)}}
	}, "table AWSVPCFlow: columns have another type")
	f("health table of others", func(c *azuretest.Cloud) {
		c.Tables[HealthTable] = &armoperationalinsights.Table{Properties: &armoperationalinsights.TableProperties{Schema: &armoperationalinsights.Schema{}}}
	}, "table LogferryHealth_CL: it is there already, lacks columns, and no set-up made it")
	f("classic health table", func(c *azuretest.Cloud) {
		c.Tables[HealthTable] = &armoperationalinsights.Table{Properties: &armoperationalinsights.TableProperties{
			Schema: &armoperationalinsights.Schema{TableSubType: to.Ptr(armoperationalinsights.TableSubTypeEnumClassic)}}}
	}, "migrate it")
	f("rule of others", func(c *azuretest.Cloud) { c.Rules["logferry-VPCFlow"] = someRule(nil) },
		"data collection rule logferry-VPCFlow: it is there already and no set-up made it", "logferry-setup=logferry")
	f("rule of another set-up", func(c *azuretest.Cloud) {
		c.Rules["logferry-VPCFlow"] = someRule(map[string]*string{Tag: to.Ptr("prod")})
	},
		"it belongs to the set-up prod; choose another --name")
	f("rule of another kind", func(c *azuretest.Cloud) {
		r := someRule(map[string]*string{Tag: to.Ptr("logferry")})
		r.Kind = to.Ptr(armmonitor.KnownDataCollectionRuleResourceKindLinux)
		c.Rules["logferry-VPCFlow"] = r
	}, `it is of the kind "Linux"`, "the kind of a rule cannot be changed", "remove it")
	f("rule in another region", func(c *azuretest.Cloud) {
		r := someRule(map[string]*string{Tag: to.Ptr("logferry")})
		r.Location = to.Ptr("northeurope")
		c.Rules["logferry-VPCFlow"] = r
	}, "it is in northeurope, and must be in the workspace's region, westeurope")
	f("endpoint of others", func(c *azuretest.Cloud) {
		c.Endpoints["logferry"] = &armmonitor.DataCollectionEndpointResource{Location: to.Ptr("westeurope")}
	}, "data collection endpoint logferry: it is there already and no set-up made it")
}

func someRule(tags map[string]*string) *armmonitor.DataCollectionRuleResource {
	return &armmonitor.DataCollectionRuleResource{Location: to.Ptr("westeurope"), Kind: to.Ptr(direct), Tags: tags,
		Properties: &armmonitor.DataCollectionRuleResourceProperties{}}
}

// What differs of a rule is told line by line, and mended without touching what
// others gave it.
func TestRuleDiff(t *testing.T) {
	cloud := azuretest.New()
	b, c := ready(t, Spec{Workspace: azuretest.WorkspaceID, Tables: []string{"AWSGuardDuty"}}, cloud)
	if _, err := apply(t.Context(), b, c); err != nil {
		t.Fatal(err)
	}
	r := cloud.Rules["logferry"]
	columns := r.Properties.StreamDeclarations["Custom-Logferry-AWSGuardDuty"].Columns
	columns[0].Type = to.Ptr(armmonitor.KnownColumnDefinitionTypeString)
	columns[1].Name = to.Ptr("Gone")
	slices.Reverse(columns) // the order means nothing
	r.Properties.Destinations.LogAnalytics[0].Name = to.Ptr("other")
	r.Properties.DataFlows[0].Destinations = to.SliceOfPtrs("other") // nor does that name
	r.Properties.Destinations.LogAnalytics = append(r.Properties.Destinations.LogAnalytics,
		&armmonitor.LogAnalyticsDestination{Name: to.Ptr("more"), WorkspaceResourceID: to.Ptr("/subscriptions/x")})
	r.Properties.DataFlows[0].Destinations = to.SliceOfPtrs("other", "more")
	r.Properties.DataFlows[0].TransformKql = to.Ptr("source | where false")
	r.Properties.StreamDeclarations["Custom-X"] = &armmonitor.StreamDeclaration{Columns: columns}
	r.Tags["theirs"] = to.Ptr("stays")
	r.Identity = &armmonitor.DataCollectionRuleResourceIdentity{Type: to.Ptr(armmonitor.ManagedServiceIdentityTypeSystemAssigned)}

	planned, err := setup.Plan(t.Context(), b.Resources(c, false))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"- column Gone of Custom-Logferry-AWSGuardDuty: string",
		"+ column SchemaVersion of Custom-Logferry-AWSGuardDuty: string",
		"~ column TimeGenerated of Custom-Logferry-AWSGuardDuty: string → datetime",
		"~ flow of Custom-Logferry-AWSGuardDuty to Microsoft-AWSGuardDuty: source | where false, in /subscriptions/x → source",
		"- stream Custom-X: 14 columns",
	}
	last := planned[len(planned)-1]
	if last.Action != setup.Update || !slices.Equal(last.Lines, want) {
		t.Errorf("plan: got %s\n%s\nwant\n%s", last.Action, strings.Join(last.Lines, "\n"), strings.Join(want, "\n"))
	}
	if _, err := apply(t.Context(), b, c); err != nil {
		t.Fatal(err)
	}
	r = cloud.Rules["logferry"]
	if value(r.Tags["theirs"]) != "stays" || r.Identity == nil {
		t.Error("apply: tag or identity that others gave is gone")
	}
	if did, err := apply(t.Context(), b, c); err != nil || count(did)[setup.Keep] != len(did) {
		t.Errorf("second apply: %v, %v; want that all is kept", did, err)
	}
}

// Custom columns that others gave a table stay when one is added.
func TestEventTimeKeepsColumns(t *testing.T) {
	cloud := azuretest.New()
	schema := cloud.Tables["AWSVPCFlow"].Properties.Schema
	schema.Columns = []*armoperationalinsights.Column{{Name: to.Ptr("Site_CF"), Type: to.Ptr(armoperationalinsights.ColumnTypeEnumString)}}
	b, c := ready(t, Spec{Workspace: azuretest.WorkspaceID, Tables: []string{"AWSVPCFlow"}, EventTime: "EventTime_CF"}, cloud)
	if _, err := apply(t.Context(), b, c); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, col := range cloud.Tables["AWSVPCFlow"].Properties.Schema.Columns {
		got = append(got, *col.Name+" "+string(*col.Type))
	}
	if want := []string{"Site_CF string", "EventTime_CF dateTime"}; !slices.Equal(got, want) {
		t.Errorf("custom columns: got %q; want %q", got, want)
	}
}

// A column that the service has dropped is told, and no reason to stop.
func TestDriftOfTable(t *testing.T) {
	cloud := azuretest.New()
	schema := cloud.Tables["AWSVPCFlow"].Properties.Schema
	schema.StandardColumns = slices.DeleteFunc(schema.StandardColumns, func(c *armoperationalinsights.Column) bool { return *c.Name == "Packets" })
	b, c := ready(t, Spec{Workspace: azuretest.WorkspaceID}, cloud)
	if _, err := apply(t.Context(), b, c); err != nil {
		t.Fatal(err)
	}
	report := verify(t, b, c)
	i := slices.IndexFunc(report.Findings, func(f check.Finding) bool { return f.Verdict == check.Doubtful })
	if i < 0 || report.Findings[i].Title != "table AWSVPCFlow" || report.Findings[i].Code != "setup.azure.table" || !strings.Contains(report.Findings[i].Evidence, "~ column Packets: rows have it") {
		t.Errorf("verify: %+v; want a warning of AWSVPCFlow's column Packets", report.Findings)
	}
}

// The role counts wherever the principal has it, without a condition.
func TestGrantAbove(t *testing.T) {
	cloud := azuretest.New()
	b, c := ready(t, Spec{Workspace: azuretest.WorkspaceID, Principal: azuretest.Principal}, cloud)
	above := &armauthorization.RoleAssignmentProperties{
		PrincipalID: to.Ptr(azuretest.Principal), RoleDefinitionID: to.Ptr(b.roleID()), Scope: to.Ptr(b.id("", "").parent()),
		Condition: to.Ptr("@Resource[x] StringEquals 'y'"),
	}
	cloud.Grants["above"] = &armauthorization.RoleAssignment{Properties: above}
	did, err := apply(t.Context(), b, c)
	if err != nil || did[len(did)-1] != setup.Create || len(cloud.Grants) != 2 {
		t.Errorf("with a condition: %v, %v; want that the role is given", did, err)
	}
	above.Condition = nil
	maps.DeleteFunc(cloud.Grants, func(name string, _ *armauthorization.RoleAssignment) bool { return name != "above" })
	did, err = apply(t.Context(), b, c)
	if err != nil || did[len(did)-1] != setup.Keep || len(cloud.Grants) != 1 {
		t.Errorf("without: %v, %v; want that it is kept", did, err)
	}
}

// What Azure knows only after a moment is tried again, not for ever.
func TestConsistency(t *testing.T) {
	cloud := azuretest.New()
	b, c := ready(t, everything(), cloud)
	const roles = "Microsoft.Authorization/roleAssignments/write"
	cloud.Refusals[roles] = &azuretest.Refusal{Status: 400, Code: "PrincipalNotFound", Message: "Principal does not exist in the directory", Times: 3}
	cloud.Refusals["Microsoft.Insights/dataCollectionRules/write"] = &azuretest.Refusal{Status: 400, Code: "BadRequest", Details: "InvalidOutputTable", Times: 1}
	if _, err := apply(t.Context(), b, c); err == nil || !strings.Contains(err.Error(), "Microsoft Sentinel is not enabled") {
		t.Errorf("apply: %v; want that a table of the service is not waited for", err)
	}
	if _, err := apply(t.Context(), b, c); err != nil {
		t.Errorf("apply: %v; want that the principal is tried again", err)
	}
	clear(cloud.Grants)
	cloud.Calls()
	cloud.Refusals[roles] = &azuretest.Refusal{Status: 400, Code: "PrincipalNotFound", Message: "Principal does not exist in the directory"}
	if _, err := apply(t.Context(), b, c); err == nil || !strings.Contains(err.Error(), "give the object id of the service principal") {
		t.Errorf("apply: %v; want what to do", err)
	}
	n := len(slices.DeleteFunc(cloud.Calls(), func(c azuretest.Call) bool { return c.Action != roles }))
	if n != tries {
		t.Errorf("the role was asked for %d times; want %d", n, tries)
	}
}

// Of each permission that is missing, the action and the role to ask for are
// named.
func TestForbidden(t *testing.T) {
	f := func(action, role string) {
		t.Helper()
		cloud := azuretest.New()
		b, c := ready(t, everything(), cloud)
		cloud.Refusals[action] = &azuretest.Refusal{Status: 403, Code: "AuthorizationFailed", Message: fmt.Sprintf(
			"The client 'x' with object id 'y' does not have authorization to perform action '%s' over scope '/subscriptions/s' or the scope is invalid.", action)}
		_, err := apply(t.Context(), b, c)
		want := "ask for the role " + role + " on /subscriptions/s, which allows " + action
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", action, err, want)
		}
	}
	f("Microsoft.OperationalInsights/workspaces/read", "Log Analytics Reader")
	f("Microsoft.OperationalInsights/workspaces/tables/read", "Log Analytics Reader")
	f("Microsoft.OperationalInsights/workspaces/tables/write", "Log Analytics Contributor")
	f("Microsoft.Insights/dataCollectionEndpoints/read", "Monitoring Contributor")
	f("Microsoft.Insights/dataCollectionEndpoints/write", "Monitoring Contributor")
	f("Microsoft.Insights/dataCollectionRules/read", "Monitoring Contributor")
	f("Microsoft.Insights/dataCollectionRules/write", "Monitoring Contributor")
	f("Microsoft.Authorization/roleAssignments/read", "Role Based Access Control Administrator")
	f("Microsoft.Authorization/roleAssignments/write", "Role Based Access Control Administrator")
}

// Whether Sentinel is enabled need not be allowed to ask.
func TestOnboardingForbidden(t *testing.T) {
	cloud := azuretest.New()
	b, c := ready(t, everything(), cloud)
	cloud.Refusals["Microsoft.SecurityInsights/onboardingStates/read"] = &azuretest.Refusal{Status: 403, Code: "AuthorizationFailed", Message: "no"}
	if _, err := apply(t.Context(), b, c); err != nil {
		t.Errorf("apply: %v; want that the tables tell", err)
	}
}

// Other refusals say what to do too.
func TestFixes(t *testing.T) {
	f := func(status int, code, want string) {
		t.Helper()
		cloud := azuretest.New()
		b, c := ready(t, everything(), cloud)
		cloud.Refusals["Microsoft.Insights/dataCollectionRules/write"] = &azuretest.Refusal{Status: status, Code: code, Message: "words of Azure"}
		_, err := apply(t.Context(), b, c)
		if err == nil || !strings.Contains(err.Error(), code+": words of Azure\nwhat to do: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", code, err, want)
		}
	}
	f(409, "MissingSubscriptionRegistration", "az provider register --namespace Microsoft.Insights")
	f(404, "ResourceGroupNotFound", "az group create")
	f(404, "SubscriptionNotFound", "--tenant names another")
	f(401, "InvalidAuthenticationTokenTenant", "--tenant")
	f(403, "RequestDisallowedByPolicy", "Azure Policy")
	f(409, "ScopeLocked", "az lock list")
}

func TestNoWorkspace(t *testing.T) {
	cloud := azuretest.New()
	b, err := New(Spec{Workspace: strings.Replace(azuretest.WorkspaceID, "la-sentinel", "la-other", 1)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Connect(b, cloud.Credential(), cloud.Options())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Locate(t.Context(), &b); err == nil || !strings.Contains(err.Error(), "there is no workspace") {
		t.Errorf("locate: %v; want that there is no workspace", err)
	}
}

// What Logferry is told has one destination for each endpoint.
func TestDestinations(t *testing.T) {
	f := func(s Spec, want string) {
		t.Helper()
		cloud := azuretest.New()
		s.Workspace = azuretest.WorkspaceID
		b, c := ready(t, s, cloud)
		if _, err := apply(t.Context(), b, c); err != nil {
			t.Fatal(err)
		}
		list, err := b.Destinations(t.Context(), c, "sentinel")
		if err != nil {
			t.Fatal(err)
		}
		if s.Cloud == "usgovernment" { // where the fakes are not
			list[0].Endpoint = strings.Replace(list[0].Endpoint, "azure.com", "azure.us", 1)
		}
		connection.Validate(list, nil, Tables(), func(key, text string) {
			if key != "connections" { // of which there is none
				t.Errorf("%+v: the destinations are refused: %s %s", s, key, text)
			}
		})
		var got strings.Builder
		for _, d := range list {
			fmt.Fprintf(&got, "%s %s %s:", d.Name, d.Cloud, strings.TrimSuffix(d.Endpoint, "-a1b2.westeurope-1.ingest.monitor.azure.com"))
			for _, name := range slices.Sorted(maps.Keys(d.Tables)) {
				for rule := range cloud.Rules {
					if azuretest.ImmutableID(rule) == d.Tables[name].Rule {
						fmt.Fprintf(&got, " %s→%s%s", name, rule, d.Tables[name].EventTime)
					}
				}
			}
			got.WriteString("\n")
		}
		if strings.TrimSpace(got.String()) != strings.TrimSpace(want) {
			t.Errorf("got\n%swant\n%s", got.String(), want)
		}
	}
	f(Spec{Health: true}, "sentinel  https://logferry: AWSCloudTrail→logferry AWSGuardDuty→logferry AWSVPCFlow→logferry")
	f(Spec{RulePer: PerConnection, Connection: "org", Tables: []string{"AWSVPCFlow"}, EventTime: "T_CF", Cloud: "usgovernment"},
		"sentinel usgovernment https://logferry-org-a1b2.westeurope-1.ingest.monitor.azure.us: AWSVPCFlow→logferry-orgT_CF")
	// rules that have an endpoint in common are one destination
	f(Spec{RulePer: PerTable, Endpoint: NewEndpoint, Health: true, Tables: []string{"AWSVPCFlow", "AWSGuardDuty"}},
		"sentinel  https://logferry: AWSGuardDuty→logferry-GuardDuty AWSVPCFlow→logferry-VPCFlow")
	// those that have not are several
	f(Spec{RulePer: PerTable, Tables: []string{"AWSVPCFlow", "AWSGuardDuty"}},
		"logferry-VPCFlow  https://logferry-vpcflow: AWSVPCFlow→logferry-VPCFlow\nlogferry-GuardDuty  https://logferry-guardduty: AWSGuardDuty→logferry-GuardDuty")
	f(Spec{RulePer: PerTable, Tables: []string{"AWSVPCFlow"}, Health: true}, "sentinel  https://logferry-vpcflow: AWSVPCFlow→logferry-VPCFlow")
}

// The name of an assignment is what the templates' guid() gives.
func TestTemplateGUID(t *testing.T) {
	// uuid.uuid5(uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830"), "a-b-c") of Python
	if got, want := templateGUID("a", "b", "c"), "a98fa280-e03f-5afa-8d8e-92d0a9c201e8"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// Shows: the rules that are put for the three tables are the documented
// structure, whole.
func TestRulesOnARMFakesAreAsDocumented(t *testing.T) {
	for _, name := range []string{"AWSCloudTrail", "AWSVPCFlow", "AWSGuardDuty"} {
		cloud := azuretest.New()
		b, c := ready(t, Spec{Workspace: azuretest.WorkspaceID, Tables: []string{name}}, cloud)
		if _, err := apply(t.Context(), b, c); err != nil {
			t.Fatal(err)
		}
		sent := slices.DeleteFunc(cloud.Calls(), func(c azuretest.Call) bool { return c.Method != http.MethodPut })
		if len(sent) != 1 {
			t.Fatalf("%s: %d puts; want one", name, len(sent))
		}
		var got any
		if err := json.Unmarshal(sent[0].Body, &got); err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/rule-"+name+".json", append(text, '\n'))
	}
}
