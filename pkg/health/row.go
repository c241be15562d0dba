package health

import (
	"encoding/json"
	"fmt"

	"github.com/logferry/logferry/pkg/table"
)

// TableName is the custom table that events are written to. SentinelHealth
// itself cannot be written by the Logs Ingestion API; a query unions both.
const TableName = "LogferryHealth_CL"

// columns are those of SentinelHealth that are not the service's own, so that
// one query reads both tables
// (https://learn.microsoft.com/azure/azure-monitor/reference/tables/sentinelhealth).
var columns = []table.Column{
	{Name: "TimeGenerated", Type: table.DateTime, Doc: "time of the health event"},
	{Name: "OperationName", Type: table.String, Doc: "Data fetch status change, or Data fetch failure summary"},
	{Name: "SentinelResourceId", Type: table.String, Doc: "resource id of what the event is about, or its kind and name"},
	{Name: "SentinelResourceName", Type: table.String, Doc: "name of the connection, destination or stage"},
	{Name: "Status", Type: table.String, Doc: "Success, Failure or Informational"},
	{Name: "Description", Type: table.String, Doc: "the event in words, with what to do about a failure"},
	{Name: "Reason", Type: table.String, Doc: "reason code of a failure"},
	{Name: "WorkspaceId", Type: table.String, Doc: "id of the workspace"},
	{Name: "SentinelResourceType", Type: table.String, Doc: "Data connector for a connection; else Destination or Stage"},
	{Name: "SentinelResourceKind", Type: table.String, Doc: "AmazonWebServicesS3, AmazonWebServicesCloudTrail or Logferry"},
	{Name: "RecordId", Type: table.String, Doc: "id of the event"},
	{Name: "ExtendedProperties", Type: table.Dynamic, Doc: "DestinationTable, FailureSummary, counts and times"},
}

// The numbers of the columns.
const (
	colTimeGenerated = iota
	colOperationName
	colSentinelResourceID
	colSentinelResourceName
	colStatus
	colDescription
	colReason
	colWorkspaceID
	colSentinelResourceType
	colSentinelResourceKind
	colRecordID
	colExtendedProperties
)

// Table returns the table of events. It is the caller's own.
func Table() *table.Table {
	return &table.Table{
		Name: TableName, OutputStream: "Custom-" + TableName, Ingestible: true,
		Columns: append([]table.Column(nil), columns...),
	}
}

// Kinds of resources, as SentinelHealth names Microsoft's own connectors: what
// reads its queues and what reads LookupEvents.
const (
	KindS3         = "AmazonWebServicesS3"
	KindCloudTrail = "AmazonWebServicesCloudTrail"
	KindLogferry   = "Logferry"
)

// Resource is what a row says of a subject beyond its event.
type Resource struct {
	// ID is the resource id; empty: the subject's kind and name.
	ID string
	// Kind is one of the kinds of resources; empty: [KindS3] for a connection,
	// else [KindLogferry].
	Kind string
	// Workspace is the id of the workspace.
	Workspace string
	// Properties are added to the event's, such as QueueUrl and AwsRoleArn.
	Properties map[string]string
}

// NewRows returns an empty builder for batches of the table.
func NewRows() *table.Rows { return table.NewRows(table.Schema(TableName, columns)) }

// Append appends the event as a row of the table. rows must come from
// [NewRows].
func (e Event) Append(rows *table.Rows, r Resource) error {
	properties := map[string]any{}
	for name, value := range r.Properties {
		properties[name] = value
	}
	for name, value := range e.Properties {
		properties[name] = value
	}
	extended, err := json.Marshal(properties)
	if err != nil {
		return fmt.Errorf("health event of %s: %w", e.Subject, err)
	}
	text := func(column int, value string) {
		if value != "" {
			rows.Text(column, []byte(value))
		}
	}
	rows.Time(colTimeGenerated, e.Time.UnixMicro())
	text(colOperationName, e.Operation)
	text(colSentinelResourceID, r.id(e.Subject))
	text(colSentinelResourceName, e.Subject.Name)
	text(colStatus, e.Result)
	text(colDescription, e.Description)
	text(colReason, string(e.Reason))
	text(colWorkspaceID, r.Workspace)
	text(colSentinelResourceType, resourceType(e.Subject.Kind))
	text(colSentinelResourceKind, r.kind(e.Subject.Kind))
	text(colRecordID, e.ID())
	text(colExtendedProperties, string(extended))
	rows.Commit()
	return nil
}

func (r Resource) id(s Subject) string {
	if r.ID != "" {
		return r.ID
	}
	id := "logferry/" + string(s.Kind) + "/" + s.Name
	if s.Table != "" {
		id += "/" + s.Table
	}
	return id
}

func (r Resource) kind(k Kind) string {
	switch {
	case r.Kind != "":
		return r.Kind
	case k == Connection:
		return KindS3
	}
	return KindLogferry
}

func resourceType(k Kind) string {
	switch k {
	case Connection:
		return "Data connector"
	case Destination:
		return "Destination"
	}
	return "Stage"
}
