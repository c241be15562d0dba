package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/klauspost/compress/gzip"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/localcloud/sts"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// What all stories have in common.
const (
	bucket     = "org-logs"
	queueName  = "org-trail"
	roleARN    = "arn:aws:iam::123456789012:role/logferry"
	externalID = "6f1c2a7e-0000-4000-8000-000000000001"
	patience   = 3 * time.Minute
)

// cloud is the AWS side of a story: one bucket, one queue.
type cloud interface {
	// Put stores an object without announcing it.
	Put(key string, body []byte) (notification.Object, error)
	// Send puts a message on the queue.
	Send(body string) error
	// Depth counts the messages on the queue, hidden ones too, and those in
	// the queue's own dead-letter queue.
	Depth() (waiting, dead int, err error)
}

// story is one end-to-end run: what goes in, what has to come out, and where
// to look.
type story struct {
	t      *testing.T
	aws    cloud
	cloud  *localcloud.Cloud // its Azure side; its AWS side unless aws is another
	config app.Config
	env    []string
	logs   *samplelog.Generator

	rows map[string]int64 // rows that must arrive, by table
	dead map[string]int   // dead letters that must be kept, by reason
}

// newStory starts both clouds and writes down a configuration: one queue, one
// role with an external ID, every table.
func newStory(t *testing.T) *story {
	t.Helper()
	cloud, err := localcloud.Start(context.Background(), localcloud.Options{
		Roles:              []sts.Role{{ARN: roleARN, ExternalID: externalID}},
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
	url, err := cloud.Feed(bucket, queueName)
	if err != nil {
		t.Fatal(err)
	}
	from := cloud.Connection("org-trail", url, "sentinel")
	from.RoleARN, from.ExternalID = roleARN, externalID
	s := &story{
		t: t, aws: local{cloud}, cloud: cloud, env: cloud.Env(), config: app.DefaultConfig(),
		logs: samplelog.New(1, time.Now()), rows: map[string]int64{}, dead: map[string]int{},
	}
	s.config.Admin.Profiles = true
	s.config.Bus.Store = filepath.Join(dir, "bus")
	s.config.Destinations = append(s.config.Destinations, destination)
	s.config.Connections = append(s.config.Connections, from)
	return s
}

// local is the AWS side of a local cloud.
type local struct{ cloud *localcloud.Cloud }

func (l local) Put(key string, body []byte) (notification.Object, error) {
	return l.cloud.S3.PutQuietly(bucket, key, body)
}

func (l local) Send(body string) error { return l.cloud.SQS.Send(queueName, body) }

func (l local) Depth() (waiting, dead int, err error) {
	live, err := l.cloud.SQS.Depth(queueName)
	if err != nil {
		return 0, 0, err
	}
	lost, err := l.cloud.SQS.Depth(queueName + "-dead")
	return live.Visible + live.InFlight, lost.Visible + lost.InFlight, err
}

// configFile writes the story's configuration, with an admin address of its
// own, and returns the file's path and that address.
func (s *story) configFile() (path, admin string) {
	s.t.Helper()
	config := s.config
	config.Admin.Address = freeAddress(s.t)
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

// start runs a binary on the story's configuration and returns once it is
// ready.
func (s *story) start(name string, args ...string) *process {
	s.t.Helper()
	path, admin := s.configFile()
	p := start(s.t, s.env, name, append(args, "--config", path)...)
	eventually(s.t, time.Minute, name+" to be ready", func() bool {
		select {
		case <-p.done:
			s.t.Fatalf("%s ended before it was ready: %v\n%s", name, p.err, p.output())
		default:
		}
		return answers(s.t.Context(), "http://"+admin+"/readyz")
	})
	return p
}

// put stores an object without announcing it; its rows must arrive.
func (s *story) put(o samplelog.Object) notification.Object {
	s.t.Helper()
	announced, err := s.aws.Put(o.Key, o.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.rows[o.Table] += int64(o.Records)
	return announced
}

// send puts a message on the queue.
func (s *story) send(body string) {
	s.t.Helper()
	if err := s.aws.Send(body); err != nil {
		s.t.Fatal(err)
	}
}

// delivered waits until every row has arrived and the queue is empty, and
// demands that nothing came twice and nothing was wrong with what came.
func (s *story) delivered() {
	s.t.Helper()
	eventually(s.t, patience, "every row and an empty queue", func() bool {
		for table, want := range s.rows {
			if s.cloud.Ingestion.Stats(table).Rows < want {
				return false
			}
		}
		waiting, _, err := s.aws.Depth()
		return err == nil && waiting == 0
	})
	for table, want := range s.rows {
		got := s.cloud.Ingestion.Stats(table)
		if got.Rows != want || got.Duplicates != 0 || got.Refused != 0 || got.ColumnsDropped != 0 || got.TimeReplaced != 0 {
			s.t.Errorf("%s: %+v; want %d rows, each once and nothing amiss", table, got, want)
		}
	}
	if _, dead, err := s.aws.Depth(); err != nil || dead != 0 {
		s.t.Errorf("%d messages in the queue's own dead-letter queue, %v; want none", dead, err)
	}
}

// buried waits for the dead letters on the bus at url, and demands that they
// are exactly those expected, with their original bytes and an origin.
func (s *story) buried(url string) []*logferryv1.DeadLetter {
	s.t.Helper()
	want := 0
	for _, n := range s.dead {
		want += n
	}
	conn, err := nats.Connect(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	var letters []*logferryv1.DeadLetter
	eventually(s.t, patience, fmt.Sprintf("%d dead letters", want), func() bool {
		letters = s.readLetters(js)
		return len(letters) >= want
	})
	got := map[string]int{}
	for _, l := range letters {
		got[l.GetReason()]++
		if l.GetError() == "" || l.GetBodySize() == 0 || l.GetConnection() != "org-trail" {
			s.t.Errorf("dead letter without error, body or connection: %+v", l)
		}
	}
	if !maps.Equal(got, s.dead) {
		s.t.Errorf("dead letters by reason = %v; want %v", got, s.dead)
		for _, l := range letters {
			s.t.Logf("%s %s s3://%s/%s: %s", l.GetStage(), l.GetReason(), l.GetBucket(), l.GetKey(), l.GetError())
		}
	}
	return letters
}

func (s *story) readLetters(js jetstream.JetStream) []*logferryv1.DeadLetter {
	s.t.Helper()
	stream, err := js.Stream(s.t.Context(), "DEAD")
	if err != nil {
		s.t.Fatal(err)
	}
	var letters []*logferryv1.DeadLetter
	for seq := range stream.CachedInfo().State.Msgs {
		msg, err := stream.GetMsg(s.t.Context(), stream.CachedInfo().State.FirstSeq+seq)
		if err != nil {
			s.t.Fatal(err)
		}
		l := new(logferryv1.DeadLetter)
		if err := proto.Unmarshal(msg.Data, l); err != nil {
			s.t.Fatal(err)
		}
		letters = append(letters, l)
	}
	return letters
}

// embeddedBus returns the URL at which a running process's own bus can be
// reached.
func (s *story) embeddedBus() string {
	s.t.Helper()
	url, err := os.ReadFile(filepath.Join(s.config.Bus.Store, "client.url"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(url))
}

// mixed fills the queue with 200 good objects of the three formats, announced
// in every shape there is, some of them twice, with harmless messages, broken
// objects and garbage in between.
func (s *story) mixed() {
	s.t.Helper()
	for i := range 200 {
		s.announce(i, s.put(s.object(i)))
		if i%20 == 0 {
			s.harmless(i / 20)
		}
	}
	s.broken()
}

func (s *story) object(i int) samplelog.Object {
	switch i % 3 {
	case 0:
		return s.logs.CloudTrail(1 + i*7%400)
	case 1:
		return s.logs.VPCFlow(1 + i*31%3000)
	}
	return s.logs.GuardDuty(1 + i%9)
}

// announce sends a message about o in the i-th of the shapes.
func (s *story) announce(i int, o notification.Object) {
	shapes := []func() string{
		func() string { return notification.S3(o) },
		func() string { return notification.SNS(o, notification.S3(o)) },
		func() string { return notification.EventBridge(o) },
		func() string { return notification.SNS(o, notification.EventBridge(o)) },
		func() string { return notification.CloudTrail(o.Bucket, o.Key) },
		func() string { return notification.SNS(o, notification.CloudTrail(o.Bucket, o.Key)) },
		func() string { return notification.S3(o, o) },
	}
	s.send(shapes[i%len(shapes)]())
	if i%11 == 0 { // announced again, in another shape
		s.send(shapes[(i+2)%len(shapes)]())
	}
}

// harmless sends a message that announces nothing.
func (s *story) harmless(i int) {
	o := notification.Object{
		Bucket: bucket, Key: "gone.json.gz", Region: s.cloud.Region(), Account: "123456789012", Time: time.Now(),
	}
	messages := []string{
		notification.Test(bucket, time.Now()),
		notification.SNS(o, notification.Test(bucket, time.Now())),
		notification.Subscription(o),
		notification.Removed(o),
	}
	s.send(messages[i%len(messages)])
}

// broken sends objects of every kind that is broken or odd, and messages that
// nobody understands. The reasons are what each must be buried for.
func (s *story) broken() {
	reasons := map[samplelog.Kind]string{
		samplelog.Truncated: "truncated", samplelog.BadChecksum: "corrupt", samplelog.Garbage: "corrupt",
		samplelog.WrongType: "corrupt", samplelog.BadRecord: "bad_record",
	}
	for _, kind := range samplelog.Kinds() {
		o := s.logs.Broken(kind)
		if kind == samplelog.Truncated || kind == samplelog.BadChecksum {
			o.Records = s.readable(o.Body) // what lies before the damage is delivered
		}
		s.send(notification.S3(s.put(o)))
		if reason, ok := reasons[kind]; ok {
			s.dead[reason]++
		}
	}
	gone := notification.Object{
		Bucket: bucket, Key: "AWSLogs/123456789012/CloudTrail/us-east-1/gone.json.gz", Size: 100,
		ETag: "0123456789abcdef0123456789abcdef", Region: s.cloud.Region(), Account: "123456789012", Time: time.Now(),
	}
	s.send(notification.S3(gone))
	s.dead["object_missing"]++
	for _, garbage := range notification.Garbage() {
		s.send(garbage)
		s.dead["unknown_notification"]++
	}
}

// readable counts the events of a damaged trail that lie whole before the
// damage.
func (s *story) readable(packed []byte) int {
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

// String lists what a story expects, for its log.
func (s *story) String() string {
	var parts []string
	for _, table := range slices.Sorted(maps.Keys(s.rows)) {
		parts = append(parts, fmt.Sprintf("%s %d rows", table, s.rows[table]))
	}
	return strings.Join(parts, ", ")
}
