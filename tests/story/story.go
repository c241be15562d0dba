// Package story runs the real binaries against stand-ins of both clouds, and
// counts what goes in and what comes out. A story is two clouds, a
// configuration, the processes that run on it, and what must arrive in the
// end. The end-to-end tests and the chaos tests tell theirs with it.
//
// Whatever a story starts ends with its test. What goes wrong fails the test
// at once: nothing here returns an error.
package story

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/localcloud/sts"
	"github.com/logferry/logferry/tests/process"
)

// What all stories have in common.
const (
	Bucket     = "org-logs"
	Queue      = "org-trail"
	Connection = "org-trail"
	RoleARN    = "arn:aws:iam::123456789012:role/logferry"
	ExternalID = "6f1c2a7e-0000-4000-8000-000000000001"
	// Patience is how long a story waits for its rows.
	Patience = 3 * time.Minute
)

// Services returns the binaries of the four services, in the order that data
// flows.
func Services() []string { return process.Services() }

// AWS is the AWS side of a story: one bucket, one queue.
type AWS interface {
	// Put stores an object without announcing it.
	Put(key string, body []byte) (notification.Object, error)
	// Send puts a message on the queue.
	Send(body string) error
	// Depth counts the messages on the queue, hidden ones too, and those in
	// the queue's own dead-letter queue.
	Depth() (waiting, dead int, err error)
}

// Story is one end-to-end run: what goes in, what has to come out, and where
// to look. Its test may change the fields before it starts a process.
type Story struct {
	// AWS is where objects and messages go.
	AWS AWS
	// Cloud is the Azure side; the AWS side too, unless AWS is another.
	Cloud *localcloud.Cloud
	// Config is what the processes run on.
	Config app.Config
	// Env is what their environment has beside the test's own.
	Env []string
	// Logs makes the objects.
	Logs *samplelog.Generator
	// Rows must arrive, by table.
	Rows map[string]int64
	// Dead letters must be kept, by reason.
	Dead map[string]int

	t *testing.T
}

// New starts both clouds and writes down a configuration: one queue, one role
// with an external ID, every table, an embedded bus.
func New(t *testing.T) *Story {
	t.Helper()
	cloud, err := localcloud.Start(context.Background(), localcloud.Options{
		Roles:              []sts.Role{{ARN: RoleARN, ExternalID: ExternalID}},
		RequireCredentials: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Close)
	dir := t.TempDir()
	destination, err := cloud.Destination("sentinel", dir)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(destination.Tables, func(table string, _ connection.Rule) bool {
		_, known := all.Formats().ForTable(table)
		return !known
	})
	url, err := cloud.Feed(Bucket, Queue)
	if err != nil {
		t.Fatal(err)
	}
	from := cloud.Connection(Connection, url, "sentinel")
	from.RoleARN, from.ExternalID = RoleARN, ExternalID
	s := &Story{
		AWS: local{cloud}, Cloud: cloud, Env: cloud.Env(), Config: app.DefaultConfig(),
		Logs: samplelog.New(1, time.Now()), Rows: map[string]int64{}, Dead: map[string]int{}, t: t,
	}
	s.Config.Admin.Profiles = true
	s.Config.Bus.Store = filepath.Join(dir, "bus")
	s.Config.Destinations = append(s.Config.Destinations, destination)
	s.Config.Connections = append(s.Config.Connections, from)
	return s
}

// local is the AWS side of a local cloud.
type local struct{ cloud *localcloud.Cloud }

func (l local) Put(key string, body []byte) (notification.Object, error) {
	return l.cloud.S3.PutQuietly(Bucket, key, body)
}

func (l local) Send(body string) error { return l.cloud.SQS.Send(Queue, body) }

func (l local) Depth() (waiting, dead int, err error) {
	live, err := l.cloud.SQS.Depth(Queue)
	if err != nil {
		return 0, 0, err
	}
	lost, err := l.cloud.SQS.Depth(Queue + "-dead")
	return live.Visible + live.InFlight, lost.Visible + lost.InFlight, err
}

// ConfigFile writes the story's configuration, with an admin address of its
// own, and returns the file's path and that address.
func (s *Story) ConfigFile() (path, admin string) {
	s.t.Helper()
	config := s.Config
	config.Admin.Address = FreeAddress(s.t)
	text, err := yaml.Marshal(config)
	if err != nil {
		s.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(config.Admin.Address)
	path = filepath.Join(s.t.TempDir(), "logferry-"+port+".yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path, config.Admin.Address
}

// Start runs a binary on the story's configuration and returns once it is
// ready.
func (s *Story) Start(name string, args ...string) *Process {
	s.t.Helper()
	p := s.Launch(nil, name, args...)
	p.ready("http://" + p.Admin + "/readyz")
	return p
}

// Launch runs a binary on the story's configuration, ready or not. env is what
// its environment has beside the story's, such as a [Failpoint].
func (s *Story) Launch(env []string, name string, args ...string) *Process {
	s.t.Helper()
	path, admin := s.ConfigFile()
	p := Run(s.t, slices.Concat(s.Env, env), name, slices.Concat(args, []string{"--config", path})...)
	p.Admin = admin
	return p
}

// UntilIdle runs everything in one process until nothing is left to do, and
// returns what it printed.
func (s *Story) UntilIdle() string {
	s.t.Helper()
	p := s.Launch(nil, "logferry", "run", "--until-idle", "2s")
	if err := p.Wait(Patience); err != nil {
		s.t.Fatalf("run --until-idle ended with %v", err)
	}
	return p.Output()
}

// EmbeddedBus returns the URL at which a running process's own bus can be
// reached.
func (s *Story) EmbeddedBus() string {
	s.t.Helper()
	url, err := os.ReadFile(filepath.Join(s.Config.Bus.Store, "client.url"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(url))
}

// String lists what a story expects, for its log.
func (s *Story) String() string {
	var parts []string
	for _, table := range slices.Sorted(maps.Keys(s.Rows)) {
		parts = append(parts, fmt.Sprintf("%s %d rows", table, s.Rows[table]))
	}
	return strings.Join(parts, ", ")
}
