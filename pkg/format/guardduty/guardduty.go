// Package guardduty reads Amazon GuardDuty findings, as GuardDuty exports them
// to S3 and as EventBridge passes them on. Rows go to the table AWSGuardDuty.
package guardduty

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/table"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{
		Name:           "guardduty",
		Title:          "Amazon GuardDuty",
		Table:          tableName,
		Columns:        columns,
		PartBytes:      768 << 10,
		RecordOverhead: 256,
		Owns:           func(key string) bool { return strings.Contains(key, "/GuardDuty/") },
		Sniff:          sniff,
		Split:          func(r io.Reader) format.Splitter { return format.SplitJSON(r) },
		Parser:         newParser,
	}
}

const tableName = "AWSGuardDuty"

// findingEvent is the detail-type of EventBridge's GuardDuty findings.
const findingEvent = "GuardDuty Finding"

// sniff knows a finding by its ARN, arn:aws:guardduty:…, also in an envelope.
func sniff(head []byte) bool {
	return format.SniffJSON(head, func(name, text []byte) bool {
		switch string(name) {
		case "arn":
			return bytes.HasPrefix(text, []byte("arn:aws")) && bytes.Contains(text, []byte(":guardduty:"))
		case "detail-type":
			return string(text) == findingEvent
		}
		return false
	}, "detail")
}

// The members that the parser looks at itself.
const (
	id = iota
	kind
	detailType
	detail
)

var mapping = format.NewMapping(tableName, columns, "id", "type", "detail-type", "detail")

func newParser(string) (format.Parse, error) {
	p := parser{mapping.Filler()}
	return p.parse, nil
}

type parser struct {
	*format.Filler
}

func (p parser) parse(record []byte, rows *table.Rows) error {
	err := p.fill(record, rows)
	if err == nil && p.Watched[id] == nil && p.Watched[kind] == nil {
		err = fmt.Errorf("it has no id and no type")
	}
	if err != nil {
		return fault.Permanent(fault.BadRecord, fmt.Errorf("guardduty record: %w", err))
	}
	return nil
}

// fill fills the row from a finding, or from the finding in an envelope of
// EventBridge.
func (p parser) fill(record []byte, rows *table.Rows) error {
	if err := p.Fill(record, rows); err != nil {
		return err
	}
	event, finding := p.Watched[detailType], p.Watched[detail]
	if event == nil || finding == nil {
		return nil
	}
	if string(event) != `"`+findingEvent+`"` {
		return fmt.Errorf("it is an EventBridge event of another kind: %.100s", event)
	}
	rows.Rollback() // an envelope has an id and a region too
	return p.Fill(finding, rows)
}
