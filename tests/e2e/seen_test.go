package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/file"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/tests/story"
)

// Rows end in files when the destination is a directory.
func TestRowsToFiles(t *testing.T) {
	f := func(format string, count func(*testing.T, string) int64) {
		t.Helper()
		s := story.New(t)
		rows := filepath.Join(t.TempDir(), "rows")
		s.Config.Destinations = []connection.Destination{{Name: "files", Directory: rows, Format: format}}
		s.Config.Connections[0].Destination = "files"
		for i := range 12 {
			s.Announce(i, s.Put(s.Object(i)))
		}
		s.UntilIdle()
		for table, want := range s.Rows {
			files, err := filepath.Glob(filepath.Join(rows, table, "*."+format))
			if err != nil {
				t.Fatal(err)
			}
			var got int64
			for _, name := range files {
				got += count(t, name)
			}
			if got != want {
				t.Errorf("%s %s: %d rows in %d files; want %d", format, table, got, len(files), want)
			}
		}
		if waiting, dead, err := s.AWS.Depth(); err != nil || waiting+dead != 0 {
			t.Errorf("%s: %d messages waiting, %d dead, %v; want none", format, waiting, dead, err)
		}
	}
	f("jsonl", countLines)
	f("parquet", countParquet)
}

func countLines(t *testing.T, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return int64(bytes.Count(text, []byte("}\n")))
}

func countParquet(t *testing.T, name string) int64 {
	t.Helper()
	r, err := file.OpenParquetFile(name, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.NumRows()
}

// Whatever goes well or wrong, no secret is in the log or the metrics.
func TestSecretsStaySecret(t *testing.T) {
	const planted = "planted-secret"
	s := story.New(t)
	s.Config.Bus.URL = strings.Replace(story.StartBus(t).URL, "nats://", "nats://user:"+planted+"-bus@", 1)
	wrong := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(wrong, []byte(planted+"-client"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := s.Config.Destinations[0]
	refused.Name, refused.Credential.ClientSecretFile = "refused", wrong
	s.Config.Destinations = append(s.Config.Destinations, refused)
	for _, c := range []connection.Connection{{Name: "denied", ExternalID: planted + "-external"}, {Name: "unposted", ExternalID: story.ExternalID}} {
		url, err := s.Cloud.Feed(c.Name+"-logs", c.Name)
		if err != nil {
			t.Fatal(err)
		}
		c.RoleARN, c.QueueURL, c.Region, c.Destination = story.RoleARN, url, s.Config.Connections[0].Region, "refused"
		s.Config.Connections = append(s.Config.Connections, c)
	}
	s.Broken()
	o := s.Object(0)
	s.Announce(0, s.Put(o))
	if err := s.Cloud.S3.Put("unposted-logs", o.Key, o.Body); err != nil {
		t.Fatal(err)
	}
	p := s.Launch(nil, "logferry", "run", "--log-level", "debug")
	story.Eventually(t, story.Patience, "the rows, and both refusals", func() bool {
		log := p.Output()
		return s.Cloud.Ingestion.Total().Rows > 0 && strings.Contains(log, "cannot be assumed") && strings.Contains(log, `"outcome":"no_token"`)
	})
	seen := p.Output() + get(t, "http://"+p.Admin+"/metrics") + get(t, "http://"+p.Admin+"/debug/pprof/cmdline")
	p.Stop()
	seen += p.Output()
	for _, secret := range []string{planted, story.ExternalID, localcloud.ClientSecret, localcloud.SecretAccessKey, "Bearer ", "eyJ"} {
		if at := strings.Index(seen, secret); at >= 0 {
			t.Errorf("%q is told: …%s…", secret, seen[max(at-300, 0):min(at+100, len(seen))])
		}
	}
}

// get returns what a URL answers.
func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// The way of an object through all services is one trace, across the bus.
func TestOneTraceForAnObject(t *testing.T) {
	s := story.New(t)
	c := &collector{spans: map[string]map[string]tracedSpan{}}
	server := httptest.NewServer(c)
	defer server.Close()
	s.Env = append(s.Env, "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL, "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip")
	s.Send(notification.S3(s.Put(s.Logs.CloudTrail(5))))
	s.UntilIdle()
	c.mu.Lock()
	defer c.mu.Unlock()
	objects := 0
	for trace, spans := range c.spans {
		if len(spans) == 1 && spans["poller"].id != "" {
			continue // the bucket's test event
		}
		objects++
		parent := ""
		for _, service := range []string{"poller", "fetcher", "parser", "writer"} {
			span, ok := spans[service]
			if !ok || span.parent != parent {
				t.Errorf("trace %x: span of %s there %v, its parent %x; want %x, the span of the service before", trace, service, ok, span.parent, parent)
			}
			parent = span.id
		}
	}
	if objects != 1 {
		t.Errorf("%d traces; want one for one object", objects)
	}
}

// collector takes traces as OpenTelemetry's collector does.
type collector struct {
	mu    sync.Mutex
	spans map[string]map[string]tracedSpan // by trace and name
}

type tracedSpan struct{ id, parent string }

// ServeHTTP implements [http.Handler].
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(unpacked)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range members(body, 1) {
		for _, scope := range members(resource, 2) {
			for _, span := range members(scope, 2) {
				c.add(span)
			}
		}
	}
}

func (c *collector) add(span []byte) {
	text := func(number protowire.Number) string { return string(bytes.Join(members(span, number), nil)) }
	trace := text(1)
	if c.spans[trace] == nil {
		c.spans[trace] = map[string]tracedSpan{}
	}
	c.spans[trace][text(5)] = tracedSpan{id: text(2), parent: text(4)}
}

// members returns the values of a member of a protobuf message that has a
// length.
func members(message []byte, number protowire.Number) [][]byte {
	var values [][]byte
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeField(message)
		if size < 0 {
			return values
		}
		if n == number && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(message)
			value, _ := protowire.ConsumeBytes(message[tag:])
			values = append(values, value)
		}
		message = message[size:]
	}
	return values
}
