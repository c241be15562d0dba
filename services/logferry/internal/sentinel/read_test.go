package sentinel

import (
	"reflect"
	"strings"
	"testing"
)

const (
	role  = "arn:aws:iam::072643944673:role/RoleName"
	queue = "https://sqs.us-west-1.amazonaws.com/111111111111/sqsTestName"
	id    = "afef3743-0c88-469c-84ff-ca2e87dc1e48"
)

// deployed is a connector as ARM returns it.
// Source: GetAmazonWebServicesS3ById.json in azure-rest-api-specs.
const deployed = `{
  "id": "/subscriptions/d0cfe6b2-9ac0-4464-9919-dccaee2e48c0/resourceGroups/myRg/providers/Microsoft.OperationalInsights/workspaces/myWorkspace/providers/Microsoft.SecurityInsights/dataConnectors/afef3743-0c88-469c-84ff-ca2e87dc1e48",
  "name": "afef3743-0c88-469c-84ff-ca2e87dc1e48",
  "etag": "\"0300bf09-0000-0000-0000-5c37296e0000\"",
  "type": "Microsoft.SecurityInsights/dataConnectors",
  "kind": "AmazonWebServicesS3",
  "properties": {
    "destinationTable": "AWSVPCFlow",
    "roleArn": "arn:aws:iam::072643944673:role/RoleName",
    "sqsUrls": ["https://sqs.us-west-1.amazonaws.com/111111111111/sqsTestName"],
    "dataTypes": {"logs": {"state": "Enabled"}}
  }
}`

// codeless is one of the newer connectors.
// Source: the polling configuration of the solution AWS VPC Flow Logs.
const codeless = `{
  "name": "afef3743-0c88-469c-84ff-ca2e87dc1e48",
  "type": "Microsoft.SecurityInsights/dataConnectors",
  "kind": "AmazonWebServicesS3",
  "properties": {
    "connectorDefinitionName": "AWSVPCFlowLogsDefinition",
    "roleArn": "arn:aws:iam::072643944673:role/RoleName",
    "sqsUrls": ["https://sqs.us-west-1.amazonaws.com/111111111111/sqsTestName"],
    "dcrConfig": {"streamName": "Microsoft-AWSVPCFlow", "dataCollectionEndpoint": "https://dce.ingest.monitor.azure.com", "dataCollectionRuleImmutableId": "dcr-0123456789abcdef0123456789abcdef"},
    "dataFormat": {"Format": "Parquet", "IsCompressed": true, "compressType": "Gzip"},
    "dataTypes": {"logs": {"state": "enabled"}}
  }
}`

// lookups is a connector that reads CloudTrail's LookupEvents.
// Source: GetAmazonWebServicesCloudTrailById.json in azure-rest-api-specs.
const lookups = `{
  "name": "c345bf40-8509-4ed2-b947-50cb773aaf04",
  "type": "Microsoft.SecurityInsights/dataConnectors",
  "kind": "AmazonWebServicesCloudTrail",
  "properties": {"awsRoleArn": "myAwsRoleArn", "dataTypes": {"logs": {"state": "Enabled"}}}
}`

const office = `{"name": "x", "type": "Microsoft.SecurityInsights/dataConnectors", "kind": "Office365", "properties": {"dataTypes": 7}}`

// template wraps resources, with the parameters that they refer to.
func template(resources string) string {
	return `{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "parameters": {
    "role": {"type": "string", "defaultValue": "` + role + `"},
    "Queues": {"type": "array", "defaultValue": ["` + queue + `", "[variables('second')]"]},
    "open": {"type": "string"},
    "circle": {"type": "array", "defaultValue": ["[parameters('circle')]"]}
  },
  "variables": {"second": "` + queue + `2"},
  "resources": ` + resources + `
}`
}

// inTemplate is a connector in a template.
func inTemplate(name, role, queues, table string) string {
	return `{
  "type": "Microsoft.OperationalInsights/workspaces/providers/dataConnectors",
  "apiVersion": "2022-09-01-preview",
  "name": "` + name + `",
  "kind": "AmazonWebServicesS3",
  "properties": {"destinationTable": "` + table + `", "roleArn": "` + role + `", "sqsUrls": ` + queues + `}
}`
}

