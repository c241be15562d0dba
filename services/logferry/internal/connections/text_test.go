package connections

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/connection"
)

// What is written is read again as it was.
func TestWriteAndRead(t *testing.T) {
	full := connection.Set{
		Destinations: []connection.Destination{files, {
			Name: "azure", Endpoint: "https://dce-1.westeurope-1.ingest.monitor.azure.com", Cloud: "public", CAFile: "ca.pem",
			Credential: connection.Credential{Kind: "client_secret", TenantID: "t", ClientID: "c", ClientSecretFile: "s"},
			Tables: map[string]connection.Rule{
				"AWSCloudTrail": {Rule: rule, Stream: "Custom-X", EventTime: "EventTime_CF"},
				"AWSVPCFlow":    {Rules: []string{rule, "dcr-fedcba9876543210fedcba9876543210"}},
			},
		}},
		Connections: []connection.Connection{a, b, {
			Name: "full", RoleARN: "arn:aws:iam::123456789012:role/r", ExternalID: "012345678901", SessionName: "yes",
			QueueURLs: []string{queueA, queueB}, Region: "eu-west-1", Buckets: []string{"x", "y"}, RequesterPays: true,
			Lookup: connection.Lookup{Regions: []string{connection.AllRegions}, Since: 36 * time.Hour},
			Table:  "AWSCloudTrail", Destination: "azure", Ack: "stored", Paused: true,
		}},
	}
	var text strings.Builder
	if err := Write(&text, full); err != nil {
		t.Fatal(err)
	}
	if got, err := Read("x.yaml", []byte("\ufeff"+text.String())); err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("got %+v, %v\nwant %+v\nof %s", got, err, full, text.String())
	}
	text.Reset()
	if err := WriteOne(&text, a); err != nil {
		t.Fatal(err)
	}
	want := "name: a\nqueue_url: https://sqs.eu-west-1.amazonaws.com/123456789012/a\ndestination: files\n"
	if text.String() != want {
		t.Errorf("got %q; want %q", text.String(), want)
	}
	if got, err := ReadOne[connection.Connection]("x.yaml", []byte(want)); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("got %+v, %v; want %+v", got, err, a)
	}
}

func TestReadErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Read("x.yaml", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v; want %s", text, err, want)
		}
	}
	f("", "x.yaml: is empty")
	f("connections: []\n", "x.yaml: holds neither connections nor destinations")
	f("conections: []\n", `x.yaml:1: unknown field "conections"`)
	f("connections:\n  - name: a\n    role: b\n", `x.yaml:3: unknown field "role"`)
	f("connections:\n  - name: [secret]\n", "x.yaml:2: must be a text")
	f("connections:\n  - paused: secret\n", "x.yaml:2: must be true or false")
	f("connections: 7\n", "x.yaml:1: int was used where sequence is expected")
	f("connections:\n  - name: a\n bad: secret\n", "x.yaml:3: value is not allowed in this context")
	f("connections:\n  - name: a\n---\nconnections:\n  - name: b\n", "x.yaml: holds more than one YAML document; keep one")
	f("a: b: secret\n", "x.yaml:1: mapping value is not allowed in this context")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("connections:\n  - name: a\n    queue_urls: [x, y]\n    lookup: { since: 3h }\ndestinations:\n  - name: b\n    tables: { A: { rule: c } }\n"))
	f.Add([]byte("connections:\n  - &x\n    name: a\n  - *x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Read("x.yaml", text)
		if err != nil {
			return
		}
		var again strings.Builder
		if err := Write(&again, s); err != nil {
			t.Fatal(err)
		}
		if _, err := Read("again.yaml", []byte(again.String())); err != nil {
			t.Errorf("%v\n%s", err, again.String())
		}
	})
}
