package onazure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// armTemplate is an Azure Resource Manager template.
// https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax
type armTemplate struct {
	Schema     string                  `json:"$schema"`
	Version    string                  `json:"contentVersion"`
	Metadata   map[string]string       `json:"metadata,omitempty"`
	Parameters map[string]armParameter `json:"parameters"`
	Variables  map[string]string       `json:"variables,omitempty"`
	Resources  []armResource           `json:"resources"`
	Outputs    map[string]armOutput    `json:"outputs,omitempty"`
}

type armParameter struct {
	Type     string            `json:"type"`
	Default  *string           `json:"defaultValue,omitempty"`
	Metadata map[string]string `json:"metadata"`
}

type armResource struct {
	Condition    string   `json:"condition,omitempty"`
	Type         string   `json:"type"`
	Version      string   `json:"apiVersion"`
	Scope        string   `json:"scope,omitempty"`
	Name         string   `json:"name"`
	Subscription string   `json:"subscriptionId,omitempty"`
	Group        string   `json:"resourceGroup,omitempty"`
	Location     any      `json:"location,omitempty"`
	Kind         any      `json:"kind,omitempty"`
	Tags         any      `json:"tags,omitempty"`
	DependsOn    []string `json:"dependsOn,omitempty"`
	Properties   any      `json:"properties"`
}

type armOutput struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

const armSchema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"

// armID is the expression of the id of something that the template makes.
func armID(kind, name string) string { return fmt.Sprintf("resourceId('%s', '%s')", kind, name) }

// arm writes azuredeploy.json.
func (t *template) arm() []File {
	a := armTemplate{
		Schema: armSchema, Version: "1.0.0.0",
		Metadata:   map[string]string{"description": fmt.Sprintf(header, "arm")},
		Parameters: t.armParameters(),
		Variables:  map[string]string{"publisher": MetricsPublisher},
	}
	var first []string // what rules depend on
	if made := t.made(); len(made) > 0 {
		a.Resources = append(a.Resources, t.armTables(made))
		first = append(first, "[resourceId(split(parameters('workspaceId'), '/')[2], split(parameters('workspaceId'), '/')[4], 'Microsoft.Resources/deployments', 'logferry-tables')]")
	}
	if t.newEndpoint() {
		e := t.armResource(kindEndpoint, t.endpointName(), t.tree(t.b.endpointBody()))
		a.Resources = append(a.Resources, e)
		first = append(first, "["+armID(kindEndpoint, t.endpointName())+"]")
	}
	for _, r := range t.b.Rules {
		rule := t.armResource(kindRule, r.Name, t.tree(t.b.ruleBody(r)))
		rule.DependsOn = first
		a.Resources = append(a.Resources, rule, t.armGrant(r.Name))
	}
	a.Outputs = map[string]armOutput{"destinations": {"array", t.armValue(t.armDestinations())}}
	return []File{{"azuredeploy.json", armJSON(a)}}
}

func armJSON(a armTemplate) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(a); err != nil {
		panic(fmt.Sprintf("onazure: template: %v", err)) // there is nothing in it that JSON cannot hold
	}
	return text.Bytes()
}

func (t *template) armParameters() map[string]armParameter {
	param := func(doc, value, otherwise string) armParameter {
		p := armParameter{Type: "string", Metadata: map[string]string{"description": doc}}
		if value == "" {
			value = otherwise
		}
		if value != "" {
			p.Default = &value
		}
		return p
	}
	list := map[string]armParameter{
		string(locationParam):  param(docLocation, t.location, "[resourceGroup().location]"),
		string(workspaceParam): param(docWorkspace, t.workspace, ""),
		string(principalParam): param(docPrincipal, t.principal, ""),
	}
	if t.principal == "" {
		p, none := list[string(principalParam)], ""
		p.Default = &none
		list[string(principalParam)] = p
	}
	if t.b.Endpoint != nil && t.b.Endpoint.Existing {
		list[string(endpointParam)] = param(docEndpoint, t.endpoint, "")
	}
	return list
}

// armValue writes parameters and expressions as a template has them, and other
// text so that it is none.
func (t *template) armValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = t.armValue(v[k])
		}
	case []any:
		for i := range v {
			v[i] = t.armValue(v[i])
		}
	case parameter:
		if v == endpointParam && t.newEndpoint() {
			return "[" + armID(kindEndpoint, t.endpointName()) + "]"
		}
		return fmt.Sprintf("[parameters('%s')]", v)
	case raw:
		return "[" + string(v) + "]"
	case string:
		if strings.HasPrefix(v, "[") {
			return "[" + v
		}
	}
	return v
}

func (t *template) armResource(kind, name string, body map[string]any) armResource {
	t.armValue(body)
	return armResource{Type: kind, Version: insightsVersion, Name: name,
		Location: body["location"], Kind: body["kind"], Tags: body["tags"], Properties: body["properties"]}
}

func (t *template) armGrant(rule string) armResource {
	id := armID(kindRule, rule)
	return armResource{
		Condition: "[not(empty(parameters('principalId')))]",
		Type:      kindAssignment, Version: assignmentVersion, Scope: "[" + id + "]",
		Name:      fmt.Sprintf("[guid(%s, parameters('principalId'), variables('publisher'))]", id),
		DependsOn: []string{"[" + id + "]"},
		Properties: map[string]any{
			"principalId": "[parameters('principalId')]", "principalType": "ServicePrincipal",
			"roleDefinitionId": "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', variables('publisher'))]",
			"description":      t.grantDescription(),
		},
	}
}

// armTables makes the tables, which are in the workspace's resource group, by a
// template within the template.
func (t *template) armTables(tables []Table) armResource {
	inner := armTemplate{Schema: armSchema, Version: "1.0.0.0", Parameters: map[string]armParameter{
		"workspaceName": {Type: "string", Metadata: map[string]string{"description": "Name of the Log Analytics workspace."}},
	}}
	for _, table := range tables {
		body := t.tree(t.b.tableBody(table, nil))
		t.armValue(body)
		inner.Resources = append(inner.Resources, armResource{Type: kindTable, Version: tablesVersion,
			Name: "[concat(parameters('workspaceName'), '/" + table.Name + "')]", Properties: body["properties"]})
	}
	return armResource{
		Type: "Microsoft.Resources/deployments", Version: "2022-09-01", Name: "logferry-tables",
		Subscription: "[split(parameters('workspaceId'), '/')[2]]", Group: "[split(parameters('workspaceId'), '/')[4]]",
		Properties: map[string]any{
			"mode":                        "Incremental",
			"expressionEvaluationOptions": map[string]string{"scope": "inner"},
			"parameters":                  map[string]any{"workspaceName": map[string]string{"value": "[last(split(parameters('workspaceId'), '/'))]"}},
			"template":                    inner,
		},
	}
}

func (t *template) armDestinations() []any {
	return t.destinations(func(r Rule) (id, url any) {
		rule := fmt.Sprintf("reference(%s, '%s').", armID(kindRule, r.Name), insightsVersion)
		url = raw(rule + "endpoints.logsIngestion")
		if t.newEndpoint() {
			url = raw(fmt.Sprintf("reference(%s, '%s').logsIngestion.endpoint", armID(kindEndpoint, t.endpointName()), insightsVersion))
		} else if t.b.Endpoint != nil {
			url = raw("reference(parameters('endpointId'), '" + insightsVersion + "').logsIngestion.endpoint")
		}
		return raw(rule + "immutableId"), url
	})
}