func TestRead(t *testing.T) {
	flow := Connector{Name: id, Kind: kindS3, RoleARN: role, Queues: []string{queue}, Table: "AWSVPCFlow"}
	trail := Connector{Name: "c345bf40-8509-4ed2-b947-50cb773aaf04", Kind: kindCloudTrail, RoleARN: "myAwsRoleArn", Table: "AWSCloudTrail"}
	f := func(text string, others int, want ...Connector) {
		t.Helper()
		got, err := Read([]byte(text))
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			return
		}
		if !reflect.DeepEqual(got, Found{want, others}) {
			t.Errorf("got %+v\nwant %+v and %d others\nof %s", got, want, others, text)
		}
	}
	// as ARM returns them
	f(deployed, 0, flow)
	f("\ufeff"+deployed, 0, flow)
	f(codeless, 0, flow)
	f(lookups, 0, trail)
	f(`{"value": [`+deployed+`, `+office+`, `+lookups+`]}`, 1, flow, trail)
	f(`[`+office+`]`, 1)
	f(`[{"value": [`+deployed+`]}, {"value": [`+lookups+`]}]`, 0, flow, trail)
	// without the type, and with the kind in another case
	f(`{"kind": "amazonwebservicess3", "name": "a", "properties": {"roleArn": "`+role+`", "sqsUrls": "`+queue+`", "destinationTable": "AWSVPCFlow"}}`, 0,
		Connector{Name: "a", Kind: kindS3, RoleARN: role, Queues: []string{queue}, Table: "AWSVPCFlow"})

	// of templates: resources as a list and by symbolic names, nested, in a
	// workspace, with references
	named := Connector{Name: "flows", Kind: kindS3, RoleARN: role, Queues: []string{queue}, Table: "AWSVPCFlow"}
	literal := inTemplate("ws/Microsoft.SecurityInsights/flows", role, `["`+queue+`"]`, "AWSVPCFlow")
	f(template(`[`+literal+`, {"type": "Microsoft.Storage/storageAccounts", "kind": "StorageV2", "name": "s", "properties": {}}]`), 0, named)
	f(template(`{"b": `+literal+`, "a": `+deployed+`}`), 0, flow, named)
	f(template(`[{"type": "Microsoft.Resources/deployments", "name": "d", "properties": {"template": `+template(`[`+literal+`]`)+`}},
		{"type": "Microsoft.Resources/deployments", "name": "e", "properties": {"templateLink": {"uri": "https://example.com"}}}]`), 0, named)
	f(template(`[{"type": "Microsoft.OperationalInsights/workspaces", "name": "ws", "resources": [`+literal+`]}]`), 0, named)
	f(template(`[`+inTemplate("[concat(parameters('ws'), '/x')]", "[parameters('ROLE')]", `"[parameters('queues')]"`, "AWSCloudTrail")+`]`), 0,
		Connector{Kind: kindS3, RoleARN: role, Queues: []string{queue, queue + "2"}, Table: "AWSCloudTrail"})

	// what a deployment works out is left open
	open := "is an expression that only a deployment works out; import the connector as it is deployed, by --subscription, --resource-group and --workspace"
	f(template(`[`+inTemplate("a", "[parameters('open')]", `["`+queue+`"]`, "AWSCloudTrail")+`]`), 0,
		Connector{Name: "a", Kind: kindS3, Queues: []string{queue}, Table: "AWSCloudTrail", Problem: "its roleArn " + open})
	f(template(`[`+inTemplate("a", role, `"[parameters('circle')]"`, "AWSCloudTrail")+`]`), 0,
		Connector{Name: "a", Kind: kindS3, RoleARN: role, Table: "AWSCloudTrail", Problem: "its sqsUrls " + open})
	f(template(`[`+inTemplate("a", "{{roleArn}}", `["[[parameters('q')]"]`, "{{table}}")+`]`), 0,
		Connector{Name: "a", Kind: kindS3, Problem: "its roleArn " + open})
	f(`{"kind": "AmazonWebServicesS3", "name": "a", "properties": {"roleArn": {"a": 1}, "sqsUrls": [1], "destinationTable": ["a", "b"]}}`, 0,
		Connector{Name: "a", Kind: kindS3, Problem: "its roleArn is neither a text nor a list of texts"})
}

func TestReadErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Read([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got error %v; want %s", text, err, want)
		}
	}
	f("", "it is not the JSON of data connectors or of a template: unexpected end of JSON input")
	f("kind: AmazonWebServicesS3", "it is not the JSON of data connectors")
	f("7", "it is not the JSON of data connectors")
	f(`{"value": 7}`, "it is not the JSON of data connectors")
	f(`{"value": [7]}`, "it is not the JSON of data connectors")
	f(`{"kind": "AmazonWebServicesS3", "name": "a", "properties": 7}`, "read the properties of a: ")
	f(`{"value": [`+deployed+`], "nextLink": "https://management.azure.com/next"}`, "it is one page of several (it has a nextLink)")
	f(strings.Repeat("[", 20)+strings.Repeat("]", 20), "its templates are nested too deep")
	// nothing in it
	f("[]", "it holds no data connectors")
	f("{}", "it holds no data connectors")
	f("null", "it holds no data connectors")
	f(template(`[{"type": "Microsoft.Storage/storageAccounts", "kind": "StorageV2", "name": "s", "properties": {}}]`), "it holds no data connectors")
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		deployed, codeless, lookups, office, `{"value": [` + deployed + `]}`,
		template(`[` + inTemplate("a", "[parameters('role')]", `"[parameters('circle')]"`, "{{table}}") + `]`),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := Read(text)
		if err != nil {
			return
		}
		made, left := Convert(found.Connectors, Options{Destination: "here"})
		if len(made)+len(left) != len(found.Connectors) {
			t.Errorf("%d connectors gave %d connections and %d left out", len(found.Connectors), len(made), len(left))
		}
	})
}
