package cloudtrail

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/jsontext"
	"github.com/logferry/logferry/pkg/table"
)

// The members that the parser looks at itself.
const (
	eventTime = iota
	eventID
	eventName
	requestParameters
	detailType
	detail
	digest
)

var mapping = format.NewMapping(tableName, columns,
	"eventTime", "eventID", "eventName", "requestParameters", "detail-type", "detail", digestMark)

// viaCloudTrail ends the detail-type of EventBridge's CloudTrail events: "AWS
// API Call via CloudTrail".
const viaCloudTrail = " via CloudTrail"

func newParser(string) (format.Parse, error) {
	p := parser{mapping.Filler()}
	return p.parse, nil
}

type parser struct {
	*format.Filler
}

func (p parser) parse(record []byte, rows *table.Rows) error {
	if err := p.fill(record, rows); err != nil {
		return bad(err)
	}
	switch {
	case p.Watched[eventTime] != nil || p.Watched[eventID] != nil || p.Watched[eventName] != nil:
	case p.Watched[digest] != nil:
		return errDigest
	default:
		return bad(fmt.Errorf("it has no eventTime, eventID and eventName"))
	}
	rows.Text(operationName, []byte("CloudTrail"))
	if bytes.Contains(p.Watched[eventName], []byte("SecurityGroup")) {
		p.rule(p.Watched[requestParameters], rows)
	}
	return nil
}

func bad(err error) error {
	return fault.Permanent(fault.BadRecord, fmt.Errorf("cloudtrail record: %w", err))
}

// fill fills the row from an event, or from the event in an envelope of
// EventBridge.
func (p parser) fill(record []byte, rows *table.Rows) error {
	if err := p.Fill(record, rows); err != nil {
		return err
	}
	kind, event := p.Watched[detailType], p.Watched[detail]
	if kind == nil || event == nil {
		return nil
	}
	if !bytes.HasSuffix(kind, []byte(viaCloudTrail+`"`)) {
		return fmt.Errorf("it is an EventBridge event of another kind: %.100s", kind)
	}
	rows.Rollback() // an envelope has a member resources too
	return p.Fill(event, rows)
}

// rule fills the network columns from the parameters of a call on a security
// group. A rule is either the flat members ipProtocol, fromPort, toPort and
// cidrIp (cIDRIP in RDS), or the first of a list with the members below. It
// takes one of several: the whole list is in RequestParameters.
func (p parser) rule(parameters []byte, rows *table.Rows) {
	rule, cidr := parameters, get(parameters, "cidrIp")
	if cidr == nil {
		cidr = get(parameters, "cIDRIP")
	}
	if cidr == nil && get(parameters, "ipProtocol") == nil {
		rule = jsontext.First(get(parameters, "ipPermissions", "items"))
		cidr = get(jsontext.First(get(rule, "ipRanges", "items")), "cidrIp")
	}
	p.copy(ipProtocol, get(rule, "ipProtocol"), rows)
	p.copy(sourcePort, get(rule, "fromPort"), rows)
	p.copy(destinationPort, get(rule, "toPort"), rows)
	p.copy(cidrIP, cidr, rows)
}

// get is [jsontext.Get] for which null is as good as missing.
func get(text []byte, path ...string) []byte {
	if value := jsontext.Get(text, path...); string(value) != "null" {
		return value
	}
	return nil
}

// copy sets a column to a value that is in RequestParameters too, if it is
// short, as every protocol, port and network is: a row must not grow much
// larger than its record.
func (p parser) copy(column int, value []byte, rows *table.Rows) {
	if len(value) <= maxCopy && utf8.Valid(value) {
		p.SetText(column, value, rows)
	}
}

const maxCopy = 48
