package connections

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/connection"
)

func TestList(t *testing.T) {
	s := there()
	s.Connections[0].Table = "AWSVPCFlow"
	s.Connections = append(s.Connections, connection.Connection{Name: "Z", QueueURLs: []string{queueA + "1", queueA + "2"}, Destination: "files", Lookup: connection.Lookup{Insights: true}})
	in := func(k Kind, name string) bool { return name == "a" || k == Destination && name == "files" }
	f := func(list func(w *strings.Builder) error, want string) {
		t.Helper()
		var got strings.Builder
		if err := list(&got); err != nil || got.String() != want {
			t.Errorf("%v: got\n%s\nwant\n%s", err, got.String(), want)
		}
	}
	f(func(w *strings.Builder) error { return List(w, s, in, Text) }, `NAME  STATE    TABLE       DESTINATION  FROM     READS
Z     running  auto        files        command  https://sqs.eu-west-1.amazonaws.com/123456789012/a1,https://sqs.eu-west-1.amazonaws.com/123456789012/a2,event history
a     running  AWSVPCFlow  files        file     https://sqs.eu-west-1.amazonaws.com/123456789012/a
b     paused   auto        azure        command  https://sqs.eu-west-1.amazonaws.com/123456789012/b
`)
	f(func(w *strings.Builder) error { return List(w, there(), in, JSONLines) },
		`{"name":"a","state":"running","queues":["https://sqs.eu-west-1.amazonaws.com/123456789012/a"],"table":"auto","destination":"files","from":"file"}
{"name":"b","state":"paused","queues":["https://sqs.eu-west-1.amazonaws.com/123456789012/b"],"table":"auto","destination":"azure","from":"command"}
`)
	known := []string{"AWSCloudTrail", "AWSVPCFlow"}
	f(func(w *strings.Builder) error { return ListDestinations(w, s, in, known, Text) }, `NAME   TO                                                   TABLES                    CONNECTIONS  FROM
azure  https://dce-1.westeurope-1.ingest.monitor.azure.com  AWSCloudTrail             b            command
files  rows                                                 AWSCloudTrail,AWSVPCFlow  Z,a          file
`)
	f(func(w *strings.Builder) error {
		return ListDestinations(w, connection.Set{Destinations: []connection.Destination{files}}, in, known, JSONLines)
	}, `{"name":"files","to":"rows","tables":["AWSCloudTrail","AWSVPCFlow"],"connections":[],"from":"file"}
`)
	f(func(w *strings.Builder) error { return List(w, connection.Set{}, in, Text) }, "")
}

func TestWaiting(t *testing.T) {
	if got := (Waiting{}).String(); got != "nothing waits on the bus" {
		t.Errorf("got %q", got)
	}
	want := "on the bus wait at most 1 objects and 2 parts, of all connections, and 3 batches for the destination"
	if got := (Waiting{1, 2, 3}).String(); got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}
