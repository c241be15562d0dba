package notification

import (
	"errors"
	"fmt"
	"strings"

	"github.com/logferry/logferry/pkg/jsontext"
)

// readEventBridge reads an S3 event from EventBridge. Keys are as they are in
// the bucket. An event without a type is taken for a new object, since a rule
// can drop the type.
func (m *message) readEventBridge() (Notification, error) {
	n := Notification{Shape: "eventbridge"}
	switch kind := string(text(m.detailType)); {
	case kind == "Object Created", !has(m.detailType):
	case strings.HasPrefix(kind, "Object "):
		n.Ignored = append(n.Ignored, Ignored{OtherEvent, kind})
		return n, nil
	default:
		return n, fmt.Errorf("detail-type is %s", brief(kind))
	}
	o := Object{Region: string(text(m.region)), EventTime: parseTime(string(text(m.time)))}
	r := reader{Scanner: jsontext.NewScanner(m.detail)}
	if r.entity("it", &o); r.wrong != nil {
		return n, fmt.Errorf("detail is not of S3: %w", r.wrong)
	}
	return n, n.add(o)
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
func (m *message) readConfig() (Notification, error) {
	switch kind := string(text(m.messageType)); kind {
	case "ConfigurationHistoryDeliveryCompleted", "ConfigurationSnapshotDeliveryCompleted":
		return m.readKeys("config")
	default:
		return ignored("config", Ignored{OtherEvent, kind}), nil
	}
}

// readKeys reads a bucket and the keys in it, one or a list. The keys are as
// they are in the bucket.
func (m *message) readKeys(shape string) (Notification, error) {
	n := Notification{Shape: shape}
	bucket := string(text(m.s3Bucket))
	for i, key := range keysOf(m.s3ObjectKey) {
		if err := n.add(Object{Bucket: bucket, Key: key}); err != nil {
			n.Rejected = append(n.Rejected, fmt.Sprintf("key %d: %v", i, err))
		}
	}
	return n, n.usable()
}

// keysOf returns the keys that a value holds: one, or those of a list. The key
// of a value that is neither is empty.
func keysOf(value []byte) []string {
	if !has(value) || value[0] != '[' {
		return []string{string(text(value))}
	}
	var keys []string
	r := reader{Scanner: jsontext.NewScanner(value)}
	for r.Array(); r.Element(); {
		var key string
		r.text("key", &key)
		keys = append(keys, key)
	}
	if r.wrong != nil {
		return []string{""}
	}
	return keys
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
