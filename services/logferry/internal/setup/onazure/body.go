package onazure

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"

	"github.com/logferry/logferry/pkg/table"
)

// direct is the kind of rule that is posted to. The SDK lists the kinds for
// agents only.
// https://learn.microsoft.com/azure/azure-monitor/data-collection/data-collection-rule-structure
const direct armmonitor.KnownDataCollectionRuleResourceKind = "Direct"

// workspaceName names the workspace within a rule.
const workspaceName = "workspace"

// ruleBody is the rule as it is put.
func (b *Blueprint) ruleBody(r Rule) armmonitor.DataCollectionRuleResource {
	p := &armmonitor.DataCollectionRuleResourceProperties{
		Description:        to.Ptr("Takes rows from Logferry"),
		StreamDeclarations: map[string]*armmonitor.StreamDeclaration{},
		Destinations: &armmonitor.DataCollectionRuleDestinations{LogAnalytics: []*armmonitor.LogAnalyticsDestination{
			{Name: to.Ptr(workspaceName), WorkspaceResourceID: to.Ptr(b.Workspace.String())},
		}},
	}
	for _, s := range r.Streams {
		p.StreamDeclarations[s.Name] = &armmonitor.StreamDeclaration{Columns: declared(s.Columns)}
		p.DataFlows = append(p.DataFlows, &armmonitor.DataFlow{
			Streams:      []*armmonitor.KnownDataFlowStreams{to.Ptr(armmonitor.KnownDataFlowStreams(s.Name))},
			Destinations: to.SliceOfPtrs(workspaceName),
			TransformKql: to.Ptr("source"),
			OutputStream: to.Ptr(s.Output),
		})
	}
	if b.Endpoint != nil {
		p.DataCollectionEndpointID = to.Ptr(b.Endpoint.String())
	}
	return armmonitor.DataCollectionRuleResource{
		Location: to.Ptr(b.Location), Kind: to.Ptr(direct), Tags: b.tags(nil), Properties: p,
	}
}

// declared are columns as a stream declares them.
func declared(columns []table.Column) []*armmonitor.ColumnDefinition {
	list := make([]*armmonitor.ColumnDefinition, len(columns))
	for i, c := range columns {
		list[i] = &armmonitor.ColumnDefinition{Name: to.Ptr(c.Name), Type: to.Ptr(declaredType(c.Type))}
	}
	return list
}

// declaredType is a type as streams spell it: as tables do, but for one.
func declaredType(t table.Type) armmonitor.KnownColumnDefinitionType {
	if t == table.Bool {
		return armmonitor.KnownColumnDefinitionTypeBoolean
	}
	return armmonitor.KnownColumnDefinitionType(t)
}

// tags are the set-up's tags over those that are there.
func (b *Blueprint) tags(have map[string]*string) map[string]*string {
	tags := maps.Clone(have)
	if tags == nil {
		tags = map[string]*string{}
	}
	for k, v := range b.Tags {
		tags[k] = to.Ptr(v)
	}
	return tags
}

// endpointBody is the endpoint as it is put.
func (b *Blueprint) endpointBody() armmonitor.DataCollectionEndpointResource {
	return armmonitor.DataCollectionEndpointResource{
		Location: to.Ptr(b.Location), Tags: b.tags(nil),
		Properties: &armmonitor.DataCollectionEndpointResourceProperties{
			Description: to.Ptr("Takes rows from Logferry"),
			NetworkACLs: &armmonitor.DataCollectionEndpointNetworkACLs{
				PublicNetworkAccess: to.Ptr(armmonitor.KnownPublicNetworkAccessOptions(b.Endpoint.Access)),
			},
		},
	}
}

// tableMark is how the description of a custom table says whose it is.
func (b *Blueprint) tableMark() string { return Tag + ": " + b.Setup }

// tableBody is a table as it is put, with the custom columns that are there
// already: a put replaces the list of them.
func (b *Blueprint) tableBody(t Table, have []*armoperationalinsights.Column) armoperationalinsights.Table {
	schema := &armoperationalinsights.Schema{Name: to.Ptr(t.Name), Columns: slices.Clone(have)}
	if t.Custom() {
		schema.Description = to.Ptr("State of Logferry's connections. " + b.tableMark())
	}
	for _, c := range t.added() {
		if _, ok := columnNamed(have, c.Name); !ok {
			schema.Columns = append(schema.Columns, &armoperationalinsights.Column{
				Name: to.Ptr(c.Name), Type: to.Ptr(tableType(c.Type)), Description: to.Ptr(c.Doc),
			})
		}
	}
	return armoperationalinsights.Table{Properties: &armoperationalinsights.TableProperties{Schema: schema}}
}

// added are the columns that the set-up gives the table.
func (t Table) added() []table.Column {
	switch {
	case t.Custom():
		return t.Columns
	case t.EventTime != "":
		return []table.Column{{Name: t.EventTime, Type: table.DateTime, Doc: eventTimeDoc}}
	}
	return nil
}

// tableType is a type as the tables' interface spells it.
func tableType(t table.Type) armoperationalinsights.ColumnTypeEnum {
	switch t {
	case table.Bool:
		return armoperationalinsights.ColumnTypeEnumBoolean
	case table.DateTime:
		return armoperationalinsights.ColumnTypeEnumDateTime
	}
	return armoperationalinsights.ColumnTypeEnum(t)
}

func columnNamed(columns []*armoperationalinsights.Column, name string) (*armoperationalinsights.Column, bool) {
	i := slices.IndexFunc(columns, func(c *armoperationalinsights.Column) bool { return value(c.Name) == name })
	if i < 0 {
		return nil, false
	}
	return columns[i], true
}

// roleID is the id of the role that is assigned.
func (b *Blueprint) roleID() string {
	return fmt.Sprintf("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s", b.Subscription, MetricsPublisher)
}

// grantBody is the role assignment as it is put.
func (b *Blueprint) grantBody() armauthorization.RoleAssignmentCreateParameters {
	return armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
		PrincipalID: to.Ptr(b.Principal),
		// Without its type, a principal that is new is not found for a while.
		PrincipalType:    to.Ptr(armauthorization.PrincipalTypeServicePrincipal),
		RoleDefinitionID: to.Ptr(b.roleID()),
		Description:      to.Ptr("Logferry posts rows. " + b.tableMark()),
	}}
}

// grantName is the name of the assignment on a rule. It is always the same, so
// that there is never a second one, and what guid(rule, principal, role) gives
// in Bicep and templates.
func (b *Blueprint) grantName(rule ID) string {
	return templateGUID(rule.String(), b.Principal, MetricsPublisher)
}

// templateGUID is guid() of Bicep and ARM templates: a UUID of version 5 in a
// namespace of theirs, of the words with dashes between them.
// https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-string#guid
func templateGUID(words ...string) string {
	namespace, _ := hex.DecodeString("11fb06fb712d4ddd98c7e71bbd588830")
	sum := sha1.Sum(append(namespace, strings.Join(words, "-")...))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// value is what a pointer of the SDK points to, or nothing.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
