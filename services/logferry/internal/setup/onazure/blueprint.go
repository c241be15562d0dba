package onazure

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/table"
)

// Blueprint is all that a set-up wants in Azure, worked out from a [Spec]. What
// the set-up applies, what it writes as Bicep, Terraform or ARM template, and
// what it verifies are made from it and from nothing else.
type Blueprint struct {
	// Setup is the name of the set-up, the value of [Tag].
	Setup string
	// Cloud is public, usgovernment or china.
	Cloud string
	// Subscription and Group are where rules and endpoint are.
	Subscription, Group string
	// Location is the region of all; empty until [Clients.Locate] has asked.
	Location string
	// Workspace is where the tables are; its zero value is one that is not
	// known, which only Emit takes.
	Workspace ID
	// Tags are on rules and endpoint, [Tag] among them.
	Tags map[string]string
	// Endpoint is a data collection endpoint; nil: rules have their own.
	Endpoint *Endpoint
	// Tables are what is wanted of the workspace's tables, in order.
	Tables []Table
	// Rules are the data collection rules, in order.
	Rules []Rule
	// Principal is the object id of who may post to the rules; empty: nobody is
	// given the right to.
	Principal string
}

// ID is the resource id of something in Azure.
type ID struct {
	Subscription, Group, Name string
	// Kind is its type: "Microsoft.OperationalInsights/workspaces".
	Kind string
}

// Kinds of resource.
const (
	kindWorkspace = "Microsoft.OperationalInsights/workspaces"
	kindEndpoint  = "Microsoft.Insights/dataCollectionEndpoints"
	kindRule      = "Microsoft.Insights/dataCollectionRules"
)

// String is the id as Azure writes it.
func (id ID) String() string {
	return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/%s/%s", id.Subscription, id.Group, id.Kind, id.Name)
}

// parent is the id of the resource group.
func (id ID) parent() string {
	return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s", id.Subscription, id.Group)
}

// parseID reads a resource id of that kind.
func parseID(id, kind string) (ID, error) {
	parts := strings.Split(strings.Trim(id, "/"), "/")
	if len(parts) != 8 || !strings.EqualFold(parts[0], "subscriptions") || !strings.EqualFold(parts[2], "resourceGroups") ||
		!strings.EqualFold(parts[4], "providers") || !strings.EqualFold(parts[5]+"/"+parts[6], kind) || !guidPattern.MatchString(parts[1]) {
		return ID{}, fmt.Errorf("is no resource id; write /subscriptions/<id>/resourceGroups/<group>/providers/%s/<name>", kind)
	}
	return ID{Subscription: parts[1], Group: parts[3], Name: parts[7], Kind: kind}, nil
}

// Endpoint is a data collection endpoint.
type Endpoint struct {
	ID
	// Existing says that it must be there already, and stays as it is.
	Existing bool
	// Access says who reaches a new one, as Azure spells it: Disabled, Enabled or
	// SecuredByPerimeter.
	Access string
}

// Table is what is wanted of one table of the workspace.
type Table struct {
	Name string
	// Columns are those that rows fill: they must be there. Those of a custom
	// table are made with it.
	Columns []table.Column
	// EventTime is a custom column to add; empty: none is.
	EventTime string
}

// Custom reports whether the table is one that a set-up makes.
func (t Table) Custom() bool { return strings.HasSuffix(t.Name, "_CL") }

// Rule is a data collection rule.
type Rule struct {
	Name string
	// Streams are what it takes.
	Streams []Stream
}

// Stream is one stream of a rule: the rows of one table.
type Stream struct {
	// Table is the table that the rows go to.
	Table string
	// Name is what the stream is posted to: Custom-Logferry-<table>.
	Name string
	// Output is the table as rules call it: Microsoft-<table> or Custom-<table>.
	Output string
	// Columns are what a row may have.
	Columns []table.Column
}

// HealthTable is the custom table of Logferry's own state.
const HealthTable = "LogferryHealth_CL"

