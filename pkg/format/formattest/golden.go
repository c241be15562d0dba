package formattest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// results are the sections that a run gives, in the order of a file.
var results = []string{"rows.jsonl", "dead", "flaws", "error"}

// goldenCase is one file of testdata.
type goldenCase struct {
	name    string
	path    string
	archive *txtar.Archive
	object  []byte
	keys    []string
	nosniff bool
	want    map[string]string
}

func load(t testing.TB) []*goldenCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("golden cases: got %d, %v; want some in testdata", len(paths), err)
	}
	cases := make([]*goldenCase, len(paths))
	for i, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cases[i] = parse(t, path, archive)
	}
	return cases
}

func parse(t testing.TB, path string, archive *txtar.Archive) *goldenCase {
	t.Helper()
	c := &goldenCase{
		name:    strings.TrimSuffix(filepath.Base(path), ".txtar"),
		path:    path,
		archive: archive,
		want:    make(map[string]string),
	}
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		t.Errorf("%s: does not say what it shows", path)
	}
	for _, file := range archive.Files {
		switch {
		case file.Name == "key":
			c.keys = strings.Fields(string(file.Data))
		case file.Name == "object":
			c.object = file.Data
		case file.Name == "object.quoted":
			c.object = unquote(t, path, string(file.Data))
		case file.Name == "nosniff":
			c.nosniff = true
		case slices.Contains(results, file.Name):
			c.want[file.Name] = string(file.Data)
		default:
			t.Errorf("%s: unknown section %s", path, file.Name)
		}
	}
	return c
}

// unquote joins lines of string literals, each with an optional " * n".
func unquote(t testing.TB, path, lines string) (object []byte) {
	t.Helper()
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		literal, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, line, err)
		}
		times := 1
		if rest := line[len(literal):]; rest != "" {
			if times, err = strconv.Atoi(strings.TrimPrefix(rest, " * ")); err != nil {
				t.Fatalf("%s: %s: %v", path, line, err)
			}
		}
		text, err := strconv.Unquote(literal)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, line, err)
		}
		object = append(object, strings.Repeat(text, times)...)
	}
	return object
}

// write puts the result in the case's file, in place of the old.
func (c *goldenCase) write(t *testing.T, got result) {
	t.Helper()
	c.archive.Files = slices.DeleteFunc(c.archive.Files, func(f txtar.File) bool {
		return slices.Contains(results, f.Name)
	})
	sections := got.sections()
	for _, name := range results {
		if sections[name] != "" {
			c.archive.Files = append(c.archive.Files, txtar.File{Name: name, Data: []byte(sections[name])})
		}
	}
	if err := os.WriteFile(c.path, txtar.Format(c.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
