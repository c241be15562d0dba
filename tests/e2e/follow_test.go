package e2e

import (
	"testing"
	"time"

	"github.com/logferry/logferry/tests/story"
)

// Processes of their own all follow what is added, and a new process finds what
// commands added.
func TestServicesApartFollow(t *testing.T) {
	s := newLive(t)
	s.Config.Bus.URL = story.StartBus(t).URL
	s.config, _ = s.ConfigFile()
	running := map[string]*story.Process{}
	for _, name := range story.Services() {
		running[name] = s.Start(name)
	}
	for range 12 {
		s.put(story.Bucket)
	}
	s.command("added", 0, "destination", "add", "--file", s.file(s.to))
	from := s.Cloud.Connection(story.Connection, s.Cloud.SQS.URL(story.Queue), "sentinel")
	from.RoleARN, from.ExternalID = story.RoleARN, story.ExternalID
	s.command("added", 0, "connection", "add", "--file", s.file(from))
	began := time.Now()
	s.Delivered()
	// who learns of the connection last is not waited for longer than it takes
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the first rows took %v", took)
	}

	// processes that start anew read on, with nothing of it in their file
	for _, name := range story.Services() {
		running[name].Stop()
		running[name] = s.Start(name)
	}
	s.put(story.Bucket)
	s.Delivered()
	for _, p := range running {
		p.Stop()
	}
}
