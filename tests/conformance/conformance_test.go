//go:build conformance

package conformance

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format/all"
)

// folder is where the samples are. Without them there is nothing to test, and
// that is a failure.
func folder(t *testing.T) string {
	t.Helper()
	name := os.Getenv("LOGFERRY_SAMPLES")
	if _, err := os.Stat(filepath.Join(name, "MANIFEST.tsv")); name == "" || err != nil {
		t.Fatalf("LOGFERRY_SAMPLES is %q; want the folder of the samples, the one with MANIFEST.tsv", name)
	}
	return name
}

// expectation is one line of expect.tsv.
type expectation struct {
	File, Key string
	outcome
	// Digest is that of all rows, "-" for none.
	Digest string
}

func expectations(t *testing.T) []expectation {
	t.Helper()
	var all []expectation
	for i, line := range lines(t, "expect.tsv") {
		f := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || f[0] == "file" {
			continue
		}
		if len(f) != 8 {
			t.Fatalf("expect.tsv:%d: %d columns; want 8", i+1, len(f))
		}
		e := expectation{File: f[0], Key: f[1], Digest: f[7]}
		if e.Key == "-" {
			e.Key = e.File
		}
		e.Format, e.End = f[2], f[6]
		for n, to := range map[int]*int{3: &e.Records, 4: &e.Rows, 5: &e.Dead} {
			var err error
			if *to, err = strconv.Atoi(f[n]); err != nil {
				t.Fatalf("expect.tsv:%d: %v", i+1, err)
			}
		}
		all = append(all, e)
	}
	return all
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		all = append(all, s.Text())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return all
}

// Every sample comes out as expected: format, counts, end, and every value of
// every row.
func TestSamples(t *testing.T) {
	samples := folder(t)
	for _, e := range expectations(t) {
		t.Run(e.File, func(t *testing.T) {
			got, err := parse(all.Formats(), filepath.Join(samples, e.File), e.Key)
			if err != nil {
				t.Fatal(err)
			}
			line := func(o outcome) string {
				return fmt.Sprintf("format %s, %d records, %d rows, %d dead, %s", o.Format, o.Records, o.Rows, o.Dead, o.End)
			}
			if line(got) != line(e.outcome) {
				t.Fatalf("got %s; want %s (%v)", line(got), line(e.outcome), got.said)
			}
			if d := digest(t, got.rows); d != e.Digest {
				t.Errorf("rows have digest %s; want %s", d, e.Digest)
			}
		})
	}
}

// The list of expectations and the folder name the same files.
func TestEverySample(t *testing.T) {
	samples := folder(t)
	var want []string
	for _, e := range expectations(t) {
		want = append(want, e.File)
	}
	var got []string
	err := filepath.WalkDir(samples, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "MANIFEST.tsv" {
			return err
		}
		rel, err := filepath.Rel(samples, name)
		got = append(got, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("sample %s has no line in expect.tsv", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("expect.tsv names %s, which is not in the folder", name)
		}
	}
}

// Whole rows, so that a difference is seen as what it is.
func TestRows(t *testing.T) {
	samples := folder(t)
	files, err := filepath.Glob("rows/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("rows/*.jsonl: %v, %d files", err, len(files))
	}
	keys := map[string]string{}
	for _, e := range expectations(t) {
		keys[e.File] = e.Key
	}
	parsed := map[string]outcome{}
	for _, name := range files {
		for i, line := range lines(t, name) {
			var want struct {
				File   string
				Record int
				Row    map[string]json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &want); err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			got, ok := parsed[want.File]
			if !ok {
				if got, err = parse(all.Formats(), filepath.Join(samples, want.File), keys[want.File]); err != nil {
					t.Fatal(err)
				}
				parsed[want.File] = got
			}
			if want.Record >= len(got.rows) {
				t.Errorf("%s: no row %d; there are %d", want.File, want.Record, len(got.rows))
				continue
			}
			for _, d := range differences(values(t, got.rows[want.Record]), plain(want.Row)) {
				t.Errorf("%s, record %d (%s:%d): %s", want.File, want.Record, name, i+1, d)
			}
		}
	}
}

func differences(got, want map[string]string) []string {
	var all []string
	names := maps.Clone(got)
	maps.Copy(names, want)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if got[name] != want[name] {
			all = append(all, fmt.Sprintf("%s: got %.300q; want %.300q", name, got[name], want[name]))
		}
	}
	return all
}

// values returns the columns of a row of JSON as text.
func values(t *testing.T, row []byte) map[string]string {
	t.Helper()
	var columns map[string]json.RawMessage
	if err := json.Unmarshal(row, &columns); err != nil {
		t.Fatalf("row is no JSON: %v: %.300s", err, row)
	}
	return plain(columns)
}

// plain unquotes strings and leaves all else as it is written. Empty text is
// left out: the service does not tell it from no value.
func plain(columns map[string]json.RawMessage) map[string]string {
	texts := map[string]string{}
	for name, v := range columns {
		text := string(v)
		if v[0] == '"' {
			text = ""
			if json.Unmarshal(v, &text) != nil {
				text = string(v)
			}
		}
		if text != "" && text != "null" {
			texts[name] = text
		}
	}
	return texts
}

// digest sums up rows: the columns by name, then the next row.
func digest(t *testing.T, rows [][]byte) string {
	t.Helper()
	if len(rows) == 0 {
		return "-"
	}
	h := sha256.New()
	for _, row := range rows {
		v := values(t, row)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(h, "%s=%s\n", name, v[name])
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
