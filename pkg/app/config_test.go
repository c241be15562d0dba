package app

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The configuration of the documentation, key by key.
func TestReadFull(t *testing.T) {
	text, err := os.ReadFile("testdata/config/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := read("full.yaml", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.Bus.Store = "./data/bus"
	want.Destinations = []connection.Destination{{
		Name:       "sentinel",
		Endpoint:   "https://my-dce-abcd.westeurope-1.ingest.monitor.azure.com",
		Credential: connection.Credential{Kind: connection.CredentialDefault},
		Tables: map[string]connection.Rule{"AWSCloudTrail": {
			Rule: "dcr-0123456789abcdef0123456789abcdef", Stream: "Custom-Logferry-AWSCloudTrail",
		}},
	}, {
		Name: "local", Directory: "./data/rows",
	}}
	want.Connections = []connection.Connection{{
		Name:        "org-trail",
		RoleARN:     "arn:aws:iam::123456789012:role/logferry",
		ExternalID:  "6f1c2a7e-0000-0000-0000-000000000000",
		QueueURL:    "https://sqs.eu-west-1.amazonaws.com/123456789012/org-trail",
		Region:      "eu-west-1",
		Table:       connection.Auto,
		Destination: "sentinel",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Each golden file holds configurations and environments with the errors they
// give: in.yaml, env (a variable a line), and errors.
func TestReadErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var text, environ, got string
	for i, f := range archive.Files {
		switch f.Name {
		case "in.yaml":
			text, environ = string(f.Data), ""
		case "env":
			environ = string(f.Data)
		case "errors":
			got = problems(text, environ)
			if *update {
				archive.Files[i].Data = []byte(got)
				continue
			}
			if diff := cmp.Diff(string(f.Data), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		default:
			t.Fatalf("%s: a file named %s has no meaning", file, f.Name)
		}
	}
	if got == "" {
		t.Fatalf("%s checks nothing", file)
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func problems(text, environ string) string {
	if _, err := read("in.yaml", []byte(text), strings.Fields(environ)); err != nil {
		return strings.ReplaceAll(err.Error(), strings.Join(all.Formats().Tables(), ", "), "(the tables)") + "\n" // a new format changes no golden file
	}
	return "none\n"
}

// Variables win over the file, which wins over the defaults.
func TestReadEnvironment(t *testing.T) {
	text, err := os.ReadFile("testdata/config/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := read("full.yaml", text, []string{
		"HOME=/nowhere",
		"LOGFERRY_BUS_MAX_BYTES=8GiB",
		"LOGFERRY_GRACE=7s",
		"LOGFERRY_ADMIN_PROFILES=true",
		"LOGFERRY_POLLER_RECEIVERS=2",
		"LOGFERRY_CONNECTIONS_ORG_TRAIL_EXTERNAL_ID=other-id",
		"LOGFERRY_CONNECTIONS_ORG_TRAIL_BUCKETS=one, two-logs",
		"LOGFERRY_DESTINATIONS_SENTINEL_TABLES_AWSCLOUDTRAIL_RULE=dcr-ffffffffffffffffffffffffffffffff",
		"LOGFERRY_RACE=1",                           // another program's
		"LOGFERRY_SERVICE_HOST=10.0.0.1",            // set by Kubernetes
		"LOGFERRY_WRITER_PORT_80_TCP_ADDR=10.0.0.1", // the same
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, cfg.Bus.MaxBytes, 8<<30)
	equal(t, cfg.Grace, 7*time.Second)
	equal(t, cfg.Admin.Profiles, true)
	equal(t, cfg.Poller.Receivers, 2)
	equal(t, cfg.Connections[0].ExternalID, "other-id")
	equal(t, cfg.Connections[0].Buckets[1], "two-logs")
	equal(t, cfg.Destinations[0].Tables["AWSCloudTrail"].Rule, "dcr-ffffffffffffffffffffffffffffffff")
	equal(t, cfg.Destinations[0].Tables["AWSCloudTrail"].Stream, "Custom-Logferry-AWSCloudTrail")
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v; want %v", got, want)
	}
}

// Some editors begin a file with a byte order mark and end lines with CR LF.
func TestLoadFromWindows(t *testing.T) {
	text := "\ufeffdestinations: [{name: d, directory: rows}]\r\nconnections:\r\n  - name: a\r\n" +
		"    queue_url: https://sqs.eu-west-1.amazonaws.com/123456789012/a\r\n    destination: d\r\n"
	path := filepath.Join(t.TempDir(), "in.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, cfg.Connections[0].Destination, "d")
}

func TestLoadMissing(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v; want an error that says the file does not exist", err)
	}
}

// No text may make the reader panic or fail in silence.
func FuzzRead(f *testing.F) {
	full, err := os.ReadFile("testdata/config/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(full), "8GiB")
	f.Add("connections: &c [{name: a}]\ndestinations: *c\n", "x")
	f.Add("connections: {a: [}", "-1")
	f.Add("a: &a [*a, *a]\n<<: *a", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		_, err := read("in.yaml", []byte(text), []string{"LOGFERRY_BUS_MAX_BYTES=" + value, "LOGFERRY_GRACE=" + value})
		if err != nil && err.Error() == "" {
			t.Error("an error without a message")
		}
	})
}
