package notification

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/pkg/jsontext"
)

// record is one record of an S3 event notification.
type record struct {
	version, source, event, time string
	object                       Object
}

// readRecords reads the records of an S3 event notification one by one: a
// record that cannot be used leaves the others alone.
func readRecords(list []byte) (Notification, error) {
	n := Notification{Shape: "s3"}
	if list[0] != '[' {
		return n, errors.New("the member Records is no list")
	}
	r := reader{Scanner: jsontext.NewScanner(list)}
	r.Array()
	for i := 0; r.Element(); i++ {
		if err := n.addRecord(&r); err != nil {
			n.Rejected = append(n.Rejected, fmt.Sprintf("record %d: %v", i, err))
		}
	}
	return n, n.usable()
}

func (n *Notification) addRecord(from *reader) error {
	r, err := from.record()
	if err != nil {
		return fmt.Errorf("not an S3 record: %w", err)
	}
	if r.source != "aws:s3" {
		return fmt.Errorf("eventSource is %s; want aws:s3", brief(r.source))
	}
	// AWS promises that minor versions only add fields.
	if major, _, _ := strings.Cut(r.version, "."); major != "2" {
		return fmt.Errorf("eventVersion is %s; want 2.x", brief(r.version))
	}
	if event := strings.TrimPrefix(r.event, "s3:"); !strings.HasPrefix(event, "ObjectCreated:") {
		if event == "" {
			return errors.New("eventName is missing")
		}
		n.Ignored = append(n.Ignored, Ignored{OtherEvent, event})
		return nil
	}
	r.object.Key = unescape(r.object.Key)
	r.object.EventTime = parseTime(r.time)
	return n.add(r.object)
}

// record reads the next record.
func (r *reader) record() (record, error) {
	var to record
	r.wrong = nil
	if !r.object("it") {
		return to, r.wrong
	}
	for r.Member() {
		switch {
		case r.is("eventVersion"):
			r.text("eventVersion", &to.version)
		case r.is("eventSource"):
			r.text("eventSource", &to.source)
		case r.is("eventName"):
			r.text("eventName", &to.event)
		case r.is("eventTime"):
			r.text("eventTime", &to.time)
		case r.is("awsRegion"):
			r.text("awsRegion", &to.object.Region)
		case r.is("s3"):
			r.entity("s3", &to.object)
		default:
			r.Value()
		}
	}
	return to, r.wrong
}

// entity reads what S3, in its own events and in those of EventBridge, writes
// of an object and its bucket.
func (r *reader) entity(name string, to *Object) {
	if !r.object(name) {
		return
	}
	for r.Member() {
		switch {
		case r.is("bucket"):
			r.bucket(to)
		case r.is("object"):
			r.file(to)
		default:
			r.Value()
		}
	}
}

func (r *reader) bucket(to *Object) {
	if !r.object("bucket") {
		return
	}
	for r.Member() {
		if r.is("name") {
			r.text("bucket.name", &to.Bucket)
		} else {
			r.Value()
		}
	}
}

// file reads an object. EventBridge spells some names its own way.
func (r *reader) file(to *Object) {
	if !r.object("object") {
		return
	}
	for r.Member() {
		switch {
		case r.is("key"):
			r.text("object.key", &to.Key)
		case r.is("size"):
			r.size("object.size", &to.Size)
		case r.is("eTag"):
			r.text("object.eTag", &to.ETag)
			to.ETag = strings.Trim(to.ETag, `"`)
		case r.is("versionId"), r.is("version-id"):
			r.text("object.versionId", &to.VersionID)
		default:
			r.Value()
		}
	}
}

// unescape decodes a key of an S3 event notification, which is form-encoded:
// a space is a plus sign. A key that cannot be decoded is taken as it is.
func unescape(key string) string {
	plain, err := url.QueryUnescape(key)
	if err != nil || !utf8.ValidString(plain) {
		return key
	}
	return plain
}

// parseTime reads an ISO 8601 time. Some senders leave the zone out and mean
// UTC. A time that cannot be read is unknown.
func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
