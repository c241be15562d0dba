package onazure

import (
	"encoding/json"
	"fmt"
)

// Actions returns what a person who sets up must be allowed, sorted: for apply
// and destroy of all that a set-up can make.
func Actions() []string {
	return []string{
		"Microsoft.Authorization/roleAssignments/delete",
		"Microsoft.Authorization/roleAssignments/read",
		"Microsoft.Authorization/roleAssignments/write",
		"Microsoft.Insights/dataCollectionEndpoints/delete",
		"Microsoft.Insights/dataCollectionEndpoints/read",
		"Microsoft.Insights/dataCollectionEndpoints/write",
		"Microsoft.Insights/dataCollectionRules/delete",
		"Microsoft.Insights/dataCollectionRules/read",
		"Microsoft.Insights/dataCollectionRules/write",
		"Microsoft.OperationalInsights/workspaces/read",
		"Microsoft.OperationalInsights/workspaces/tables/delete",
		"Microsoft.OperationalInsights/workspaces/tables/read",
		"Microsoft.OperationalInsights/workspaces/tables/write",
		"Microsoft.SecurityInsights/onboardingStates/read",
	}
}

// RoleDefinition is a custom role of these actions, as az role definition
// create takes it. The scope is to be filled in.
// https://learn.microsoft.com/azure/role-based-access-control/custom-roles
func RoleDefinition() []byte {
	text, err := json.MarshalIndent(struct {
		Name             string
		IsCustom         bool
		Description      string
		Actions          []string
		NotActions       []string
		DataActions      []string
		NotDataActions   []string
		AssignableScopes []string
	}{
		"Logferry set-up", true, "May set up Azure for Logferry: logferry setup azure.",
		Actions(), []string{}, []string{}, []string{},
		[]string{"/subscriptions/SUBSCRIPTION/resourceGroups/GROUP"},
	}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("onazure: role: %v", err)) // texts and lists of texts
	}
	return append(text, '\n')
}