// healthColumns are those of SentinelHealth that say something of a connector,
// so that one query reads both.
// https://learn.microsoft.com/azure/azure-monitor/reference/tables/sentinelhealth
var healthColumns = []table.Column{
	{Name: "TimeGenerated", Type: table.DateTime, Doc: "time of the event"},
	{Name: "OperationName", Type: table.String, Doc: "Data fetch status change or Data fetch failure summary"},
	{Name: "SentinelResourceId", Type: table.String, Doc: "id of the connection"},
	{Name: "SentinelResourceName", Type: table.String, Doc: "name of the connection"},
	{Name: "Status", Type: table.String, Doc: "Success, Failure or Informational"},
	{Name: "Description", Type: table.String, Doc: "the event in words"},
	{Name: "Reason", Type: table.String, Doc: "short reason or code"},
	{Name: "WorkspaceId", Type: table.String, Doc: "GUID of the workspace"},
	{Name: "SentinelResourceType", Type: table.String, Doc: "Data connector"},
	{Name: "SentinelResourceKind", Type: table.String, Doc: "kind of the connector"},
	{Name: "RecordId", Type: table.String, Doc: "id of the record"},
	{Name: "ExtendedProperties", Type: table.Dynamic, Doc: "what else is known: DestinationTable, FailureSummary"},
}

// Tables returns the names of the tables of all formats, in order.
func Tables() []string {
	var names []string
	for _, f := range all.Formats() {
		if !slices.Contains(names, f.Table) {
			names = append(names, f.Table)
		}
	}
	return names
}

func isTable(name string) bool { return slices.Contains(Tables(), name) }

// New works a set-up out. The error names every field that is wrong, and what
// to write instead. What only Azure knows, and what only an apply needs, may be
// missing: see [Blueprint.Ready].
func New(s Spec) (Blueprint, error) {
	if err := s.problems(); err != nil {
		return Blueprint{}, err
	}
	b := Blueprint{
		Setup: cmp.Or(s.Name, "logferry"), Cloud: cmp.Or(s.Cloud, clouds[0]),
		Subscription: s.Subscription, Group: s.ResourceGroup, Location: s.Location, Principal: s.Principal,
	}
	b.Tags = map[string]string{Tag: b.Setup}
	maps.Copy(b.Tags, s.Tags)
	if err := errors.Join(b.place(s), b.face(s)); err != nil {
		return Blueprint{}, err
	}
	b.fill(s)
	return b, b.names()
}

// place finds the workspace, and the group of the rules.
func (b *Blueprint) place(s Spec) error {
	switch {
	case s.Workspace == "":
		return nil
	case strings.HasPrefix(s.Workspace, "/"):
		w, err := parseID(s.Workspace, kindWorkspace)
		if err != nil {
			return fmt.Errorf("workspace: %w", err)
		}
		b.Workspace = w
		b.Subscription, b.Group = cmp.Or(b.Subscription, w.Subscription), cmp.Or(b.Group, w.Group)
		return nil
	case !workspacePattern.MatchString(s.Workspace):
		return errors.New("workspace: is neither a name nor a resource id; write 4 to 63 letters, digits and dashes, or /subscriptions/<id>/resourceGroups/<group>/providers/" + kindWorkspace + "/<name>")
	case s.Subscription == "" || s.ResourceGroup == "":
		return errors.New("workspace: a name needs subscription and resource_group; set them, or write its resource id")
	}
	b.Workspace = ID{Subscription: s.Subscription, Group: s.ResourceGroup, Name: s.Workspace, Kind: kindWorkspace}
	return nil
}

// face finds the data collection endpoint.
func (b *Blueprint) face(s Spec) error {
	switch s.Endpoint {
	case "":
		return nil
	case NewEndpoint:
		access := accesses[max(0, slices.IndexFunc(accesses, s.isAccess))]
		b.Endpoint = &Endpoint{ID: b.id(b.Setup, kindEndpoint), Access: access}
		return nil
	}
	e, err := parseID(s.Endpoint, kindEndpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w; or new", err)
	}
	b.Endpoint = &Endpoint{ID: e, Existing: true}
	return nil
}

