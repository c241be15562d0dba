package azuretest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	authorization "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	monitor "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"
	operationalinsights "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/securityinsights/armsecurityinsights/v2"
	securityinsights "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/securityinsights/armsecurityinsights/v2/fake"
)

// servers are the SDK's fakes, by the types of the resource.
type servers map[string]policy.Transporter

func (s servers) do(r *http.Request) (*http.Response, error) {
	action := Action(r.Method, r.URL.Path)
	kind, _, _ := cutLast(action, "/")
	server, ok := s[kind]
	if !ok {
		return nil, fmt.Errorf("azuretest: no server for %s %s", r.Method, r.URL)
	}
	return server.Do(r)
}

func (c *Cloud) serve() servers {
	return servers{
		"Microsoft.OperationalInsights/workspaces": operationalinsights.NewWorkspacesServerTransport(&operationalinsights.WorkspacesServer{Get: c.getWorkspace}),
		"Microsoft.OperationalInsights/workspaces/tables": operationalinsights.NewTablesServerTransport(&operationalinsights.TablesServer{
			Get: c.getTable, BeginCreateOrUpdate: c.putTable, BeginUpdate: c.patchTable, BeginDelete: c.deleteTable}),
		"Microsoft.SecurityInsights/onboardingStates": securityinsights.NewSentinelOnboardingStatesServerTransport(
			&securityinsights.SentinelOnboardingStatesServer{Get: c.getOnboarding}),
		"Microsoft.Insights/dataCollectionRules": monitor.NewDataCollectionRulesServerTransport(&monitor.DataCollectionRulesServer{
			Get: c.getRule, Create: c.putRule, Delete: c.deleteRule}),
		"Microsoft.Insights/dataCollectionEndpoints": monitor.NewDataCollectionEndpointsServerTransport(&monitor.DataCollectionEndpointsServer{
			Get: c.getEndpoint, Create: c.putEndpoint, Delete: c.deleteEndpoint}),
		"Microsoft.Authorization/roleAssignments": authorization.NewRoleAssignmentsServerTransport(&authorization.RoleAssignmentsServer{
			Get: c.getGrant, Create: c.putGrant, Delete: c.deleteGrant, NewListForScopePager: c.listGrants}),
	}
}

// found answers with what is there, or that it is not.
func found[T any](ok bool, answer T) (r azfake.Responder[T], e azfake.ErrorResponder) {
	if ok {
		r.SetResponse(http.StatusOK, answer, nil)
	} else {
		e.SetResponseError(http.StatusNotFound, "ResourceNotFound")
	}
	return r, e
}

func (c *Cloud) getWorkspace(_ context.Context, group, name string, _ *armoperationalinsights.WorkspacesClientGetOptions) (azfake.Responder[armoperationalinsights.WorkspacesClientGetResponse], azfake.ErrorResponder) {
	return found(group == Group && name == Workspace, armoperationalinsights.WorkspacesClientGetResponse{
		Workspace: armoperationalinsights.Workspace{Location: to.Ptr(c.Location), ID: to.Ptr(WorkspaceID)}})
}

func (c *Cloud) getOnboarding(_ context.Context, _, _, state string, _ *armsecurityinsights.SentinelOnboardingStatesClientGetOptions) (azfake.Responder[armsecurityinsights.SentinelOnboardingStatesClientGetResponse], azfake.ErrorResponder) {
	return found(c.Sentinel && state == "default", armsecurityinsights.SentinelOnboardingStatesClientGetResponse{})
}

func (c *Cloud) getTable(_ context.Context, _, _, name string, _ *armoperationalinsights.TablesClientGetOptions) (azfake.Responder[armoperationalinsights.TablesClientGetResponse], azfake.ErrorResponder) {
	t, ok := c.Tables[name]
	if !ok {
		t = &armoperationalinsights.Table{}
	}
	return found(ok, armoperationalinsights.TablesClientGetResponse{Table: *t})
}

