package e2e

import (
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/tests/story"
)

func TestOneProcess(t *testing.T) {
	s := story.New(t)
	s.Mixed()
	t.Log(s)
	p := s.Start("logferry", "run")
	s.Delivered()
	s.Buried(s.EmbeddedBus())
	p.Stop()
}

func TestFourServicesTwiceEach(t *testing.T) {
	s := story.New(t)
	s.Config.Bus.URL = story.StartBus(t).URL
	s.Mixed()
	var all []*story.Process
	for _, name := range story.Services() {
		all = append(all, s.Start(name), s.Start(name))
	}
	s.Delivered()
	s.Buried(s.Config.Bus.URL)
	for _, p := range all {
		p.Stop()
	}
}

func TestRunUntilIdle(t *testing.T) {
	s := story.New(t)
	s.Mixed()
	s.UntilIdle()
	s.Delivered()
}

// What a restart finds on the bus and on the queue is carried on with.
func TestRestart(t *testing.T) {
	s := story.New(t)
	s.Mixed()
	for range 4 {
		p := s.Start("logferry", "run")
		story.Eventually(t, story.Patience, "some progress", func() bool {
			return s.Cloud.Ingestion.Total().Rows > 0
		})
		p.Stop()
	}
	p := s.Start("logferry", "run")
	s.Delivered()
	s.Buried(s.EmbeddedBus())
	p.Stop()
}

// A queue that does not answer is no reason to call it a day.
func TestUntilIdleWaitsForTheQueueToAnswer(t *testing.T) {
	s := story.New(t)
	s.Send(notification.S3(s.Put(s.Logs.CloudTrail(10))))
	outage := s.Cloud.Faults.Fail(inject.Match{Service: inject.SQS, Operation: "ReceiveMessage"}, inject.Fault{Status: 503, Code: "ServiceUnavailable"})
	p := s.Launch(nil, "logferry", "run", "--until-idle", "1s")
	story.Eventually(t, time.Minute, "several failed tries to receive", func() bool { return outage.Hits() > 4 })
	if p.Ended() {
		t.Fatalf("the run ended while the queue was out of order: %v", p.Wait(time.Minute))
	}
	outage.Stop()
	if err := p.Wait(story.Patience); err != nil {
		t.Fatalf("run --until-idle ended with %v", err)
	}
	s.Delivered()
}
