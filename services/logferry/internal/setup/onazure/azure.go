package onazure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/securityinsights/armsecurityinsights/v2"
)

// Clients make the calls of a set-up to Azure Resource Manager. They are safe
// for concurrent use.
type Clients struct {
	workspaces  *armoperationalinsights.WorkspacesClient
	tables      *armoperationalinsights.TablesClient
	onboarding  *armsecurityinsights.SentinelOnboardingStatesClient
	rules       *armmonitor.DataCollectionRulesClient
	endpoints   *armmonitor.DataCollectionEndpointsClient
	assignments *armauthorization.RoleAssignmentsClient

	// pause is how long it is waited for Azure to know everywhere what it was
	// told, before a call is made again.
	pause time.Duration
}

// Connect readies the calls for a blueprint. It makes none. options hold the
// cloud; nothing else is needed.
func Connect(b Blueprint, credential azcore.TokenCredential, options arm.ClientOptions) (*Clients, error) {
	// What a plan may not do: register a provider when it is missing.
	options.DisableRPRegistration = true
	at := b.Workspace.Subscription
	workspaces, err1 := armoperationalinsights.NewWorkspacesClient(at, credential, &options)
	tables, err2 := armoperationalinsights.NewTablesClient(at, credential, &options)
	onboarding, err3 := armsecurityinsights.NewSentinelOnboardingStatesClient(at, credential, &options)
	rules, err4 := armmonitor.NewDataCollectionRulesClient(b.Subscription, credential, &options)
	assignments, err5 := armauthorization.NewRoleAssignmentsClient(b.Subscription, credential, &options)
	if b.Endpoint != nil {
		at = b.Endpoint.Subscription
	}
	endpoints, err6 := armmonitor.NewDataCollectionEndpointsClient(at, credential, &options)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return nil, fmt.Errorf("prepare calls to Azure: %w", err)
	}
	return &Clients{workspaces, tables, onboarding, rules, endpoints, assignments, 6 * time.Second}, nil
}

// CloudNamed returns the addresses of the cloud of that name.
func CloudNamed(name string) cloud.Configuration {
	switch name {
	case "usgovernment":
		return cloud.AzureGovernment
	case "china":
		return cloud.AzureChina
	}
	return cloud.AzurePublic
}

// Locate asks for the workspace's region and makes it the blueprint's, unless
// it has one.
func (c *Clients) Locate(ctx context.Context, b *Blueprint) error {
	if b.Location != "" {
		return nil
	}
	w, err := c.workspaces.Get(ctx, b.Workspace.Group, b.Workspace.Name, nil)
	if missing(err) {
		return fmt.Errorf("there is no workspace %s; look at its name, resource group and subscription, and at the tenant of the credentials", b.Workspace)
	}
	if err != nil {
		return fmt.Errorf("read workspace %s: %w", b.Workspace.Name, explain(err))
	}
	b.Location = region(value(w.Location))
	return nil
}

// tries is how often a call is made that what was made just before may not yet
// allow.
const tries = 10

// again calls f, and calls it again after a pause while Azure does not yet know
// what it was told a moment ago.
func (c *Clients) again(ctx context.Context, early func(error) bool, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == tries || !early(err) {
			return err
		}
		timer := time.NewTimer(c.pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		case <-timer.C:
		}
	}
}

// polling is how often it is asked whether a table is made.
func polling() *runtime.PollUntilDoneOptions {
	return &runtime.PollUntilDoneOptions{Frequency: 2 * time.Second}
}
