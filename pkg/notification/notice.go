package notification

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// detail is the detail of an S3 event from EventBridge.
type detail struct {
	Bucket struct {
		Name string `json:"name"`
	} `json:"bucket"`
	Object object `json:"object"`
}

// readEventBridge reads an S3 event from EventBridge. Keys are as they are in
// the bucket. An event without a type is taken for a new object, since a rule
// can drop the type.
func (m message) readEventBridge() (Notification, error) {
	n := Notification{Shape: "eventbridge"}
	switch kind := m.text("detail-type"); {
	case kind == "Object Created", !m.has("detail-type"):
	case strings.HasPrefix(kind, "Object "):
		n.Ignored = append(n.Ignored, Ignored{OtherEvent, kind})
		return n, nil
	default:
		return n, fmt.Errorf("detail-type is %s", brief(kind))
	}
	var d detail
	if err := json.Unmarshal(m["detail"], &d); err != nil {
		return n, fmt.Errorf("detail is not of S3: %w", plain(err))
	}
	return n, n.add(Object{
		Bucket:    d.Bucket.Name,
		Key:       d.Object.Key,
		VersionID: d.Object.VersionID + d.Object.EventBridgeVersionID,
		ETag:      strings.Trim(d.Object.ETag, `"`),
		Region:    m.text("region"),
		Size:      d.Object.size(),
		EventTime: parseTime(m.text("time")),
	})
}

// isConfig reports whether the message type is one of AWS Config.
func isConfig(messageType string) bool {
	for _, prefix := range []string{"Configuration", "ConfigRule", "ComplianceChange", "OversizedConfiguration"} {
		if strings.HasPrefix(messageType, prefix) {
			return true
		}
	}
	return false
}

// readConfig reads what AWS Config tells: two kinds of message name a file,
// the others tell of changes that the files hold too.
func (m message) readConfig() (Notification, error) {
	switch kind := m.text("messageType"); kind {
	case "ConfigurationHistoryDeliveryCompleted", "ConfigurationSnapshotDeliveryCompleted":
		return m.readKeys("config")
	default:
		return ignored("config", Ignored{OtherEvent, kind}), nil
	}
}

// readKeys reads a bucket and the keys in it, one or a list. The keys are as
// they are in the bucket.
func (m message) readKeys(shape string) (Notification, error) {
	n := Notification{Shape: shape}
	var keys []string
	if json.Unmarshal(m["s3ObjectKey"], &keys) != nil {
		keys = []string{m.text("s3ObjectKey")}
	}
	for i, key := range keys {
		if err := n.add(Object{Bucket: m.text("s3Bucket"), Key: key}); err != nil {
			n.Rejected = append(n.Rejected, fmt.Sprintf("key %d: %v", i, err))
		}
	}
	return n, n.usable()
}

// usable returns an error when the notification holds nothing to go on with.
func (n *Notification) usable() error {
	switch {
	case len(n.Objects)+len(n.Ignored) > 0:
		return nil
	case len(n.Rejected) > 0:
		return errors.New(n.Rejected[0])
	}
	return errors.New("an empty list")
}
