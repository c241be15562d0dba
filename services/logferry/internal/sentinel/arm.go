package sentinel

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/securityinsights/armsecurityinsights/v2"
)

// Workspace names a Log Analytics workspace with Sentinel.
type Workspace struct{ Subscription, ResourceGroup, Name string }

// List reads the data connectors of the workspace by Azure Resource Manager,
// which takes the role Microsoft Sentinel Reader.
func List(ctx context.Context, w Workspace, credential azcore.TokenCredential, options *arm.ClientOptions) (Found, error) {
	client, err := armsecurityinsights.NewDataConnectorsClient(w.Subscription, credential, options)
	if err != nil {
		return Found{}, fmt.Errorf("reach Azure Resource Manager: %w", err)
	}
	var all Found
	var answer *http.Response
	ctx = policy.WithCaptureResponse(ctx, &answer)
	for pages := client.NewListPager(w.ResourceGroup, w.Name, nil); pages.More(); {
		if _, err := pages.NextPage(ctx); err != nil {
			return Found{}, fmt.Errorf("list the data connectors of the workspace %s: %w", w.Name, err)
		}
		found, err := readPage(answer)
		if err != nil {
			return Found{}, fmt.Errorf("read the data connectors of the workspace %s: %w", w.Name, err)
		}
		all.Connectors = append(all.Connectors, found.Connectors...)
		all.Others += found.Others
	}
	return all, nil
}

// readPage reads a page as it came: the models of the SDK know no dcrConfig.
func readPage(answer *http.Response) (f Found, err error) {
	text, err := io.ReadAll(answer.Body) // which the SDK has read, and rewound
	if err != nil {
		return f, err
	}
	var page node
	if err := decode(text, &page); err != nil || page.Value == nil {
		return f, err
	}
	return f, f.each(*page.Value, scope{}, 0)
}

// WorkspaceID returns the workspace's id, a GUID.
func WorkspaceID(ctx context.Context, w Workspace, credential azcore.TokenCredential, options *arm.ClientOptions) (string, error) {
	client, err := armoperationalinsights.NewWorkspacesClient(w.Subscription, credential, options)
	if err != nil {
		return "", fmt.Errorf("reach Azure Resource Manager: %w", err)
	}
	answer, err := client.Get(ctx, w.ResourceGroup, w.Name, nil)
	if err != nil {
		return "", fmt.Errorf("read the workspace %s: %w", w.Name, err)
	}
	if answer.Properties == nil || answer.Properties.CustomerID == nil {
		return "", fmt.Errorf("read the workspace %s: it tells no id; give --workspace-id", w.Name)
	}
	return *answer.Properties.CustomerID, nil
}
