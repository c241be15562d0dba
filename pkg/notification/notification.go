// Package notification reads what arrives on a queue: every message by which
// AWS, or a tool, announces S3 objects. The shape is recognised from the
// message itself, so that queues need no configuration:
//
//	s3           S3 event notification
//	s3_test      what S3 sends when notifications are set up
//	eventbridge  S3 event from EventBridge, as Security Lake sends it too
//	cloudtrail   CloudTrail's own notice of new log files
//	config       AWS Config's notice of a history or snapshot file
//	sns          what SNS itself has to say
//	sns/…        any of these in an SNS envelope
//
// Parse is a pure function: bytes in, objects out.
package notification

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

// maxWraps is how many SNS envelopes may lie around a notification.
const maxWraps = 2

// Notification is what one message says.
type Notification struct {
	// Shape names how it is said; it is one of a few names, fit for a label.
	Shape string
	// Objects are the new objects, in the order of the message.
	Objects []Object
	// Ignored is what the message tells besides, harmless by its nature.
	Ignored []Ignored
	// Rejected says of each record that cannot be used why. The rest of the
	// message is good.
	Rejected []string
}

// Object is one S3 object as it is announced. What the announcement does not
// tell is empty.
type Object struct {
	Bucket string
	// Key is the object's name exactly as it is in the bucket.
	Key       string
	VersionID string
	// ETag is without quotes.
	ETag string
	// Region is the bucket's.
	Region string
	// Size is in bytes, 0 when unknown.
	Size int64
	// EventTime is when S3 finished writing the object, zero when unknown.
	EventTime time.Time
}

// Reasons to ignore a record. Those of format.Ignorable come on top.
const (
	TestEvent    = "test_event"
	Subscription = "subscription_confirmation"
	OtherEvent   = "other_event"
)

// Ignored is a harmless record that announces no log.
type Ignored struct {
	// Reason is one of a few codes, fit for a label.
	Reason string
	// Event is the name of another event, for people.
	Event string
}

// String returns the reason, with the event where there is one.
func (i Ignored) String() string {
	if i.Event == "" {
		return i.Reason
	}
	return i.Reason + ":" + i.Event
}

// Parse reads a message body. The error is a permanent fault of the reason
// unknown_notification that says what was seen: no part of the message can be
// used. Otherwise the result names at least one object or something ignored.
func Parse(body []byte) (Notification, error) {
	var wrap string
	for range maxWraps + 1 {
		m, err := decode(body)
		if err != nil {
			return Notification{}, unknown(body, err)
		}
		if inner, ok := m.unwrap(); ok {
			body, wrap = inner, "sns/"
			continue
		}
		n, err := m.read()
		if err != nil {
			return Notification{}, unknown(body, err)
		}
		n.Shape = wrap + n.Shape
		return n, nil
	}
	return Notification{}, unknown(body, errors.New("too many SNS envelopes"))
}

// message holds the top-level fields of a JSON object. Names are matched
// exactly: the shapes are told apart by them.
type message map[string]json.RawMessage

func decode(body []byte) (message, error) {
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, errors.New("not a JSON object")
	}
	return m, nil
}

// read tells the shape and reads the message as such. The order of the tests
// is part of the contract: the more telling mark first.
func (m message) read() (Notification, error) {
	switch {
	case m.has("Records"):
		return readRecords(m["Records"])
	case m.text("Event") == "s3:TestEvent":
		return ignored("s3_test", Ignored{Reason: TestEvent}), nil
	case m.text("source") == "aws.s3" && m.has("detail"):
		return m.readEventBridge()
	case m.text("Type") == "SubscriptionConfirmation", m.text("Type") == "UnsubscribeConfirmation":
		return ignored("sns", Ignored{Reason: Subscription}), nil
	case isConfig(m.text("messageType")):
		return m.readConfig()
	case m.has("s3Bucket") && m.has("s3ObjectKey"):
		return m.readKeys("cloudtrail")
	}
	return Notification{}, errors.New("none of the known shapes")
}

// unwrap returns what an SNS envelope holds. SNS delivers a string; tools that
// unpack it leave an object.
func (m message) unwrap() (inner []byte, ok bool) {
	if m.has("Records") || m.text("Type") != "Notification" || !m.has("Message") {
		return nil, false
	}
	if inner := bytes.TrimSpace(m["Message"]); inner[0] == '{' {
		return inner, true
	}
	return []byte(m.text("Message")), true
}

func (m message) has(name string) bool {
	return len(m[name]) > 0 && string(m[name]) != "null"
}

// text returns a string field, or the empty string when it is none.
func (m message) text(name string) string {
	var s string
	if m.has(name) && json.Unmarshal(m[name], &s) != nil {
		return ""
	}
	return s
}

func ignored(shape string, i Ignored) Notification {
	return Notification{Shape: shape, Ignored: []Ignored{i}}
}
