// Package vpcflow is the format of Amazon VPC Flow Logs: text with a header
// line that names the fields, in any selection and order, then one flow a
// line, its values between spaces.
//
// The header is the object's layout. Fields are found by name, with hyphens or
// underscores; fields without a column are passed over. So Transit Gateway
// flow logs, which come in the same container, fill the columns they share.
package vpcflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
)

// Format returns the format.
func Format() *format.Format {
	f := &format.Format{
		Name:    "vpcflow",
		Title:   "VPC Flow Logs",
		Table:   "AWSVPCFlow",
		Columns: columns(),
		// The JSON of a row is some 2.6 times its line.
		PartBytes:      256 << 10,
		RecordOverhead: 200,
		Owns:           owns,
		Sniff:          sniff,
		Split:          split,
	}
	fields := fieldsByName(f)
	f.Parser = func(layout string) (format.Parse, error) { return newParser(fields, layout) }
	return f
}

func owns(key string) bool {
	return strings.Contains(key, "/vpcflowlogs/") ||
		strings.Contains(key, "aws-service=vpcflowlogs") ||
		strings.Contains(key, "_vpcflowlogs_")
}

func sniff(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), "\r\n \t")
	line, _, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	return isHeader(line) || isDefault(line)
}

// defaultLayout is what a flow log holds unless its owner chose the fields.
const defaultLayout = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"

// otherFields are fields that no column holds. They tell a header too.
const otherFields = " reject-reason resource-id encryption-status resource-type" +
	" tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id" +
	" tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id" +
	" packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired "

// maxHeader is the longest header line in bytes; all fields there are make
// some 900.
const maxHeader = format.SniffBytes

// isHeader reports whether a line names fields: all its words look like names,
// at least two are known, and no more are not. No line of values does.
func isHeader(line []byte) bool {
	if len(line) > maxHeader {
		return false
	}
	known, unknown := 0, 0
	for word := range strings.FieldsSeq(string(line)) {
		word = fieldName(word)
		if strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || word[0] < 'a' {
			return false
		}
		if isKnown(word) {
			known++
		} else {
			unknown++
		}
	}
	return known >= max(2, unknown)
}

func isKnown(word string) bool {
	for _, c := range columns() {
		if c.From == word {
			return true
		}
	}
	return strings.Contains(otherFields, " "+word+" ")
}

// fieldName spells a field's name as the documentation does: Parquet files
// have underscores.
func fieldName(word string) string { return strings.ReplaceAll(word, "_", "-") }

// isDefault reports whether a line holds the values of the default layout.
func isDefault(line []byte) bool {
	if len(line) > maxHeader {
		return false
	}
	v := strings.Fields(string(line))
	if len(v) != 14 || !isNumber(v[0]) || !isNumber(v[10]) || !isNumber(v[11]) {
		return false
	}
	return v[13] == "OK" || v[13] == "NODATA" || v[13] == "SKIPDATA"
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// splitter takes the header off the lines.
type splitter struct {
	lines  *format.Lines
	layout string
}

func split(r io.Reader) format.Splitter { return &splitter{lines: format.SplitLines(r)} }

// Layout implements [format.Splitter].
func (s *splitter) Layout() string { return s.layout }

// Next implements [format.Splitter].
func (s *splitter) Next() (format.Record, error) {
	if s.layout == "" {
		first, err := s.first()
		if err != nil || first.Bytes != nil {
			return first, err
		}
	}
	for {
		record, err := s.lines.Next()
		if err != nil || string(record.Bytes) != s.layout {
			return record, err
		}
		// Files that were joined repeat the header.
	}
}

// first reads the first line and learns the layout from it. It returns the
// line if it is a record.
func (s *splitter) first() (format.Record, error) {
	line, err := s.lines.Next()
	if _, long := errors.AsType[*format.RecordError](err); err != nil && !long {
		return format.Record{}, err
	}
	switch {
	case isHeader(line.Bytes):
		s.layout = string(line.Bytes)
		return format.Record{}, nil
	case isDefault(line.Bytes):
		s.layout = defaultLayout
		return line, nil
	}
	return format.Record{}, fault.Permanent(fault.Unsupported, fmt.Errorf(
		"the first line names no fields and is not of the default format, so the fields cannot be known: %.200q", line.Bytes))
}
