// Package cloudtrail reads AWS CloudTrail: management, data, network activity
// and insight events, as trails deliver them to S3 and as EventBridge passes
// them on. Rows go to the table AWSCloudTrail.
package cloudtrail

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/jsontext"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{
		Name:           "cloudtrail",
		Title:          "AWS CloudTrail",
		Table:          tableName,
		Columns:        columns,
		PartBytes:      864 << 10,
		RecordOverhead: 256,
		Owns:           owns,
		Sniff:          sniff,
		Split:          split,
		Parser:         newParser,
	}
}

const tableName = "AWSCloudTrail"

// owns knows the folders and file names of trails, also those of insights and
// digests: …/CloudTrail/…, …/CloudTrail-Insight/…, 111122223333_CloudTrail_….
func owns(key string) bool {
	for _, part := range []string{"/CloudTrail/", "/CloudTrail-", "_CloudTrail_", "_CloudTrail-"} {
		if strings.Contains(key, part) {
			return true
		}
	}
	return false
}

// sniff knows an event by the version of its record (other services' events
// have an eventVersion too, 2.1 for S3 and 1.0 for Kinesis) or its source, also
// in an envelope, and a digest.
func sniff(head []byte) bool {
	return format.SniffJSON(head, func(name, text []byte) bool {
		switch string(name) {
		case "eventVersion":
			return bytes.HasPrefix(text, []byte("1.")) && len(text) > len("1.0")
		case "eventSource":
			return bytes.HasSuffix(text, []byte(".amazonaws.com"))
		case "detail-type":
			return bytes.HasSuffix(text, []byte(viaCloudTrail))
		}
		return string(name) == digestMark
	}, "Records", "detail") || isEmpty(head)
}

// isEmpty knows a log file without events.
func isEmpty(head []byte) bool {
	const empty = `{"Records":[]}`
	return len(head) < 10*len(empty) && string(jsontext.AppendCompact(nil, head)) == empty
}

func split(r io.Reader) format.Splitter {
	return &splitter{Splitter: format.SplitJSON(r, "Records"), first: true}
}

// splitter yields the events of an object; a digest has none.
type splitter struct {
	format.Splitter
	first bool
}

func (s *splitter) Next() (format.Record, error) {
	record, err := s.Splitter.Next()
	if !s.first {
		return record, err
	}
	s.first = false
	head := record.Bytes
	if tooLong, ok := errors.AsType[*format.RecordError](err); ok {
		head = tooLong.Head
	}
	if isDigest(head) {
		return format.Record{}, errDigest
	}
	return record, err
}

// digestMark is a member that digests have and events have not. A digest lists
// the log files of an hour, signed, in one JSON object.
const digestMark = "digestStartTime"

var errDigest = &format.SkipError{What: "cloudtrail_digest"}

func isDigest(head []byte) bool {
	return format.SniffJSON(head, func(name, _ []byte) bool { return string(name) == digestMark })
}
