package story

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
)

// Put stores an object without announcing it; its rows must arrive.
func (s *Story) Put(o samplelog.Object) notification.Object {
	s.t.Helper()
	announced, err := s.AWS.Put(o.Key, o.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Rows[o.Table] += int64(o.Records)
	return announced
}

// Send puts a message on the queue.
func (s *Story) Send(body string) {
	s.t.Helper()
	if err := s.AWS.Send(body); err != nil {
		s.t.Fatal(err)
	}
}

// Mixed fills the queue with 200 good objects of the three formats, announced
// in every shape there is, some of them twice, with harmless messages, broken
// objects and garbage in between.
func (s *Story) Mixed() {
	s.t.Helper()
	for i := range 200 {
		s.Announce(i, s.Put(s.Object(i)))
		if i%20 == 0 {
			s.harmless(i / 20)
		}
	}
	s.Broken()
}

// Object makes the i-th object: the formats take turns, and sizes vary.
func (s *Story) Object(i int) samplelog.Object {
	switch i % 3 {
	case 0:
		return s.Logs.CloudTrail(1 + i*7%400)
	case 1:
		return s.Logs.VPCFlow(1 + i*31%3000)
	}
	return s.Logs.GuardDuty(1 + i%9)
}

// Announce sends a message about o in the i-th of the shapes; every eleventh
// time a second one, in another shape.
func (s *Story) Announce(i int, o notification.Object) {
	s.t.Helper()
	shapes := []func() string{
		func() string { return notification.S3(o) },
		func() string { return notification.SNS(o, notification.S3(o)) },
		func() string { return notification.EventBridge(o) },
		func() string { return notification.SNS(o, notification.EventBridge(o)) },
		func() string { return notification.CloudTrail(o.Bucket, o.Key) },
		func() string { return notification.SNS(o, notification.CloudTrail(o.Bucket, o.Key)) },
		func() string { return notification.S3(o, o) },
	}
	s.Send(shapes[i%len(shapes)]())
	if i%11 == 0 {
		s.Send(shapes[(i+2)%len(shapes)]())
	}
}

// harmless sends a message that announces nothing.
func (s *Story) harmless(i int) {
	o := notification.Object{
		Bucket: Bucket, Key: "gone.json.gz", Region: s.Cloud.Region(), Account: "123456789012", Time: time.Now(),
	}
	messages := []string{
		notification.Test(Bucket, time.Now()),
		notification.SNS(o, notification.Test(Bucket, time.Now())),
		notification.Subscription(o),
		notification.Removed(o),
	}
	s.Send(messages[i%len(messages)])
}

// Broken sends objects of every kind that is broken or odd, and messages that
// nobody understands. The reasons are what each must be buried for.
func (s *Story) Broken() {
	s.t.Helper()
	reasons := map[samplelog.Kind]string{
		samplelog.Truncated: "truncated", samplelog.BadChecksum: "corrupt", samplelog.Garbage: "corrupt",
		samplelog.WrongType: "corrupt", samplelog.BadRecord: "bad_record",
	}
	for _, kind := range samplelog.Kinds() {
		o := s.Logs.Broken(kind)
		if kind == samplelog.Truncated || kind == samplelog.BadChecksum {
			o.Records = s.readable(o.Body) // what lies before the damage is delivered
		}
		s.Send(notification.S3(s.Put(o)))
		if reason, ok := reasons[kind]; ok {
			s.Dead[reason]++
		}
	}
	gone := notification.Object{
		Bucket: Bucket, Key: "AWSLogs/123456789012/CloudTrail/us-east-1/gone.json.gz", Size: 100,
		ETag: "0123456789abcdef0123456789abcdef", Region: s.Cloud.Region(), Account: "123456789012", Time: time.Now(),
	}
	s.Send(notification.S3(gone))
	s.Dead["object_missing"]++
	for _, garbage := range notification.Garbage() {
		s.Send(garbage)
		s.Dead["unknown_notification"]++
	}
}

// readable counts the events of a damaged trail that lie whole before the
// damage.
func (s *Story) readable(packed []byte) int {
	s.t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err == nil {
		s.t.Fatal("the object is not damaged")
	}
	events := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte(`{"Records":`))))
	if _, err := events.Token(); err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for ; events.More(); n++ {
		var event json.RawMessage
		if events.Decode(&event) != nil {
			break
		}
	}
	return n
}
