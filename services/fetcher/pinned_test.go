package fetcher

import (
	"testing"

	"github.com/logferry/logferry/pkg/format/all"
)

// Where an object is cut into parts must not change from one version to the
// next while something is on its way: parts that one has sent and parts that
// the other sends would not fit together. Who changes a number here raises
// layoutVersion in pkg/bus, which refuses a bus that another version has filled.
func TestCutsArePinned(t *testing.T) {
	type cut struct{ bytes, overhead int }
	want := map[string]cut{"cloudtrail": {864 << 10, 256}, "guardduty": {768 << 10, 256}, "vpcflow": {256 << 10, 200}}
	for _, f := range all.Formats() {
		if got := (cut{f.PartBytes, f.RecordOverhead}); got != want[f.Name] {
			t.Errorf("%s is cut at %v; want %v", f.Name, got, want[f.Name])
		}
	}
	if maxPartRecords != 8000 {
		t.Errorf("a part has at most %d records; want 8000", maxPartRecords)
	}
}
