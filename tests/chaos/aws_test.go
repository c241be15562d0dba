//go:build chaos

package chaos

import (
	"bytes"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/tests/story"
)

// Invariant 1, and the ledger: SQS hands messages out twice at once, and what
// is done is announced again. Nothing is written twice, and every message is
// deleted.
func TestChaosQueueRepeats(t *testing.T) {
	s := begin(t)
	twice := s.Cloud.Faults.Fail(inject.Match{Service: inject.SQS, Operation: "ReceiveMessage"}, times(3, inject.Fault{Duplicate: true}))
	p := s.Start("logferry", "run")
	var announced []notification.Object
	for i := range 40 {
		o := s.Put(s.Object(i))
		announced = append(announced, o)
		s.Announce(i, o)
	}
	s.Arrived()
	for i, o := range announced {
		s.Announce(i+1, o)
	}
	s.Broken()
	passed(t, s, "SQS hands out twice; done objects announced again", time.Now(), none)
	if twice.Hits() == 0 {
		t.Error("SQS has handed nothing out twice")
	}
	p.Stop()
}

// Invariant 1: no visibility can be extended, so that messages in work are
// handed out again, to two processes; each object is carried once.
func TestChaosVisibilityLapses(t *testing.T) {
	s := begin(t)
	s.Config.Poller.Visibility = 4 * time.Second
	s.Config.Bus.URL = story.StartBus(t).URL
	fail := func(operation string, f inject.Fault) *inject.Rule {
		return s.Cloud.Faults.Fail(inject.Match{Service: inject.SQS, Operation: operation}, f)
	}
	lapse := fail("ChangeMessageVisibilityBatch", inject.Fault{Status: 500, Code: "InternalError", For: 10 * time.Second})
	s.Cloud.Faults.Fail(uploads(), inject.Fault{Delay: 3 * time.Second, For: 10 * time.Second})
	over := time.Now().Add(10 * time.Second)
	first, second := s.Start("logferry", "run"), s.Start("logferry", "run")
	feed(s, 40)
	story.Eventually(t, time.Minute, "messages that come again", func() bool {
		return first.Metric("logferry_poller_redelivered_total")+second.Metric("logferry_poller_redelivered_total") > 0
	})
	passed(t, s, "visibility lapses, two pollers", over, none)
	if lapse.Hits() == 0 {
		t.Error("no extension of the visibility has failed")
	}
	first.Stop()
	second.Stop()
}

// Invariant 1: deletes fail for a while; what comes again is known as done.
func TestChaosDeletesFail(t *testing.T) {
	s := begin(t)
	rule := s.Cloud.Faults.Fail(inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch"},
		inject.Fault{Status: 500, Code: "InternalError", For: 12 * time.Second})
	over := time.Now().Add(12 * time.Second)
	p := s.Start("logferry", "run")
	feed(s, 40)
	passed(t, s, "SQS deletes nothing for 12 s", over, none)
	if rule.Hits() == 0 {
		t.Error("no delete has failed")
	}
	p.Stop()
}

// Invariant 3: objects that are missing, damaged or bombs become dead letters
// with the exact reason; one that is denied waits for the permission; those
// beside them in the same messages go on.
func TestChaosObjects(t *testing.T) {
	s := begin(t)
	s.Config.Fetcher.MaxRatio = 200
	denied := s.Put(s.Logs.CloudTrail(30))
	rule := s.Cloud.Faults.Fail(inject.Match{Service: inject.S3, Operation: "GetObject", Resource: denied.Bucket + "/" + denied.Key},
		inject.Fault{Status: 403, Code: "AccessDenied", Times: 1})
	s.Send(notification.S3(denied, s.Put(s.Logs.VPCFlow(50)), bomb(t, s)))
	p := s.Start("logferry", "run")
	feed(s, 20)
	story.Eventually(t, story.Patience, "a denial", func() bool { return rule.Hits() == 1 })
	passed(t, s, "objects missing, denied, damaged, a bomb", time.Now(), none)
	p.Stop()
}

// bomb stores an object whose content is a thousand times its size. A dead
// letter is expected for it.
func bomb(t *testing.T, s *story.Story) notification.Object {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(append([]byte(`{"Records":[`), bytes.Repeat([]byte(" "), 64<<20)...)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o, err := s.AWS.Put("AWSLogs/123456789012/CloudTrail/us-east-1/2026/01/01/bomb.json.gz", packed.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s.Dead["too_large"]++
	return o
}