func (c *Cloud) putTable(_ context.Context, _, _, name string, body armoperationalinsights.Table, _ *armoperationalinsights.TablesClientBeginCreateOrUpdateOptions) (r azfake.PollerResponder[armoperationalinsights.TablesClientCreateOrUpdateResponse], e azfake.ErrorResponder) {
	c.Tables[name] = &body
	r.SetTerminalResponse(http.StatusOK, armoperationalinsights.TablesClientCreateOrUpdateResponse{Table: body}, nil)
	return r, e
}

func (c *Cloud) patchTable(_ context.Context, _, _, name string, body armoperationalinsights.Table, _ *armoperationalinsights.TablesClientBeginUpdateOptions) (r azfake.PollerResponder[armoperationalinsights.TablesClientUpdateResponse], e azfake.ErrorResponder) {
	c.Tables[name].Properties.Schema.Columns = body.Properties.Schema.Columns
	r.SetTerminalResponse(http.StatusOK, armoperationalinsights.TablesClientUpdateResponse{Table: *c.Tables[name]}, nil)
	return r, e
}

func (c *Cloud) deleteTable(_ context.Context, _, _, name string, _ *armoperationalinsights.TablesClientBeginDeleteOptions) (r azfake.PollerResponder[armoperationalinsights.TablesClientDeleteResponse], e azfake.ErrorResponder) {
	delete(c.Tables, name)
	r.SetTerminalResponse(http.StatusOK, armoperationalinsights.TablesClientDeleteResponse{}, nil)
	return r, e
}

func (c *Cloud) getRule(_ context.Context, _, name string, _ *armmonitor.DataCollectionRulesClientGetOptions) (azfake.Responder[armmonitor.DataCollectionRulesClientGetResponse], azfake.ErrorResponder) {
	r, ok := c.Rules[name]
	if !ok {
		r = &armmonitor.DataCollectionRuleResource{}
	}
	return found(ok, armmonitor.DataCollectionRulesClientGetResponse{DataCollectionRuleResource: *r})
}

// putRule keeps a rule as the service does: it has to fit the tables, and gets
// an id and, by its kind, an endpoint.
func (c *Cloud) putRule(_ context.Context, _, name string, body armmonitor.DataCollectionRuleResource, _ *armmonitor.DataCollectionRulesClientCreateOptions) (r azfake.Responder[armmonitor.DataCollectionRulesClientCreateResponse], e azfake.ErrorResponder) {
	for _, flow := range body.Properties.DataFlows {
		_, output, _ := strings.Cut(*flow.OutputStream, "-")
		if c.Tables[output] == nil {
			e.SetResponseError(http.StatusBadRequest, "InvalidOutputTable")
			return r, e
		}
		if !slices.ContainsFunc(flow.Streams, func(s *armmonitor.KnownDataFlowStreams) bool {
			return body.Properties.StreamDeclarations[string(*s)] != nil
		}) {
			e.SetResponseError(http.StatusBadRequest, "InvalidStream")
			return r, e
		}
	}
	body.Properties.ImmutableID = to.Ptr(ImmutableID(name))
	if *body.Kind == "Direct" {
		body.Properties.Endpoints = &armmonitor.DataCollectionRuleEndpoints{LogsIngestion: to.Ptr(IngestionURL(name))}
	}
	c.Rules[name] = &body
	r.SetResponse(http.StatusOK, armmonitor.DataCollectionRulesClientCreateResponse{DataCollectionRuleResource: body}, nil)
	return r, e
}

func (c *Cloud) deleteRule(_ context.Context, _, name string, _ *armmonitor.DataCollectionRulesClientDeleteOptions) (azfake.Responder[armmonitor.DataCollectionRulesClientDeleteResponse], azfake.ErrorResponder) {
	delete(c.Rules, name)
	return found(true, armmonitor.DataCollectionRulesClientDeleteResponse{})
}

