package e2e

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/tests/story"
)

// What died is carried once its cause is mended, each row once: by the command
// alone, and beside running services. What is broken for good dies again.
func TestDeadLettersAreRedriven(t *testing.T) {
	s := story.New(t)
	rule := s.Config.Destinations[0].Tables["AWSGuardDuty"]
	delete(s.Config.Destinations[0].Tables, "AWSGuardDuty")
	var gone []samplelog.Object
	for i := range 12 {
		o := s.Object(i)
		s.Send(notification.S3(s.Put(o)))
		switch {
		case o.Table == "AWSGuardDuty":
			s.Dead["no_rule"]++
		case i < 6:
			gone = append(gone, o)
			s.Dead["object_missing"]++
			if err := s.Cloud.S3.Delete(story.Bucket, o.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Send(notification.S3(s.Put(s.Logs.Broken(samplelog.Garbage))))
	s.Dead["corrupt"]++
	if err := s.AWS.Send("{}"); err != nil {
		t.Fatal(err)
	}
	s.Dead["unknown_notification"]++
	s.UntilIdle()
	if out := deadCommand(t, s, 0, "list"); !strings.Contains(out, "10 dead letters: no_rule 4, object_missing 4, corrupt 1, unknown_notification 1\n") {
		t.Errorf("listed are\n%s", out)
	}

	s.Config.Destinations[0].Tables["AWSGuardDuty"] = rule
	if out := deadCommand(t, s, 0, "redrive", "--reason", "no_rule"); !strings.Contains(out, "4 letters closed") {
		t.Errorf("the first redrive says\n%s", out)
	}
	delete(s.Dead, "no_rule")
	for _, o := range gone {
		if _, err := s.AWS.Put(o.Key, o.Body); err != nil {
			t.Fatal(err)
		}
	}
	s.Start("logferry", "run")
	out := deadCommand(t, s, 3, "redrive", "--all")
	if !strings.Contains(out, "5 letters closed") || !strings.Contains(out, "1 object dead again; 1 letter refused") {
		t.Errorf("the second redrive says\n%s", out)
	}
	delete(s.Dead, "object_missing")
	s.Delivered()
	s.Buried(s.EmbeddedBus())
	deadCommand(t, s, 0, "dismiss", "--all", "--yes")
	clear(s.Dead)
	s.Buried(s.EmbeddedBus())
}

// deadCommand runs a command for dead letters, demands its exit status and
// returns what it printed.
func deadCommand(t *testing.T, s *story.Story, status int, args ...string) string {
	t.Helper()
	p := s.Launch(nil, "logferry", slices.Concat([]string{"dead"}, args)...)
	err, got := p.Wait(story.Patience), 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	}
	if got != status {
		t.Fatalf("dead %v: %v; want status %d\n%s", args, err, status, p.Output())
	}
	return p.Output()
}
