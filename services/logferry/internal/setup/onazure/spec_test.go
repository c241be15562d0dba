package onazure

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/table"
	"github.com/logferry/logferry/services/logferry/internal/setup/onazure/azuretest"
)

// Each field that is wrong is named, with what to write instead.
func TestNewRefuses(t *testing.T) {
	f := func(s Spec, want ...string) {
		t.Helper()
		_, err := New(s)
		if err == nil {
			t.Fatalf("%+v: no error; want %q", s, want)
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(want) {
			t.Errorf("%+v: %q; want %d problems", s, lines, len(want))
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%+v: %v; want %q", s, err, text)
			}
		}
	}
	f(Spec{Name: "-a"}, "name: must be letters")
	f(Spec{Name: strings.Repeat("n", 31)}, "name: the rule "+strings.Repeat("n", 31)+" would have more than 30 characters")
	f(Spec{Cloud: "germany"}, "cloud: must be public, usgovernment or china")
	f(Spec{Subscription: "prod"}, "subscription: must be a subscription's id")
	f(Spec{ResourceGroup: "a/b"}, "resource_group: is no resource group's name")
	f(Spec{Location: "West Europe"}, "location: is no region")
	f(Spec{Principal: "me@example.com"}, "principal: must be the object id")
	f(Spec{EventTime: "EventTime"}, "event_time: must be the name of a custom column")
	f(Spec{Tags: map[string]string{Tag: "x"}}, "tags: logferry-setup is the set-up's own")
	// tables
	f(Spec{Tables: []string{"AWSCloudTrail", "AWSWAF"}}, `tables: "AWSWAF" is no table of a format; write AWSCloudTrail, AWSGuardDuty or AWSVPCFlow`)
	f(Spec{Tables: []string{"AWSVPCFlow", "AWSVPCFlow"}}, `tables: "AWSVPCFlow" is given twice`)
	// the workspace
	f(Spec{Workspace: "la"}, "workspace: is neither a name nor a resource id")
	f(Spec{Workspace: "la-logs"}, "workspace: a name needs subscription and resource_group")
	f(Spec{Workspace: "/subscriptions/x/la-logs"}, "workspace: is no resource id; write /subscriptions/")
	f(Spec{Workspace: strings.Replace(azuretest.WorkspaceID, "workspaces", "clusters", 1)}, "workspace: is no resource id")
	// rules and endpoint
	f(Spec{RulePer: "day"}, "rule_per: must be destination, table or connection")
	f(Spec{RulePer: PerConnection}, "connection: is missing")
	f(Spec{Connection: "org"}, "connection: is only for rule_per connection")
	f(Spec{Endpoint: "dce"}, "endpoint: is no resource id; write /subscriptions/")
	f(Spec{Access: "disabled"}, "access: is only for a new endpoint")
	f(Spec{Endpoint: NewEndpoint, Access: "some"}, "access: must be disabled, enabled or securedbyperimeter")
	// all at once
	f(Spec{Cloud: "x", Location: "!", Principal: "y"}, "cloud: ", "location: ", "principal: ")
}

func TestReady(t *testing.T) {
	b, err := New(Spec{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "workspace: is missing") {
		t.Errorf("got %v; want that the workspace is missing", err)
	}
}

func TestNames(t *testing.T) {
	b, err := New(Spec{Workspace: "la-logs", Subscription: azuretest.Subscription, ResourceGroup: "rg", Endpoint: NewEndpoint, Access: "enabled"})
	if err != nil {
		t.Fatal(err)
	}
	want := "/subscriptions/" + azuretest.Subscription + "/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/la-logs"
	if got := b.Workspace.String(); got != want {
		t.Errorf("workspace: got %s; want %s", got, want)
	}
	if b.Endpoint.Access != "Enabled" || b.Endpoint.Name != "logferry" {
		t.Errorf("endpoint: got %+v; want logferry, Enabled", b.Endpoint)
	}
	f := func(table, want string) {
		t.Helper()
		if got := shortName(table); got != want {
			t.Errorf("%s: got %s; want %s", table, got, want)
		}
	}
	f("AWSCloudTrail", "CloudTrail")
	f("LogferryHealth_CL", "Health")
	f("AWSCloudFront_AccessLog_CL", "CloudFront-AccessLog")
	// the names of rules of every table that AWS logs go to have room
	for _, table := range table.All() {
		if name := "logferry-" + shortName(table.Name); len(name) > maxRuleName {
			t.Errorf("%s has %d characters; want at most %d", name, len(name), maxRuleName)
		}
	}
}
