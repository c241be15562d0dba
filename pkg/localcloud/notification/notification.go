// Package notification makes the messages that reach a queue when AWS writes
// objects, in every shape that services and users' wiring give them.
package notification

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Object is what a message announces.
type Object struct {
	Bucket string
	Key    string
	Size   int64
	// ETag without quotes; Version empty for a bucket without versions.
	ETag, Version   string
	Region, Account string
	// Time is when the object was written.
	Time time.Time
	// Event is the S3 event's name; empty: ObjectCreated:Put.
	Event string
}

// millis is how AWS writes times in messages.
const millis = "2006-01-02T15:04:05.000Z"

func (o Object) time() string { return o.Time.UTC().Format(millis) }

// sequencer orders the events of one key: hexadecimal digits that grow.
func (o Object) sequencer() string { return fmt.Sprintf("00%016X", o.Time.UnixNano()) }

// S3 is the message that S3 sends to a queue: one record for each object,
// each with a key in form encoding. Through SNS with raw delivery it arrives
// just so.
func S3(objects ...Object) string {
	records := make([]any, len(objects))
	for i, o := range objects {
		records[i] = o.record()
	}
	return text(map[string]any{"Records": records})
}

// Removed is S3's message about a deleted object.
func Removed(o Object) string {
	o.Event, o.Size, o.ETag = "ObjectRemoved:Delete", 0, ""
	return S3(o)
}

func (o Object) record() any {
	if o.Event == "" {
		o.Event = "ObjectCreated:Put"
	}
	object := map[string]any{"key": EncodeKey(o.Key), "sequencer": o.sequencer()}
	if o.ETag != "" {
		object["eTag"], object["size"] = o.ETag, o.Size
	}
	if o.Version != "" {
		object["versionId"] = o.Version
	}
	return map[string]any{
		"eventVersion":      "2.5",
		"eventSource":       "aws:s3",
		"awsRegion":         o.Region,
		"eventTime":         o.time(),
		"eventName":         o.Event,
		"userIdentity":      map[string]any{"principalId": "AWS:AROALOCALCLOUD000000:regionalDeliverySession"},
		"requestParameters": map[string]any{"sourceIPAddress": "10.0.0.10"},
		"responseElements": map[string]any{
			"x-amz-request-id": "C3D13FE58DE4C810",
			"x-amz-id-2":       "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD",
		},
		"s3": map[string]any{
			"s3SchemaVersion": "1.0",
			"configurationId": "logferry",
			"bucket": map[string]any{
				"name":          o.Bucket,
				"ownerIdentity": map[string]any{"principalId": "A3NL1KOZZKExample"},
				"arn":           "arn:aws:s3:::" + o.Bucket,
			},
			"object": object,
		},
	}
}

