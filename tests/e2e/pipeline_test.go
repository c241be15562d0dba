package e2e

import (
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
)

func TestOneProcess(t *testing.T) {
	s := newStory(t)
	s.mixed()
	t.Log(s)
	p := s.start("logferry", "run")
	s.delivered()
	s.buried(s.embeddedBus())
	p.stop()
}

func TestFourServicesTwiceEach(t *testing.T) {
	s := newStory(t)
	s.config.Bus.URL = startNATS(t)
	s.mixed()
	var all []*process
	for _, name := range []string{"logferry-poller", "logferry-fetcher", "logferry-parser", "logferry-writer"} {
		all = append(all, s.start(name), s.start(name))
	}
	s.delivered()
	s.buried(s.config.Bus.URL)
	for _, p := range all {
		p.stop()
	}
}

func TestRunUntilIdle(t *testing.T) {
	s := newStory(t)
	s.mixed()
	path, _ := s.configFile()
	p := start(t, s.env, "logferry", "run", "--config", path, "--until-idle", "2s")
	if err := p.wait(patience); err != nil {
		t.Fatalf("run --until-idle ended with %v", err)
	}
	s.delivered()
}

// What a restart finds on the bus and on the queue is carried on with.
func TestRestart(t *testing.T) {
	s := newStory(t)
	s.mixed()
	for range 4 {
		p := s.start("logferry", "run")
		eventually(t, patience, "some progress", func() bool {
			return s.cloud.Ingestion.Total().Rows > 0
		})
		p.stop()
	}
	p := s.start("logferry", "run")
	s.delivered()
	s.buried(s.embeddedBus())
	p.stop()
}

// A queue that does not answer is no reason to call it a day.
func TestUntilIdleWaitsForTheQueueToAnswer(t *testing.T) {
	s := newStory(t)
	s.send(notification.S3(s.put(s.logs.CloudTrail(10))))
	outage := s.cloud.Faults.Fail(inject.Match{Service: inject.SQS, Operation: "ReceiveMessage"}, inject.Fault{Status: 503, Code: "ServiceUnavailable"})
	path, _ := s.configFile()
	p := start(t, s.env, "logferry", "run", "--config", path, "--until-idle", "1s")
	eventually(t, time.Minute, "several failed tries to receive", func() bool { return outage.Hits() > 4 })
	select {
	case <-p.done:
		t.Fatalf("the run ended while the queue was out of order: %v", p.err)
	default:
	}
	outage.Stop()
	if err := p.wait(patience); err != nil {
		t.Fatalf("run --until-idle ended with %v", err)
	}
	s.delivered()
}
