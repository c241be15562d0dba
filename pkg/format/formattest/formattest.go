// Package formattest is the conformance suite of formats: what every format
// must do, whatever its log. A format's folder needs one test of each kind, in
// an external test package:
//
//	func TestFormat(t *testing.T)      { formattest.Run(t, waf.Format(), all.Formats()) }
//	func FuzzFormat(f *testing.F)      { formattest.Fuzz(f, waf.Format()) }
//	func BenchmarkFormat(b *testing.B) { formattest.Benchmark(b, waf.Format(), object) }
//
// and golden cases in testdata, one txtar file each:
//
//	What the case shows.
//	-- key --
//	keys that the format must own, a line each; may be missing
//	-- object --
//	the decompressed object, which so ends with a line end
//	-- rows.jsonl --
//	the rows, a JSON object a line, without nulls
//	-- dead --
//	the refused records: offset, colon, reason
//	-- flaws --
//	what had to be mended in the rows
//	-- error --
//	why the object ended early
//
// The object may instead be in the section "object.quoted": lines of Go string
// literals, each optionally followed by " * n", which are joined. So it can
// hold any bytes and very long values. A section "nosniff" says that an object
// with rows cannot be recognised by its content.
//
// go test -update rewrites the sections after the object, and the table of
// columns in the format's README.md. Commit only a diff that you understand.
package formattest

import (
	"flag"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/table"
)

var update = flag.Bool("update", false, "rewrite the golden cases and the README's table of columns")

// Run tests the format f in the folder of the calling test. It must not claim
// the objects of the others, nor they its own; f may be one of them.
func Run(t *testing.T, f *format.Format, others format.Set) {
	t.Run("columns", func(t *testing.T) { testColumns(t, f) })
	t.Run("readme", func(t *testing.T) { testReadme(t, f) })
	cases := load(t)
	var keys int
	for _, c := range cases {
		keys += len(c.keys)
		t.Run(c.name, func(t *testing.T) {
			testGolden(t, f, c)
			testKeys(t, f, others, c)
			testSniff(t, f, others, c)
			testSplit(t, f, c)
			testWire(t, f, c)
			testParts(t, f, c)
		})
	}
	if keys == 0 {
		t.Error("no case has a key")
	}
}

func testColumns(t *testing.T, f *format.Format) {
	known, ok := table.Get(f.Table)
	if !ok {
		t.Fatalf("there is no table %s", f.Table)
	}
	seen := make(map[string]bool)
	for _, c := range f.Columns {
		column, ok := known.Column(c.Name)
		switch {
		case !ok:
			t.Errorf("%s: not in the table %s", c.Name, f.Table)
		case column.System:
			t.Errorf("%s: set by the service, never sent", c.Name)
		case seen[c.Name]:
			t.Errorf("%s: listed twice", c.Name)
		case c.From == "":
			t.Errorf("%s: does not say where it comes from", c.Name)
		}
		seen[c.Name] = true
	}
	if !seen["TimeGenerated"] {
		t.Error("no TimeGenerated: the service would set it to the time of arrival")
	}
	if f.Name == "" || f.Name != strings.ToLower(f.Name) || strings.ContainsAny(f.Name, ". *>/") {
		t.Errorf("name %q: want a subject token", f.Name)
	}
	if f.Title == "" || f.PartBytes <= 0 || f.PartBytes > format.MaxRecordBytes || f.RecordOverhead <= 0 {
		t.Errorf("title %q, part bytes %d, record overhead %d: out of bounds", f.Title, f.PartBytes, f.RecordOverhead)
	}
	f.Schema() // panics on a column without a legal type
}

func testGolden(t *testing.T, f *format.Format, c *goldenCase) {
	got := run(f, c.object)
	if *update {
		c.write(t, got)
		return
	}
	if diff := cmp.Diff(c.want, got.sections()); diff != "" {
		t.Errorf("(-want +got; -update accepts what was got):\n%s", diff)
	}
}

// testKeys also asks every other format, so that no key has two owners.
func testKeys(t *testing.T, f *format.Format, others format.Set, c *goldenCase) {
	for _, key := range c.keys {
		if !f.Owns(key) {
			t.Errorf("Owns(%q): got false; want true", key)
		}
		for _, o := range others {
			if o.Name != f.Name && o.Owns(key) {
				t.Errorf("format %s owns %q too", o.Name, key)
			}
		}
	}
	for _, key := range []string{"", "/", "AWSLogs/", "a/b.json.gz", "logs/2026/03/01/app.log"} {
		if f.Owns(key) {
			t.Errorf("Owns(%q): got true; want false", key)
		}
	}
}

func testSniff(t *testing.T, f *format.Format, others format.Set, c *goldenCase) {
	head := c.object[:min(len(c.object), format.SniffBytes)]
	if got := f.Sniff(head); !got && !c.nosniff && len(run(f, c.object).rows) > 0 {
		t.Error("Sniff: got false; want true for an object with rows")
	}
	for _, o := range others {
		if o.Name != f.Name && o.Sniff(head) {
			t.Errorf("format %s sniffs it too", o.Name)
		}
	}
	for n := range min(len(head), 200) { // no prefix makes it panic
		f.Sniff(head[:n])
	}
}
