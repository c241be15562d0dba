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
// Parse is a pure function: bytes in, objects out. It reads a message twice
// over: to check it and find the members that tell the shape, whose names match
// exactly, and to take the objects out of the one that holds them, where names
// match in any case. A message that nests deeper than [jsontext.MaxDepth] is
// not read.
package notification

import (
	"errors"
	"time"

	"github.com/logferry/logferry/pkg/jsontext"
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

// message holds the top-level members by which the shapes are told apart and
// read, each as it is in the body. Their names are matched exactly.
type message struct {
	records, message           []byte
	kind, event, messageType   []byte
	source, detailType, detail []byte
	region, time               []byte
	s3Bucket, s3ObjectKey      []byte
}

// decode checks the body and takes the members up. Of members with the same
// name the last counts. Null is taken for an object without members.
func decode(body []byte) (m message, err error) {
	s := jsontext.NewScanner(body)
	if s.Peek() == 'n' {
		s.Value()
	} else {
		for s.Object(); s.Member(); {
			if to := m.member(s.Key()); to != nil {
				*to = s.Value()
			} else {
				s.Value()
			}
		}
	}
	if s.End() != nil {
		return m, errors.New("not a JSON object")
	}
	return m, nil
}

// member returns where the member of a name goes, nil if nowhere.
func (m *message) member(name []byte) *[]byte {
	switch string(name) {
	case "Records":
		return &m.records
	case "Message":
		return &m.message
	case "Type":
		return &m.kind
	case "Event":
		return &m.event
	case "messageType":
		return &m.messageType
	case "source":
		return &m.source
	case "detail-type":
		return &m.detailType
	case "detail":
		return &m.detail
	case "region":
		return &m.region
	case "time":
		return &m.time
	case "s3Bucket":
		return &m.s3Bucket
	case "s3ObjectKey":
		return &m.s3ObjectKey
	}
	return nil
}

// read tells the shape and reads the message as such. The order of the tests
// is part of the contract: the more telling mark first.
func (m *message) read() (Notification, error) {
	kind := string(text(m.kind))
	switch {
	case has(m.records):
		return readRecords(m.records)
	case string(text(m.event)) == "s3:TestEvent":
		return ignored("s3_test", Ignored{Reason: TestEvent}), nil
	case string(text(m.source)) == "aws.s3" && has(m.detail):
		return m.readEventBridge()
	case kind == "SubscriptionConfirmation", kind == "UnsubscribeConfirmation":
		return ignored("sns", Ignored{Reason: Subscription}), nil
	case isConfig(string(text(m.messageType))):
		return m.readConfig()
	case has(m.s3Bucket) && has(m.s3ObjectKey):
		return m.readKeys("cloudtrail")
	}
	return Notification{}, errors.New("none of the known shapes")
}

// unwrap returns what an SNS envelope holds. SNS delivers a string; tools that
// unpack it leave an object.
func (m *message) unwrap() (inner []byte, ok bool) {
	if has(m.records) || string(text(m.kind)) != "Notification" || !has(m.message) {
		return nil, false
	}
	if m.message[0] == '{' {
		return m.message, true
	}
	return text(m.message), true
}

// has reports whether there is a value, for which null is none.
func has(value []byte) bool { return len(value) > 0 && value[0] != 'n' }

func ignored(shape string, i Ignored) Notification {
	return Notification{Shape: shape, Ignored: []Ignored{i}}
}
