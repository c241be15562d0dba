package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/tests/story"
)

// Of 300 objects 100 were announced. The audit finds the others missing, a
// backfill that is killed in its middle and run again carries just them, and
// the audit is content. What is broken is dead, not missing, and what comes
// later without being announced is missing again.
func TestAuditAndBackfill(t *testing.T) {
	s := story.New(t)
	for i := range 300 {
		o := s.Put(s.Object(i))
		if i%3 == i/3%3 { // of every format
			s.Send(notification.S3(o))
		}
	}
	broken := s.Logs.Broken(samplelog.Garbage)
	s.Send(notification.S3(s.Put(broken)))
	s.UntilIdle()
	dead := regexp.MustCompile(`dead [0-9-]+ s3://` + story.Bucket + "/" + regexp.QuoteMeta(broken.Key) + " ")
	if out := audit(t, s, 3, "--all"); !strings.Contains(out, totals(301, 100, 1, 0, 200)) || !dead.MatchString(out) || !strings.Contains(out, "logferry backfill --config ") {
		t.Errorf("the first audit says\n%s", out)
	}
	killInTheMiddle(t, s)
	again := s.Launch(nil, "logferry", flags("backfill")...)
	if err := again.Wait(story.Patience); err != nil || !strings.Contains(again.Output(), `backfill: going on after "s3://`) {
		t.Errorf("the second backfill ended with %v\n%s", err, again.Output())
	}
	s.Arrived()
	for _, c := range s.Counts() {
		if c.Lost != 0 || c.Doubled != 0 {
			t.Errorf("%+v; want every row, and each once", c)
		}
	}
	if out := audit(t, s, 0); !strings.Contains(out, totals(301, 300, 1, 0, 0)) {
		t.Errorf("the second audit says\n%s", out)
	}

	s.Put(s.Object(1))
	if out := audit(t, s, 3); !strings.Contains(out, totals(302, 300, 1, 0, 1)) {
		t.Errorf("the third audit says\n%s", out)
	}
}

// A backfill beside the services, of objects that are announced meanwhile, and
// of some that are not: each is carried once.
func TestBackfillBesideTheServices(t *testing.T) {
	s := story.New(t)
	run := s.Start("logferry", "run")
	var messages []string
	for i := range 90 {
		o := s.Put(s.Object(i))
		if i%2 == 0 {
			messages = append(messages, notification.S3(o))
		}
	}
	p := s.Launch(nil, "logferry", flags("backfill")...)
	for _, m := range messages {
		s.Send(m)
	}
	if err := p.Wait(story.Patience); err != nil {
		t.Errorf("the backfill ended with %v\n%s", err, p.Output())
	}
	s.Delivered()
	if out := audit(t, s, 0, "--wait", "1m"); !strings.Contains(out, totals(90, 90, 0, 0, 0)) {
		t.Errorf("the audit says\n%s", out)
	}
	run.Stop()
}

// killInTheMiddle runs a backfill and kills it when some of its rows have
// arrived and no call is on its way: the service is out of order just then.
// So what was delivered is known, and nothing may come twice.
func killInTheMiddle(t *testing.T, s *story.Story) {
	t.Helper()
	before := s.Cloud.Ingestion.Total().Rows
	p := s.Launch(nil, "logferry", flags("backfill", "--in-flight", "4")...)
	story.Eventually(t, story.Patience, "a part of the backfill", func() bool {
		return p.Ended() || s.Cloud.Ingestion.Total().Rows > before+50_000
	})
	outage := s.Cloud.Faults.Fail(inject.Match{Service: inject.Ingestion}, inject.Fault{Status: 503, Code: "ServiceUnavailable"})
	defer outage.Stop()
	story.Eventually(t, story.Patience, "calls that fail", func() bool { return p.Ended() || outage.Hits() > 6 })
	if p.Ended() {
		t.Fatalf("the backfill ended before it could be killed: %v\n%s", p.Wait(time.Minute), p.Output())
	}
	p.Kill()
}

// totals is what an audit's table says of all days.
func totals(objects, delivered, dead, inFlight, missing int) string {
	return fmt.Sprintf("all %d %d %d %d %d ", objects, delivered, dead, inFlight, missing)
}

// flags are the arguments of a command that looks at all of the story's bucket.
func flags(command string, more ...string) []string {
	return append([]string{command, "--connection", story.Connection, "--bucket", story.Bucket, "--from", "2020-01-01"}, more...)
}

// audit runs an audit, demands its exit status, and returns what it printed
// with one space in place of many.
func audit(t *testing.T, s *story.Story, status int, more ...string) string {
	t.Helper()
	p := s.Launch(nil, "logferry", flags("audit", more...)...)
	got := 0
	err := p.Wait(story.Patience)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	}
	if got != status {
		t.Errorf("the audit ended with %v; want status %d\n%s", err, status, p.Output())
	}
	return strings.Join(strings.Fields(p.Output()), " ")
}
