package onazure

import (
	"fmt"
	"regexp"
	"strings"
)

// identifier is a key that needs no quotes.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func bicepText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "${", `\${`).Replace(text) + "'"
}

func bicepSyntax(endpoint string) *syntax {
	return &syntax{
		assign: ": ", text: bicepText,
		key: func(k string) string {
			if identifier.MatchString(k) {
				return k
			}
			return bicepText(k)
		},
		parameter: func(p parameter) string {
			if p == endpointParam {
				return endpoint
			}
			return string(p)
		},
	}
}

// bicep writes main.bicep and, when there are tables to make, which are in the
// workspace's resource group, tables.bicep.
func (t *template) bicep() []File {
	var text strings.Builder
	fmt.Fprintf(&text, "// "+header+"\n", "bicep")
	t.bicepParameters(&text)
	endpoint := string(endpointParam)
	if t.newEndpoint() {
		endpoint = "endpoint.id"
	}
	s := bicepSyntax(endpoint)
	files := []File{{Name: "main.bicep"}}
	if made := t.made(); len(made) > 0 {
		files = append(files, File{"tables.bicep", t.bicepTables(made)})
		text.WriteString(`
module tables 'tables.bicep' = {
  name: 'logferry-tables'
  scope: resourceGroup(split(workspaceId, '/')[2], split(workspaceId, '/')[4])
  params: { workspaceName: last(split(workspaceId, '/')) }
}
`)
	}
	resource := func(symbol, kind, name string, body map[string]any) {
		body["name"] = name
		fmt.Fprintf(&text, "\nresource %s '%s@%s' = %s\n", symbol, kind, insightsVersion, s.write(body, ""))
	}
	if t.newEndpoint() {
		resource("endpoint", kindEndpoint, t.endpointName(), t.tree(t.b.endpointBody()))
	}
	for _, r := range t.b.Rules {
		body := t.tree(t.b.ruleBody(r))
		if len(files) > 1 {
			body["dependsOn"] = []any{raw("tables")}
		}
		resource(symbol("rule", r.Name), kindRule, r.Name, body)
		t.bicepGrant(&text, s, symbol("rule", r.Name))
	}
	t.bicepOutput(&text, s)
	files[0].Text = []byte(text.String())
	return files
}

func (t *template) bicepParameters(text *strings.Builder) {
	param := func(name parameter, doc, value string) {
		fmt.Fprintf(text, "\n@description(%s)\nparam %s string%s\n", bicepText(doc), name, value)
	}
	given := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return " = " + bicepText(value)
	}
	param(locationParam, docLocation, given(t.location, " = resourceGroup().location"))
	param(workspaceParam, docWorkspace, given(t.workspace, ""))
	param(principalParam, docPrincipal, given(t.principal, " = ''"))
	if t.b.Endpoint != nil && t.b.Endpoint.Existing {
		param(endpointParam, docEndpoint, given(t.endpoint, ""))
	}
	fmt.Fprintf(text, "\n// Monitoring Metrics Publisher: may post to a rule.\nvar publisher = '%s'\n", MetricsPublisher)
}

// What the parameters are.
const (
	docLocation  = "Region of the workspace: rules must be in it."
	docWorkspace = "Resource id of the Log Analytics workspace, with Microsoft Sentinel enabled."
	docPrincipal = "Object id of the service principal or managed identity that posts; empty: nobody is given the right to."
	docEndpoint  = "Resource id of the data collection endpoint."
)

func (t *template) bicepGrant(text *strings.Builder, s *syntax, rule string) {
	body := map[string]any{
		"name":  raw("guid(" + rule + ".id, principalId, publisher)"),
		"scope": raw(rule),
		"properties": map[string]any{
			"principalId": principalParam, "principalType": "ServicePrincipal",
			"roleDefinitionId": raw("subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisher)"),
			"description":      t.grantDescription(),
		},
	}
	fmt.Fprintf(text, "\nresource %s '%s@%s' = if (!empty(principalId)) %s\n",
		strings.Replace(rule, "rule", "grant", 1), kindAssignment, assignmentVersion, s.write(body, ""))
}

// bicepOutput has what Logferry is told as output: a list of destinations.
func (t *template) bicepOutput(text *strings.Builder, s *syntax) {
	list := t.destinations(func(r Rule) (id, url any) {
		rule := symbol("rule", r.Name)
		url = raw(rule + ".properties.endpoints.logsIngestion")
		if t.newEndpoint() {
			url = raw("endpoint.properties.logsIngestion.endpoint")
		} else if t.b.Endpoint != nil {
			url = raw("reference(endpointId, '" + insightsVersion + "').logsIngestion.endpoint")
		}
		return raw(rule + ".properties.immutableId"), url
	})
	fmt.Fprintf(text, "\n@description('The destinations that Logferry is told.')\noutput destinations array = %s\n", s.write(list, ""))
}

// destinations is what Logferry is told, with what is known when the template
// was used taken from at.
func (t *template) destinations(at func(Rule) (id, url any)) []any {
	var list []any
	for _, g := range t.b.groups("sentinel") {
		tables, url := map[string]any{}, any(nil)
		for _, r := range g.rules {
			var id any
			id, url = at(r)
			for name, to := range t.b.tablesOf(r, "") {
				entry := map[string]any{"rule": id}
				if to.EventTime != "" {
					entry["event_time"] = to.EventTime
				}
				tables[name] = entry
			}
		}
		d := map[string]any{"name": g.name, "endpoint": url, "tables": tables}
		if t.b.Cloud != clouds[0] {
			d["cloud"] = t.b.Cloud
		}
		list = append(list, d)
	}
	return list
}

func (t *template) bicepTables(tables []Table) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "// "+header+"\n// A list of columns replaces the custom columns that a table has: add those here.\n\n", "bicep")
	text.WriteString("@description('Name of the Log Analytics workspace.')\nparam workspaceName string\n")
	for _, table := range tables {
		body := t.tree(t.b.tableBody(table, nil))
		body["name"] = raw("'${workspaceName}/" + table.Name + "'")
		fmt.Fprintf(&text, "\nresource %s '%s@%s' = %s\n", symbol("table", table.Name), kindTable, tablesVersion, bicepSyntax("").write(body, ""))
	}
	return []byte(text.String())
}
