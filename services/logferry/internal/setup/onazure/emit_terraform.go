package onazure

import (
	"fmt"
	"strings"
)

func hclText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{").Replace(text) + `"`
}

func hclSyntax(endpoint string) *syntax {
	return &syntax{
		assign: " = ", comma: ",", aligned: true, text: hclText,
		key: func(k string) string {
			if identifier.MatchString(k) {
				return k
			}
			return hclText(k)
		},
		parameter: func(p parameter) string {
			switch p {
			case endpointParam:
				return endpoint
			case workspaceParam:
				return "var.workspace_id"
			case principalParam:
				return "var.principal_id"
			}
			return "var." + string(p)
		},
	}
}

// terraformHead says which provider is used, and why that one.
const terraformHead = `
# The provider azapi, because azurerm does not know rules of the kind Direct
# (hashicorp/terraform-provider-azurerm issue 28697).
terraform {
  required_version = ">= 1.5"
  required_providers {
    azapi = {
      source  = "Azure/azapi"
      version = "~> 2.0"
    }
  }
}
`

// terraform writes main.tf.
func (t *template) terraform() []File {
	var text strings.Builder
	fmt.Fprintf(&text, "# "+header+"\n", "terraform")
	text.WriteString(terraformHead)
	t.terraformVariables(&text)
	endpoint := "var.endpoint_id"
	if t.newEndpoint() {
		endpoint = "azapi_resource.endpoint.id"
	}
	s := hclSyntax(endpoint)
	for _, table := range t.made() {
		t.terraformTable(&text, s, table)
	}
	if t.newEndpoint() {
		t.terraformResource(&text, s, "endpoint", kindEndpoint, t.endpointName(), t.tree(t.b.endpointBody()), "properties.logsIngestion.endpoint")
	} else if t.b.Endpoint != nil {
		fmt.Fprintf(&text, "\ndata \"azapi_resource\" \"endpoint\" {\n  type                   = \"%s@%s\"\n  resource_id            = var.endpoint_id\n  response_export_values = [\"properties.logsIngestion.endpoint\"]\n}\n", kindEndpoint, insightsVersion)
	}
	for _, r := range t.b.Rules {
		rule := symbol("rule", r.Name)
		t.terraformResource(&text, s, rule, kindRule, r.Name, t.tree(t.b.ruleBody(r)), "properties.immutableId", "properties.endpoints.logsIngestion")
		t.terraformGrant(&text, s, rule)
	}
	fmt.Fprintf(&text, "\noutput \"destinations\" {\n  description = \"The destinations that Logferry is told.\"\n  value = %s\n}\n", s.write(t.terraformDestinations(), "  "))
	return []File{{"main.tf", []byte(text.String())}}
}

func (t *template) terraformVariables(text *strings.Builder) {
	variable := func(name, doc, value string) {
		fmt.Fprintf(text, "\nvariable %s {\n  description = %s\n  type        = string\n", hclText(name), hclText(doc))
		if value != "" {
			fmt.Fprintf(text, "  default     = %s\n", hclText(value))
		}
		text.WriteString("}\n")
	}
	group := ""
	if t.b.Subscription != "" && t.b.Group != "" {
		group = t.b.id("", "").parent()
	}
	variable("resource_group_id", "Resource id of the resource group of the rules.", group)
	variable("location", docLocation, t.location)
	variable("workspace_id", docWorkspace, t.workspace)
	if t.principal == "" {
		fmt.Fprintf(text, "\nvariable \"principal_id\" {\n  description = %s\n  type        = string\n  default     = \"\"\n}\n", hclText(docPrincipal))
	} else {
		variable("principal_id", docPrincipal, t.principal)
	}
	if t.b.Endpoint != nil && t.b.Endpoint.Existing {
		variable("endpoint_id", docEndpoint, t.endpoint)
	}
	fmt.Fprintf(text, "\nlocals {\n  # Monitoring Metrics Publisher: may post to a rule.\n  publisher = %s\n}\n", hclText(MetricsPublisher))
}

// terraformResource writes a rule or an endpoint. The provider's schema does not
// know the kind Direct either, so that bodies are checked by Azure alone.
func (t *template) terraformResource(text *strings.Builder, s *syntax, symbol, kind, name string, body map[string]any, exported ...string) {
	tags := body["tags"]
	delete(body, "tags")
	delete(body, "location")
	fmt.Fprintf(text, "\nresource \"azapi_resource\" %s {\n", hclText(symbol))
	fmt.Fprintf(text, "  type                      = \"%s@%s\"\n", kind, insightsVersion)
	fmt.Fprintf(text, "  parent_id                 = var.resource_group_id\n")
	fmt.Fprintf(text, "  name                      = %s\n", hclText(name))
	fmt.Fprintf(text, "  location                  = var.location\n")
	fmt.Fprintf(text, "  schema_validation_enabled = false\n")
	fmt.Fprintf(text, "  tags = %s\n  body = %s\n", s.write(tags, "  "), s.write(body, "  "))
	if made := t.made(); kind == kindRule && len(made) > 0 {
		var needs []any
		for _, table := range made {
			needs = append(needs, raw(tableResource(table)))
		}
		fmt.Fprintf(text, "  depends_on = %s\n", s.write(needs, "  "))
	}
	var names []any
	for _, e := range exported {
		names = append(names, e)
	}
	fmt.Fprintf(text, "  response_export_values = %s\n}\n", s.write(names, "  "))
}

func tableResource(table Table) string {
	if table.Custom() {
		return "azapi_resource." + symbol("table", table.Name)
	}
	return "azapi_update_resource." + symbol("table", table.Name)
}

// terraformTable makes a custom table, or gives one of the service's a column.
func (t *template) terraformTable(text *strings.Builder, s *syntax, table Table) {
	body := t.tree(t.b.tableBody(table, nil))
	kind, name := fmt.Sprintf("\"%s@%s\"", kindTable, tablesVersion), symbol("table", table.Name)
	if table.Custom() {
		fmt.Fprintf(text, "\nresource \"azapi_resource\" %s {\n  type      = %s\n  parent_id = var.workspace_id\n  name      = %s\n  body = %s\n}\n",
			hclText(name), kind, hclText(table.Name), s.write(body, "  "))
		return
	}
	fmt.Fprintf(text, "\n# The list of columns replaces the custom columns that the table has: add those here.\n")
	fmt.Fprintf(text, "resource \"azapi_update_resource\" %s {\n  type        = %s\n  resource_id = \"${var.workspace_id}/tables/%s\"\n  body = %s\n}\n",
		hclText(name), kind, table.Name, s.write(body, "  "))
}

// terraformGrant gives the assignment the name that apply and Bicep give it.
func (t *template) terraformGrant(text *strings.Builder, s *syntax, rule string) {
	id := "azapi_resource." + rule + ".id"
	body := map[string]any{"properties": map[string]any{
		"principalId": principalParam, "principalType": "ServicePrincipal",
		"roleDefinitionId": raw("\"${split(\"/resourceGroups/\", var.resource_group_id)[0]}/providers/Microsoft.Authorization/roleDefinitions/${local.publisher}\""),
		"description":      t.grantDescription(),
	}}
	fmt.Fprintf(text, "\nresource \"azapi_resource\" %s {\n", hclText(strings.Replace(rule, "rule", "grant", 1)))
	fmt.Fprintf(text, "  count     = var.principal_id == \"\" ? 0 : 1\n")
	fmt.Fprintf(text, "  type      = \"%s@%s\"\n", kindAssignment, assignmentVersion)
	fmt.Fprintf(text, "  parent_id = %s\n", id)
	fmt.Fprintf(text, "  name      = uuidv5(\"11fb06fb-712d-4ddd-98c7-e71bbd588830\", join(\"-\", [%s, var.principal_id, local.publisher]))\n", id)
	fmt.Fprintf(text, "  body = %s\n}\n", s.write(body, "  "))
}

func (t *template) terraformDestinations() []any {
	return t.destinations(func(r Rule) (id, url any) {
		rule := "azapi_resource." + symbol("rule", r.Name) + ".output.properties."
		url = raw(rule + "endpoints.logsIngestion")
		if t.newEndpoint() {
			url = raw("azapi_resource.endpoint.output.properties.logsIngestion.endpoint")
		} else if t.b.Endpoint != nil {
			url = raw("data.azapi_resource.endpoint.output.properties.logsIngestion.endpoint")
		}
		return raw(rule + "immutableId"), url
	})
}
