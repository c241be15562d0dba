package notification

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/logferry/logferry/pkg/fault"
)

var update = flag.Bool("update", false, "write what Parse gives into testdata")

// Each archive holds pairs of files: name.json is a message, name.want what
// Parse makes of it.
func TestShapes(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("got no test data, error %v", err)
	}
	for _, path := range archives {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(a.Files); i += 2 {
			message, want := a.Files[i], &a.Files[i+1]
			got := describe(Parse([]byte(strings.TrimSuffix(string(message.Data), "\n"))))
			if *update {
				want.Data = []byte(got)
			}
			if got != string(want.Data) {
				t.Errorf("%s: %s:\ngot\n%swant\n%s", path, message.Name, got, want.Data)
			}
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// describe writes a result for people, one line a fact.
func describe(n Notification, err error) string {
	if err != nil {
		return fmt.Sprintf("%s: %v\n", fault.ReasonOf(err), err)
	}
	var w strings.Builder
	fmt.Fprintf(&w, "shape %s\n", n.Shape)
	for _, o := range n.Objects {
		fmt.Fprintf(&w, "object s3://%s/%s version=%q etag=%q region=%q size=%d", o.Bucket, o.Key, o.VersionID, o.ETag, o.Region, o.Size)
		if !o.EventTime.IsZero() {
			fmt.Fprintf(&w, " %s", o.EventTime.Format(time.RFC3339Nano))
		}
		w.WriteByte('\n')
	}
	for _, i := range n.Ignored {
		fmt.Fprintf(&w, "ignored %s\n", i)
	}
	for _, r := range n.Rejected {
		fmt.Fprintf(&w, "rejected %s\n", r)
	}
	return w.String()
}

func TestUnescape(t *testing.T) {
	f := func(key, want string) {
		t.Helper()
		if got := unescape(key); got != want {
			t.Errorf("%q: got %q; want %q", key, got, want)
		}
	}
	f("AWSLogs/1/a.gz", "AWSLogs/1/a.gz")
	f("AWSLogs%2F1%2Fa.gz", "AWSLogs/1/a.gz")
	f("a+b", "a b")
	f("a%20b", "a b")
	f("a%2Bb", "a+b")
	f("a%252Bb", "a%2Bb")
	f("%E2%82%AC", "€")
	// what cannot be decoded stays
	f("100%", "100%")
	f("a%zzb", "a%zzb")
	f("%FF", "%FF")
}

func TestParseTime(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if got := parseTime(s).Format(time.RFC3339Nano); got != want {
			t.Errorf("%q: got %s; want %s", s, got, want)
		}
	}
	const none = "0001-01-01T00:00:00Z"
	f("2026-03-04T05:06:07.891Z", "2026-03-04T05:06:07.891Z")
	f("2026-03-04T05:06:07Z", "2026-03-04T05:06:07Z")
	f("2026-03-04T07:06:07+02:00", "2026-03-04T05:06:07Z")
	f("2026-03-04T05:06:07.891234", "2026-03-04T05:06:07.891234Z")
	f("2026-03-04T05:06:07", "2026-03-04T05:06:07Z")
	f("", none)
	f("yesterday", none)
}

func FuzzParse(f *testing.F) {
	for _, path := range []string{"s3", "sns", "eventbridge", "cloudtrail", "config", "members", "unknown"} {
		a, err := txtar.ParseFile("testdata/" + path + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i < len(a.Files); i += 2 {
			f.Add(a.Files[i].Data)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := Parse(body)
		if err != nil {
			if !fault.IsPermanent(err) || fault.ReasonOf(err) != fault.UnknownNotification || len(err.Error()) > 2000 {
				t.Errorf("got error %v; want a short permanent fault unknown_notification", err)
			}
			return
		}
		if len(n.Objects)+len(n.Ignored) == 0 {
			t.Errorf("got neither an object nor anything ignored from %q", body)
		}
		for _, o := range n.Objects {
			if !bucketName.MatchString(o.Bucket) || o.Key == "" || len(o.Key) > maxKeyBytes || o.Size < 0 {
				t.Errorf("got object %+v", o)
			}
		}
	})
}

// Messages are as AWS sends them: without white space.
func BenchmarkParse(b *testing.B) {
	for _, path := range []string{"s3", "sns", "eventbridge"} {
		a, err := txtar.ParseFile("testdata/" + path + ".txtar")
		if err != nil {
			b.Fatal(err)
		}
		var body bytes.Buffer
		if err := json.Compact(&body, a.Files[0].Data); err != nil {
			b.Fatal(err)
		}
		b.Run(path, func(b *testing.B) {
			b.SetBytes(int64(body.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(body.Bytes()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