func (c *Cloud) getEndpoint(_ context.Context, _, name string, _ *armmonitor.DataCollectionEndpointsClientGetOptions) (azfake.Responder[armmonitor.DataCollectionEndpointsClientGetResponse], azfake.ErrorResponder) {
	d, ok := c.Endpoints[name]
	if !ok {
		d = &armmonitor.DataCollectionEndpointResource{}
	}
	return found(ok, armmonitor.DataCollectionEndpointsClientGetResponse{DataCollectionEndpointResource: *d})
}

func (c *Cloud) putEndpoint(_ context.Context, _, name string, body armmonitor.DataCollectionEndpointResource, _ *armmonitor.DataCollectionEndpointsClientCreateOptions) (r azfake.Responder[armmonitor.DataCollectionEndpointsClientCreateResponse], e azfake.ErrorResponder) {
	body.Properties.LogsIngestion = &armmonitor.DataCollectionEndpointLogsIngestion{Endpoint: to.Ptr(IngestionURL(name))}
	c.Endpoints[name] = &body
	r.SetResponse(http.StatusOK, armmonitor.DataCollectionEndpointsClientCreateResponse{DataCollectionEndpointResource: body}, nil)
	return r, e
}

func (c *Cloud) deleteEndpoint(_ context.Context, _, name string, _ *armmonitor.DataCollectionEndpointsClientDeleteOptions) (azfake.Responder[armmonitor.DataCollectionEndpointsClientDeleteResponse], azfake.ErrorResponder) {
	delete(c.Endpoints, name)
	return found(true, armmonitor.DataCollectionEndpointsClientDeleteResponse{})
}

func grantKey(scope, name string) string { return strings.Trim(scope, "/") + " " + name }

func (c *Cloud) getGrant(_ context.Context, scope, name string, _ *armauthorization.RoleAssignmentsClientGetOptions) (azfake.Responder[armauthorization.RoleAssignmentsClientGetResponse], azfake.ErrorResponder) {
	g, ok := c.Grants[grantKey(scope, name)]
	if !ok {
		g = &armauthorization.RoleAssignment{}
	}
	return found(ok, armauthorization.RoleAssignmentsClientGetResponse{RoleAssignment: *g})
}

func (c *Cloud) putGrant(_ context.Context, scope, name string, body armauthorization.RoleAssignmentCreateParameters, _ *armauthorization.RoleAssignmentsClientCreateOptions) (r azfake.Responder[armauthorization.RoleAssignmentsClientCreateResponse], e azfake.ErrorResponder) {
	body.Properties.Scope = to.Ptr("/" + strings.Trim(scope, "/"))
	g := &armauthorization.RoleAssignment{Name: to.Ptr(name), Properties: body.Properties}
	c.Grants[grantKey(scope, name)] = g
	r.SetResponse(http.StatusCreated, armauthorization.RoleAssignmentsClientCreateResponse{RoleAssignment: *g}, nil)
	return r, e
}

func (c *Cloud) deleteGrant(_ context.Context, scope, name string, _ *armauthorization.RoleAssignmentsClientDeleteOptions) (azfake.Responder[armauthorization.RoleAssignmentsClientDeleteResponse], azfake.ErrorResponder) {
	delete(c.Grants, grantKey(scope, name))
	return found(true, armauthorization.RoleAssignmentsClientDeleteResponse{})
}

// listGrants lists the assignments at the scope and above.
func (c *Cloud) listGrants(scope string, _ *armauthorization.RoleAssignmentsClientListForScopeOptions) (r azfake.PagerResponder[armauthorization.RoleAssignmentsClientListForScopeResponse]) {
	var page armauthorization.RoleAssignmentsClientListForScopeResponse
	for _, g := range c.Grants {
		if strings.HasPrefix("/"+strings.Trim(scope, "/")+"/", *g.Properties.Scope+"/") {
			page.Value = append(page.Value, g)
		}
	}
	r.AddPage(http.StatusOK, page, nil)
	return r
}
