package samplelog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestMarks reads every record's number back.
func TestMarks(t *testing.T) {
	g := New(1, now)
	const objects, records = 3, 3000
	f := func(object uint32, o Object, got func(raw []byte) []record24) {
		t.Helper()
		marks := got(unpack(t, o))
		if len(marks) != o.Records {
			t.Errorf("%s: got %d marks; want %d", o.Key, len(marks), o.Records)
		}
		for i, m := range marks {
			if want := (record24{object, uint32(i), true}); m != want {
				t.Fatalf("%s: got mark %+v of record %d; want %+v", o.Key, m, i, want)
			}
		}
	}
	for i := range uint32(objects) {
		object := i * 0x7fffffff // up to 2^32-2
		g.Mark(object)
		f(object, g.CloudTrail(records), trailMarks)
		f(object, g.VPCFlow(records), flowMarks)
		f(object, g.GuardDuty(records), findingMarks)
	}
}

type record24 struct {
	object, record uint32
	ok             bool
}

func markOf(object, record uint32, ok bool) record24 { return record24{object, record, ok} }

func trailMarks(raw []byte) (marks []record24) {
	var doc struct{ Records []struct{ EventID string } }
	_ = json.Unmarshal(raw, &doc)
	for _, r := range doc.Records {
		marks = append(marks, markOf(TrailMark([]byte(r.EventID))))
	}
	return marks
}

func flowMarks(raw []byte) (marks []record24) {
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		marks = append(marks, markOf(FlowMark([]byte(fields[2]), []byte(fields[4]))))
	}
	return marks
}

func findingMarks(raw []byte) (marks []record24) {
	for d := json.NewDecoder(bytes.NewReader(raw)); d.More(); {
		var finding struct{ ID string }
		_ = d.Decode(&finding)
		marks = append(marks, markOf(FindingMark([]byte(finding.ID))))
	}
	return marks
}

func TestMarksRefuseOthers(t *testing.T) {
	f := func(m record24) {
		t.Helper()
		if m.ok {
			t.Errorf("got mark %+v from what has none", m)
		}
	}
	f(markOf(TrailMark(nil)))
	f(markOf(TrailMark([]byte("zzzzzzzz-0000-4000-8000-000000000000"))))
	f(markOf(FindingMark([]byte("0000000000000000000000000000000"))))
	f(markOf(FlowMark([]byte("eni-00000000000000001"), []byte("10.0.0.1"))))
	f(markOf(FlowMark([]byte("eni-00000000000000001"), []byte("2001:db8::1"))))
	f(markOf(FlowMark([]byte("eni-1"), []byte("52.0.0.1"))))
}

// TestSizes holds marked objects against what real ones are: CloudTrail of
// about 1.4 KB an event that packs to a ninth or less, flow records of about
// 114 bytes.
func TestSizes(t *testing.T) {
	g := New(1, now)
	g.Level(6)
	g.Mark(1)
	f := func(o Object, mean, low, high float64) {
		t.Helper()
		if got := float64(o.RawBytes) / float64(o.Records); got < 0.9*mean || got > 1.1*mean {
			t.Errorf("%s: got %.0f bytes a record; want about %.0f", o.Table, got, mean)
		}
		if got := float64(o.RawBytes) / float64(len(o.Body)); got < low || got > high {
			t.Errorf("%s: got a ratio of %.1f; want %.1f to %.1f", o.Table, got, low, high)
		}
	}
	f(g.CloudTrail(5000), 1400, 9, 12)
	f(g.VPCFlow(20000), 114, 4, 5.5)
}
