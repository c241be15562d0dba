package sentinel

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"
	insightsfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/securityinsights/armsecurityinsights/v2"
	sentinelfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/securityinsights/armsecurityinsights/v2/fake"
)

var here = Workspace{Subscription: "d0cfe6b2-9ac0-4464-9919-dccaee2e48c0", ResourceGroup: "myRg", Name: "myWorkspace"}

func transport(t policy.Transporter) *arm.ClientOptions {
	return &arm.ClientOptions{ClientOptions: policy.ClientOptions{Transport: t, Retry: policy.RetryOptions{MaxRetries: -1}}}
}

// The SDK's own fake server gives two pages.
func TestListWithSDKFake(t *testing.T) {
	server := sentinelfake.DataConnectorsServer{
		NewListPager: func(group, workspace string, _ *armsecurityinsights.DataConnectorsClientListOptions) (p azfake.PagerResponder[armsecurityinsights.DataConnectorsClientListResponse]) {
			if group != here.ResourceGroup || workspace != here.Name {
				t.Errorf("got %s, %s", group, workspace)
			}
			page := func(connectors ...armsecurityinsights.DataConnectorClassification) {
				p.AddPage(http.StatusOK, armsecurityinsights.DataConnectorsClientListResponse{
					DataConnectorList: armsecurityinsights.DataConnectorList{Value: connectors},
				}, nil)
			}
			page(&armsecurityinsights.OfficeDataConnector{Kind: to.Ptr(armsecurityinsights.DataConnectorKindOffice365), Name: to.Ptr("x"), Type: to.Ptr("Microsoft.SecurityInsights/dataConnectors")},
				&armsecurityinsights.AwsS3DataConnector{
					Kind: to.Ptr(armsecurityinsights.DataConnectorKindAmazonWebServicesS3), Name: to.Ptr(id), Type: to.Ptr("Microsoft.SecurityInsights/dataConnectors"),
					Properties: &armsecurityinsights.AwsS3DataConnectorProperties{DestinationTable: to.Ptr("AWSVPCFlow"), RoleArn: to.Ptr(role), SqsUrls: []*string{to.Ptr(queue)}},
				})
			page(&armsecurityinsights.AwsCloudTrailDataConnector{
				Kind: to.Ptr(armsecurityinsights.DataConnectorKindAmazonWebServicesCloudTrail), Name: to.Ptr("old"), Type: to.Ptr("Microsoft.SecurityInsights/dataConnectors"),
				Properties: &armsecurityinsights.AwsCloudTrailDataConnectorProperties{AwsRoleArn: to.Ptr(role)},
			})
			return p
		},
	}
	got, err := List(t.Context(), here, &azfake.TokenCredential{}, transport(sentinelfake.NewDataConnectorsServerTransport(&server)))
	if err != nil {
		t.Fatal(err)
	}
	want := Found{[]Connector{
		{Name: id, Kind: kindS3, RoleARN: role, Queues: []string{queue}, Table: "AWSVPCFlow"},
		{Name: "old", Kind: kindCloudTrail, RoleARN: role, Table: "AWSCloudTrail"},
	}, 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

// What the models of the SDK do not know is read all the same.
func TestListOfNewerConnectors(t *testing.T) {
	answer := transporter(func(r *http.Request) string { return `{"value": [` + codeless + `]}` })
	got, err := List(t.Context(), here, &azfake.TokenCredential{}, transport(answer))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Connectors) != 1 || got.Connectors[0].Table != "AWSVPCFlow" {
		t.Errorf("got %+v; want the table of its stream", got)
	}
	// a workspace without any is no error
	got, err = List(t.Context(), here, &azfake.TokenCredential{}, transport(transporter(func(*http.Request) string { return `{"value": []}` })))
	if err != nil || len(got.Connectors) != 0 {
		t.Errorf("got %+v, %v; want none", got, err)
	}
}

func TestListErrorsWithSDKFake(t *testing.T) {
	server := sentinelfake.DataConnectorsServer{
		NewListPager: func(string, string, *armsecurityinsights.DataConnectorsClientListOptions) (p azfake.PagerResponder[armsecurityinsights.DataConnectorsClientListResponse]) {
			p.AddResponseError(http.StatusForbidden, "AuthorizationFailed")
			return p
		},
	}
	_, err := List(t.Context(), here, &azfake.TokenCredential{}, transport(sentinelfake.NewDataConnectorsServerTransport(&server)))
	if err == nil || !strings.Contains(err.Error(), "list the data connectors of the workspace myWorkspace") || !strings.Contains(err.Error(), "AuthorizationFailed") {
		t.Errorf("got %v; want the workspace and the service's code", err)
	}
}

func TestWorkspaceIDWithSDKFake(t *testing.T) {
	answer := armoperationalinsights.WorkspacesClientGetResponse{}
	server := insightsfake.WorkspacesServer{
		Get: func(context.Context, string, string, *armoperationalinsights.WorkspacesClientGetOptions) (r azfake.Responder[armoperationalinsights.WorkspacesClientGetResponse], _ azfake.ErrorResponder) {
			r.SetResponse(http.StatusOK, answer, nil)
			return r, azfake.ErrorResponder{}
		},
	}
	options := transport(insightsfake.NewWorkspacesServerTransport(&server))
	if _, err := WorkspaceID(t.Context(), here, &azfake.TokenCredential{}, options); err == nil || !strings.Contains(err.Error(), "give --workspace-id") {
		t.Errorf("got %v; want that there is no id", err)
	}
	answer.Properties = &armoperationalinsights.WorkspaceProperties{CustomerID: to.Ptr(workspaceID)}
	if got, err := WorkspaceID(t.Context(), here, &azfake.TokenCredential{}, options); err != nil || got != workspaceID {
		t.Errorf("got %q, %v; want %q", got, err, workspaceID)
	}
}

// transporter answers each request with a text.
type transporter func(*http.Request) string

func (f transporter) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(f(r)))}, nil
}
