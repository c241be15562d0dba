package notification

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// record is one record of an S3 event notification.
type record struct {
	EventVersion string `json:"eventVersion"`
	EventSource  string `json:"eventSource"`
	EventName    string `json:"eventName"`
	EventTime    string `json:"eventTime"`
	AWSRegion    string `json:"awsRegion"`
	S3           struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object object `json:"object"`
	} `json:"s3"`
}

// object is how S3 and EventBridge write an object. JSON names match in any
// case, so that eTag covers EventBridge's etag.
type object struct {
	Key       string      `json:"key"`
	Size      json.Number `json:"size"`
	ETag      string      `json:"eTag"`
	VersionID string      `json:"versionId"`
	// EventBridgeVersionID is EventBridge's name of VersionID.
	EventBridgeVersionID string `json:"version-id"`
}

// readRecords reads the records of an S3 event notification one by one: a
// record that cannot be used leaves the others alone.
func readRecords(list json.RawMessage) (Notification, error) {
	n := Notification{Shape: "s3"}
	var records []json.RawMessage
	if err := json.Unmarshal(list, &records); err != nil {
		return n, errors.New("the member Records is no list")
	}
	for i, raw := range records {
		if err := n.addRecord(raw); err != nil {
			n.Rejected = append(n.Rejected, fmt.Sprintf("record %d: %v", i, err))
		}
	}
	return n, n.usable()
}

func (n *Notification) addRecord(raw json.RawMessage) error {
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("not an S3 record: %w", plain(err))
	}
	if r.EventSource != "aws:s3" {
		return fmt.Errorf("eventSource is %s; want aws:s3", brief(r.EventSource))
	}
	// AWS promises that minor versions only add fields.
	if major, _, _ := strings.Cut(r.EventVersion, "."); major != "2" {
		return fmt.Errorf("eventVersion is %s; want 2.x", brief(r.EventVersion))
	}
	if name := strings.TrimPrefix(r.EventName, "s3:"); !strings.HasPrefix(name, "ObjectCreated:") {
		if name == "" {
			return errors.New("eventName is missing")
		}
		n.Ignored = append(n.Ignored, Ignored{OtherEvent, name})
		return nil
	}
	return n.add(Object{
		Bucket:    r.S3.Bucket.Name,
		Key:       unescape(r.S3.Object.Key),
		VersionID: r.S3.Object.VersionID,
		ETag:      strings.Trim(r.S3.Object.ETag, `"`),
		Region:    r.AWSRegion,
		Size:      r.S3.Object.size(),
		EventTime: parseTime(r.EventTime),
	})
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

// size returns the size, or 0 for one that makes no sense.
func (o object) size() int64 {
	n, err := o.Size.Int64()
	if err != nil {
		return 0
	}
	return max(n, 0)
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
