package guardduty

import "github.com/logferry/logferry/pkg/format"

// columns are in the order of the table's reference. A From that is a path
// maps by itself (format.NewMapping).
var columns = []format.Column{
	{Name: "TimeGenerated", From: "updatedAt", Doc: "A finding that recurs comes again with the same id and a later time. Null when it is no time: the service then sets it to the time of arrival."},
	{Name: "SchemaVersion", From: "schemaVersion"},
	{Name: "AccountId", From: "accountId", Doc: "In an administrator account, the member account."},
	{Name: "Region", From: "region"},
	{Name: "Partition", From: "partition"},
	{Name: "Id", From: "id"},
	{Name: "Arn", From: "arn"},
	{Name: "ActivityType", From: "type"},
	{Name: "ResourceDetails", From: "resource", Doc: "The JSON of the record, unchanged."},
	{Name: "ServiceDetails", From: "service", Doc: "The JSON of the record, unchanged."},
	{Name: "Severity", From: "severity", Doc: "Cut to an integer, toward zero: 7.9 becomes 7."},
	{Name: "TimeCreated", From: "createdAt"},
	{Name: "Title", From: "title"},
	{Name: "Description", From: "description"},
}
