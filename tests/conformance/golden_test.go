//go:build conformance

package conformance

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/format/all"
)

// exception is a column in which Logferry departs, on purpose, from the rows
// of Microsoft's connector.
type exception struct {
	name, table, column string
	why                 string
	// holds reports whether a difference is this one.
	holds func(got, want map[string]string) bool
}

var exceptions = []exception{
	{"category filled", "AWSCloudTrail", "Category", "the table's reference says eventCategory; the connector leaves it empty",
		func(got, want map[string]string) bool {
			return got["Category"] == "Management" && want["Category"] == ""
		}},
	{"operation name filled", "AWSCloudTrail", "OperationName", "the table's reference says CloudTrail; the connector leaves it empty",
		func(got, want map[string]string) bool {
			return got["OperationName"] == "CloudTrail" && want["OperationName"] == ""
		}},
	{"ampersand verbatim", "AWSCloudTrail", "AdditionalEventData", "the record's own bytes; the connector writes & as \\u0026, the same value to parse_json",
		func(got, want map[string]string) bool {
			return got["AdditionalEventData"] == strings.ReplaceAll(want["AdditionalEventData"], `\u0026`, "&")
		}},
	{"start filled", "AWSVPCFlow", "Start", "the column exists and the connector leaves it empty",
		func(got, want map[string]string) bool {
			return got["Start"] == got["TimeGenerated"] && want["Start"] == ""
		}},
}

// The published rows of Microsoft's connector, and what its published
// transformations make of a record.
func TestGoldenPairs(t *testing.T) {
	pairs := filepath.Join(folder(t), "sentinel_golden", "pairs")
	used := map[string]bool{}
	f := func(name, raw string) {
		t.Helper()
		tableName, _, _ := strings.Cut(name, ".")
		got, err := parse(all.Formats(), filepath.Join(pairs, name+raw), name+raw)
		if err != nil {
			t.Error(err)
			return
		}
		want := lines(t, filepath.Join(pairs, name+".expected.jsonl"))
		if len(got.rows) != len(want) {
			t.Errorf("%s: got %d rows; want %d", name, len(got.rows), len(want))
			return
		}
		for i := range want {
			g, w := values(t, got.rows[i]), values(t, []byte(want[i]))
			normalise(g)
			normalise(w)
			for _, d := range differences(g, w) {
				column, _, _ := strings.Cut(d, ":")
				if e := except(tableName, column, g, w); e != nil {
					used[e.name] = true
					continue
				}
				t.Errorf("%s, row %d: %s", name, i, d)
			}
		}
	}
	// Real rows; the records are rebuilt from them.
	f("AWSCloudTrail", ".reconstructed.raw.json")
	// What the published transformation gives.
	f("AWSVPCFlow.v2_nodata", ".raw.log")
	f("AWSVPCFlow.custom_order", ".raw.log")
	f("AWSVPCFlow.ecs", ".raw.log")
	f("AWSVPCFlow.overflow_packets", ".raw.log")

	for _, e := range exceptions {
		if !used[e.name] {
			t.Errorf("exception %q of %s is not met by any row: remove it", e.name, e.table)
		}
	}
}

func except(table, column string, got, want map[string]string) *exception {
	for i, e := range exceptions {
		if e.table == table && e.column == column && e.holds(got, want) {
			return &exceptions[i]
		}
	}
	return nil
}

// normalise writes times one way: the pairs give milliseconds or none.
func normalise(row map[string]string) {
	for name, v := range row {
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			row[name] = at.UTC().Format(time.RFC3339Nano)
		}
	}
}

// A digest tells rows apart by every value, and not by the order of columns.
func TestDigest(t *testing.T) {
	f := func(a, b string, same bool) {
		t.Helper()
		if got := digest(t, [][]byte{[]byte(a)}) == digest(t, [][]byte{[]byte(b)}); got != same {
			t.Errorf("%s and %s: same digest is %v; want %v", a, b, got, same)
		}
	}
	f(`{"A":1,"B":"x"}`, `{"B":"x","A":1}`, true)
	f(`{"A":1,"B":""}`, `{"A":1}`, true)
	f(`{"A":1}`, `{"A":2}`, false)
	f(`{"A":{"b":1,"c":2}}`, `{"A":{"c":2,"b":1}}`, false)
}
