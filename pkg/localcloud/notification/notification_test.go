package notification

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func object() Object {
	return Object{
		Bucket: "logs", Key: "AWSLogs/123456789012/a b+c=d::e é&.json.gz", Size: 4711,
		ETag: "d41d8cd98f00b204e9800998ecf8427e", Version: "3HL4kqtJlcpXroDTDmJ", Region: "eu-west-1", Account: "123456789012",
		Time: time.Date(2026, 11, 23, 15, 4, 5, 678_000_000, time.UTC),
	}
}

// TestShapes holds every shape against testdata/shapes.txtar.
func TestShapes(t *testing.T) {
	const path = "testdata/shapes.txtar"
	got := new(txtar.Archive)
	for _, s := range Shapes(object()) {
		body := []byte(s.Body)
		var indented bytes.Buffer
		if json.Indent(&indented, body, "", "  ") == nil {
			body = indented.Bytes()
		}
		got.Files = append(got.Files, txtar.File{Name: s.Name, Data: append(body, '\n')})
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(txtar.Format(got))); diff != "" {
		t.Errorf("shapes differ from %s (-want +got):\n%s", path, diff)
	}
}

func TestEncodeKey(t *testing.T) {
	f := func(key, want string) {
		t.Helper()
		if got := EncodeKey(key); got != want {
			t.Errorf("EncodeKey(%q): got %s; want %s", key, got, want)
		}
	}
	f("", "")
	f("a/b_c-d.e", "a/b_c-d.e")
	f("a b+c", "a+b%2Bc")
	f("year=2026/x::y", "year%3D2026/x%3A%3Ay")
	f("é%2F", "%C3%A9%252F")
}

func FuzzEncodeKey(f *testing.F) {
	f.Add("a b+c/%2F")
	f.Fuzz(func(t *testing.T, key string) {
		if got, err := url.QueryUnescape(EncodeKey(key)); err != nil || got != key {
			t.Errorf("EncodeKey(%q): decodes to %q, %v", key, got, err)
		}
	})
}