// id is that of something that the set-up makes.
func (b *Blueprint) id(name, kind string) ID {
	return ID{Subscription: b.Subscription, Group: b.Group, Name: name, Kind: kind}
}

// fill lists tables and rules.
func (b *Blueprint) fill(s Spec) {
	tables := s.Tables
	if len(tables) == 0 {
		tables = Tables()
	}
	for _, name := range tables {
		b.Tables = append(b.Tables, Table{Name: name, Columns: columnsOf(name), EventTime: s.EventTime})
	}
	if s.Health {
		b.Tables = append(b.Tables, Table{Name: HealthTable, Columns: healthColumns})
	}
	switch s.RulePer {
	case PerConnection:
		b.Rules = []Rule{{Name: b.Setup + "-" + s.Connection}}
	case "", PerDestination:
		b.Rules = []Rule{{Name: b.Setup}}
	}
	for _, t := range b.Tables {
		if s.RulePer == PerTable {
			b.Rules = append(b.Rules, Rule{Name: b.Setup + "-" + shortName(t.Name)})
		}
		last := &b.Rules[len(b.Rules)-1]
		last.Streams = append(last.Streams, streamOf(t))
	}
}

// columnsOf returns the columns that the format of the table fills.
func columnsOf(name string) []table.Column {
	formats := all.Formats()
	f := formats[slices.IndexFunc(formats, func(f *format.Format) bool { return f.Table == name })]
	t, _ := table.Get(name)
	columns := make([]table.Column, len(f.Columns))
	for i, c := range f.Columns {
		columns[i], _ = t.Column(c.Name)
	}
	return columns
}

func streamOf(t Table) Stream {
	s := Stream{Table: t.Name, Name: "Custom-Logferry-" + t.Name, Output: "Custom-" + t.Name, Columns: t.Columns}
	if known, ok := table.Get(t.Name); ok {
		s.Output = known.OutputStream
	}
	if t.EventTime != "" {
		s.Columns = append(slices.Clone(t.Columns), table.Column{Name: t.EventTime, Type: table.DateTime, Doc: eventTimeDoc})
	}
	return s
}

// eventTimeDoc describes the custom column.
const eventTimeDoc = "time of the event, also where TimeGenerated was replaced because it was old"

// shortName is the part of a rule's name that stands for the table: rules of
// the kind Direct have short names.
func shortName(table string) string {
	name := strings.TrimPrefix(strings.TrimSuffix(table, "_CL"), "AWS")
	return strings.ReplaceAll(strings.TrimPrefix(name, "Logferry"), "_", "-")
}

// Limits of a rule: flows are documented
// (https://learn.microsoft.com/azure/azure-monitor/service-limits), the name of
// a rule or endpoint becomes a label of its host name, with room for a suffix.
const (
	maxFlows    = 10
	maxRuleName = 30
)

// names checks what follows from several fields together.
func (b *Blueprint) names() error {
	var wrong []error
	for _, r := range b.Rules {
		if len(r.Name) > maxRuleName {
			wrong = append(wrong, fmt.Errorf("name: the rule %s would have more than %d characters; choose a shorter name", r.Name, maxRuleName))
		}
		if len(r.Streams) > maxFlows {
			wrong = append(wrong, fmt.Errorf("tables: a rule takes at most %d, and these are %d; name fewer, or write rule_per: table and endpoint: new", maxFlows, len(r.Streams)))
		}
	}
	return errors.Join(wrong...)
}

// Ready says what a call to Azure lacks.
func (b Blueprint) Ready() error {
	if b.Workspace == (ID{}) {
		return errors.New("workspace: is missing; write its resource id, or its name with subscription and resource_group")
	}
	return nil
}
