package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/tests/story"
)

// live is a story whose configuration file has neither connections nor
// destinations: commands add them.
type live struct {
	*story.Story
	t      *testing.T
	config string
	// to is the destination of the story.
	to connection.Destination
	// run carries on while commands change what it carries; nil: none does.
	run  *story.Process
	puts int
}

func newLive(t *testing.T) *live {
	t.Helper()
	s := story.New(t)
	l := &live{Story: s, t: t, to: s.Config.Destinations[0]}
	s.Config.Destinations, s.Config.Connections = nil, nil
	l.config, _ = s.ConfigFile()
	return l
}

// command runs a command and checks its status, and a part of what it prints.
func (l *live) command(want string, status int, args ...string) {
	l.t.Helper()
	p := story.Run(l.t, l.Env, "logferry", append(args, "--config", l.config)...)
	got := 0
	if err := p.Wait(time.Minute); err != nil {
		got = -1
		_, _ = fmt.Sscanf(err.Error(), "exit status %d", &got)
	}
	if out := p.Output(); got != status || !strings.Contains(out, want) {
		l.t.Fatalf("%s: status %d\n%s\nwant status %d and %q", strings.Join(args, " "), got, out, status, want)
	}
}

// change runs a command that changes connections or destinations, and returns
// once the process carries on with the change.
func (l *live) change(want string, args ...string) {
	l.t.Helper()
	const taken = "connections and destinations have changed"
	before := strings.Count(l.run.Output(), taken)
	l.command(want, 0, args...)
	story.Eventually(l.t, time.Minute, "the change", func() bool { return strings.Count(l.run.Output(), taken) > before })
}

// file writes an entry as a command takes it.
func (l *live) file(entry any) string {
	l.t.Helper()
	text, err := yaml.Marshal(entry)
	if err != nil {
		l.t.Fatal(err)
	}
	path := filepath.Join(l.t.TempDir(), "entry.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// put stores an object in a bucket, which announces it.
func (l *live) put(bucket string) {
	l.t.Helper()
	o := l.Object(l.puts)
	l.puts++
	if err := l.Cloud.S3.Put(bucket, o.Key, o.Body); err != nil {
		l.t.Fatal(err)
	}
	l.Rows[o.Table] += int64(o.Records)
}

// waits reports whether n messages wait on a queue, none of them received.
func (l *live) waits(queue string, n int) bool {
	l.t.Helper()
	d, err := l.Cloud.SQS.Depth(queue)
	if err != nil {
		l.t.Fatal(err)
	}
	return d.Visible == n && d.InFlight == 0
}

// want is how many rows must arrive, of all tables.
func (l *live) want() (rows int64) {
	for _, n := range l.Rows {
		rows += n
	}
	return rows
}

// The story of connections on the command line: one process carries on through
// all of it, and every row comes once.
func TestConnectionsChangeLive(t *testing.T) {
	l := newLive(t)
	l.run = l.Start("logferry", "run")
	second, err := l.Cloud.Feed("second-logs", "second")
	if err != nil {
		t.Fatal(err)
	}
	role := []string{"--role-arn", story.RoleARN, "--external-id", story.ExternalID, "--region", l.Cloud.Region(), "--destination", "sentinel"}
	add := func(name, url string) []string {
		return append([]string{"connection", "add", name, "--queue-url", url}, role...)
	}

	// nothing is carried at first
	l.put(story.Bucket)
	l.command("there is no connection", 1, "connection", "show", "first")
	l.command("--destination: names no destination", 2, add("first", l.Cloud.SQS.URL(story.Queue))...)
	l.change("destination sentinel: added", "destination", "add", "--file", l.file(l.to))
	l.change("connection first: added", add("first", l.Cloud.SQS.URL(story.Queue))...)
	l.Delivered()
	l.change("connection second: added", add("second", second)...)
	l.put("second-logs")
	l.put(story.Bucket)
	l.Delivered()
	l.command(`"code": "aws.identity"`, 0, "connection", "test", "second", "--output", "json")

	// a queue that is paused waits, the other one does not
	l.change("connection second: paused", "connection", "pause", "second")
	l.put(story.Bucket)
	want := l.want()
	l.put("second-logs")
	story.Eventually(t, story.Patience, "the rows of the connection that is not paused", func() bool {
		return l.Cloud.Ingestion.Total().Rows >= want
	})
	if !l.waits("second", 1) {
		t.Error("the queue of a paused connection was read")
	}
	l.change("connection second: resumed", "connection", "resume", "second")
	story.Eventually(t, story.Patience, "an empty queue", func() bool { return l.waits("second", 0) })
	l.Delivered()

	// what is removed is not read any more
	l.change("connection second: removed", "connection", "remove", "second", "--yes")
	if err := l.Cloud.S3.Put("second-logs", "left.json.gz", []byte("left")); err != nil {
		t.Fatal(err)
	}
	l.put(story.Bucket)
	l.Delivered()
	if !l.waits("second", 1) {
		t.Error("the queue of a removed connection was read")
	}
	l.command("there is no connection second", 1, "connection", "pause", "second")
	if l.run.Ended() {
		t.Error("the process has ended")
	}
	l.run.Stop()
}

// A connection is tried, and what fails is said with the fix. Nothing is
// consumed.
func TestConnectionTest(t *testing.T) {
	l := newLive(t)
	l.put(story.Bucket)
	l.command("added", 0, "destination", "add", "--file", l.file(l.to))
	denied := l.Cloud.Connection("denied", l.Cloud.SQS.URL(story.Queue), "sentinel")
	denied.RoleARN, denied.ExternalID = story.RoleARN, "wrong"
	l.command("added", 0, "connection", "add", "--file", l.file(denied))
	l.command("the connection denied does not work: aws.role", 3, "connection", "test", "denied")
	denied.ExternalID = story.ExternalID
	l.command("replaced", 0, "connection", "add", "--replace", "--file", l.file(denied))
	l.command("read an object: s3://"+story.Bucket, 0, "connection", "test", "denied")
	if !l.waits(story.Queue, 2) { // S3's own test message is one of them
		t.Error("the test has consumed a message")
	}
}