// EncodeKey writes a key as S3 does in its messages: form encoding that
// leaves the slashes.
func EncodeKey(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

// SNS wraps a message as a topic without raw delivery does.
func SNS(o Object, message string) string {
	return text(map[string]any{
		"Type":             "Notification",
		"MessageId":        "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
		"TopicArn":         o.topic(),
		"Subject":          "Amazon S3 Notification",
		"Message":          message,
		"Timestamp":        o.time(),
		"SignatureVersion": "1",
		"Signature":        "EXAMPLElDMXvB8r9R83tGoNn0ecwd5UjllzsvSvbItzfaMpN2nk5HVSw7XnOn==",
		"SigningCertURL":   "https://sns." + o.Region + ".amazonaws.com/SimpleNotificationService-example.pem",
		"UnsubscribeURL":   "https://sns." + o.Region + ".amazonaws.com/?Action=Unsubscribe&SubscriptionArn=" + o.topic() + ":0f9d",
	})
}

func (o Object) topic() string { return "arn:aws:sns:" + o.Region + ":" + o.Account + ":logs" }

// EventBridge is the event that a rule sends to a queue. Its key is not
// encoded.
func EventBridge(o Object) string {
	object := map[string]any{"key": o.Key, "size": o.Size, "etag": o.ETag, "sequencer": o.sequencer()}
	if o.Version != "" {
		object["version-id"] = o.Version
	}
	return text(map[string]any{
		"version":     "0",
		"id":          "17793124-05d4-b198-2fde-7ededc63b103",
		"detail-type": "Object Created",
		"source":      "aws.s3",
		"account":     o.Account,
		"time":        o.Time.UTC().Format(time.RFC3339),
		"region":      o.Region,
		"resources":   []string{"arn:aws:s3:::" + o.Bucket},
		"detail": map[string]any{
			"version":           "0",
			"bucket":            map[string]any{"name": o.Bucket},
			"object":            object,
			"request-id":        "C3D13FE58DE4C810",
			"requester":         "cloudtrail.amazonaws.com",
			"source-ip-address": "10.0.0.10",
			"reason":            "PutObject",
		},
	})
}

// CloudTrail is the notice of CloudTrail's own topic, with raw delivery: a
// bucket and keys that are not encoded. [SNS] wraps it.
func CloudTrail(bucket string, keys ...string) string {
	return text(map[string]any{"s3Bucket": bucket, "s3ObjectKey": keys})
}

// Config is the notice of AWS Config's topic, with raw delivery.
func Config(o Object) string {
	return text(map[string]any{
		"s3Bucket": o.Bucket, "s3ObjectKey": o.Key, "recordVersion": "1.0",
		"messageType": "ConfigurationHistoryDeliveryCompleted", "notificationCreationTime": o.time(),
	})
}

// Test is what S3 sends when a notification is set up.
func Test(bucket string, at time.Time) string {
	return text(map[string]any{
		"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": at.UTC().Format(millis), "Bucket": bucket,
		"RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
	})
}

// Subscription is SNS's request to confirm a subscription.
func Subscription(o Object) string {
	return text(map[string]any{
		"Type":         "SubscriptionConfirmation",
		"MessageId":    "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
		"Token":        "2336412f37",
		"TopicArn":     o.topic(),
		"Message":      "You have chosen to subscribe to the topic " + o.topic() + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
		"SubscribeURL": "https://sns." + o.Region + ".amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + o.topic(),
		"Timestamp":    o.time(), "SignatureVersion": "1", "Signature": "EXAMPLE==",
		"SigningCertURL": "https://sns." + o.Region + ".amazonaws.com/SimpleNotificationService-example.pem",
	})
}

// Garbage returns messages that announce nothing: no JSON, JSON of other
// kinds, and JSON that breaks off.
func Garbage() []string {
	return []string{
		"not json at all",
		`"a string"`,
		`{}`,
		`[]`,
		`{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"},"object":{"key"`,
		`{"Records":[{"eventSource":"aws:dynamodb","eventName":"INSERT"}]}`,
		`{"Type":"Notification","Message":"not json either"}`,
	}
}

// text writes JSON as AWS does: on one line, & < > as they are.
func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // maps of texts and numbers always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Shape is a message and what it is.
type Shape struct {
	Name string
	Body string
	// Announces says whether the message announces the object.
	Announces bool
}

// Shapes returns the object's message in every shape, those that announce it
// and those that announce nothing.
func Shapes(o Object) []Shape {
	multipart := o
	multipart.Event = "ObjectCreated:CompleteMultipartUpload"
	shapes := []Shape{
		{"s3", S3(o), true},
		{"s3_multipart", S3(multipart), true},
		{"s3_twice_in_one", S3(o, o), true},
		{"sns", SNS(o, S3(o)), true},
		{"eventbridge", EventBridge(o), true},
		{"sns_eventbridge", SNS(o, EventBridge(o)), true},
		{"cloudtrail", CloudTrail(o.Bucket, o.Key), true},
		{"sns_cloudtrail", SNS(o, CloudTrail(o.Bucket, o.Key)), true},
		{"config", Config(o), true},
		{"sns_config", SNS(o, Config(o)), true},
		{"test", Test(o.Bucket, o.Time), false},
		{"sns_test", SNS(o, Test(o.Bucket, o.Time)), false},
		{"subscription", Subscription(o), false},
		{"removed", Removed(o), false},
	}
	for i, body := range Garbage() {
		shapes = append(shapes, Shape{fmt.Sprintf("garbage_%d", i), body, false})
	}
	return shapes
}
