package samplelog

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

var now = time.Date(2026, 11, 23, 15, 4, 5, 0, time.UTC)

func unpack(t *testing.T, o Object) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(o.Body))
	if err != nil {
		t.Fatalf("%s: %v", o.Key, err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", o.Key, err)
	}
	return raw
}

func TestKeys(t *testing.T) {
	g := New(1, now)
	f := func(o Object, want string) {
		t.Helper()
		if !regexp.MustCompile(want).MatchString(o.Key) {
			t.Errorf("got key %s; want one like %s", o.Key, want)
		}
	}
	f(g.CloudTrail(1), `^AWSLogs/(\d{12})/CloudTrail/[a-z0-9-]+/2026/11/23/\d{12}_CloudTrail_[a-z0-9-]+_20261123T1504Z_[A-Z2-7]{16}\.json\.gz$`)
	f(g.VPCFlow(1), `^AWSLogs/\d{12}/vpcflowlogs/[a-z0-9-]+/2026/11/23/\d{12}_vpcflowlogs_[a-z0-9-]+_fl-[0-9a-f]{17}_20261123T1504Z_[0-9a-f]{8}\.log\.gz$`)
	f(g.GuardDuty(1), `^AWSLogs/\d{12}/GuardDuty/[a-z0-9-]+/2026/11/23/[0-9a-f-]{36}\.jsonl\.gz$`)
	f(g.Broken(Digest), `/CloudTrail-Digest/`)
}

func TestSameSeedSameObjects(t *testing.T) {
	a, b, c := New(7, now), New(7, now), New(8, now)
	for range 3 {
		x, y, z := a.CloudTrail(50), b.CloudTrail(50), c.CloudTrail(50)
		if x.Key != y.Key || !bytes.Equal(x.Body, y.Body) {
			t.Errorf("got %s and %s from one seed; want the same object", x.Key, y.Key)
		}
		if bytes.Equal(x.Body, z.Body) {
			t.Errorf("got the same object from two seeds")
		}
	}
}

func TestCloudTrail(t *testing.T) {
	g := New(1, now)
	const events = 5_000
	raw := unpack(t, g.CloudTrail(events))
	var doc struct {
		Records []struct {
			EventID, EventName, EventSource, ErrorCode string
			EventTime                                  time.Time
			UserIdentity                               struct{ Type string }
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Records) != events {
		t.Errorf("got %d events; want %d", len(doc.Records), events)
	}
	seen := map[string]map[string]bool{"id": {}, "name": {}, "source": {}, "error": {}, "type": {}}
	for _, r := range doc.Records {
		seen["id"][r.EventID] = true
		seen["name"][r.EventName] = true
		seen["source"][r.EventSource] = true
		seen["error"][r.ErrorCode] = true
		seen["type"][r.UserIdentity.Type] = true
		if age := now.Sub(r.EventTime); age < -time.Second || age > span+time.Second {
			t.Fatalf("got an event %v old; want at most %v", age, span)
		}
	}
	for what, want := range map[string]int{"id": events, "name": 33, "source": 16, "error": 2, "type": 9} {
		if got := len(seen[what]); got < want {
			t.Errorf("got %d different values of %s; want at least %d", got, what, want)
		}
	}
	if mean := len(raw) / events; mean < 1200 || mean > 1600 {
		t.Errorf("got events of %d bytes on average; want about 1400", mean)
	}
}

func TestVPCFlow(t *testing.T) {
	g := New(1, now)
	headers, found := map[string]bool{}, map[string]bool{}
	for range 20 {
		o := g.VPCFlow(500)
		lines := strings.Split(strings.TrimSuffix(string(unpack(t, o)), "\n"), "\n")
		if len(lines) != o.Records+1 {
			t.Errorf("got %d lines; want a header and %d records", len(lines), o.Records)
		}
		headers[lines[0]] = true
		for _, line := range lines[1:] {
			if got, want := strings.Count(line, " "), strings.Count(lines[0], " "); got != want {
				t.Fatalf("got %d fields in %q; want %d", got+1, line, want+1)
			}
			for _, mark := range []string{"NODATA", "SKIPDATA", "REJECT", "2001:db8:", " 17 ", "3000000000"} {
				found[mark] = found[mark] || strings.Contains(line, mark)
			}
		}
	}
	if len(headers) != 3 {
		t.Errorf("got %d layouts; want 3", len(headers))
	}
	for mark, ok := range found {
		if !ok {
			t.Errorf("got no record with %s", mark)
		}
	}
}

func TestGuardDuty(t *testing.T) {
	g := New(1, now)
	types := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(unpack(t, g.GuardDuty(500))))
	n := 0
	for ; d.More(); n++ {
		var finding struct {
			Type, ID, Title string
			Severity        float64
			Resource        struct{ ResourceType string }
			Service         struct{ Action struct{ ActionType string } }
			UpdatedAt       time.Time
		}
		if err := d.Decode(&finding); err != nil {
			t.Fatal(err)
		}
		if finding.Resource.ResourceType == "" || finding.Service.Action.ActionType == "" || finding.Severity == 0 || strings.Contains(finding.Title, "<") {
			t.Errorf("got a finding with gaps: %+v", finding)
		}
		types[finding.Type] = true
	}
	if n != 500 || len(types) != len(findings) {
		t.Errorf("got %d findings of %d types; want 500 of %d", n, len(types), len(findings))
	}
}

func TestBroken(t *testing.T) {
	g := New(1, now)
	f := func(kind Kind, records int, readable bool) {
		t.Helper()
		o := g.Broken(kind)
		if o.Records != records {
			t.Errorf("%s: got %d records; want %d", kind, o.Records, records)
		}
		r, err := gzip.NewReader(bytes.NewReader(o.Body))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if (err == nil) != readable {
			t.Errorf("%s: got error %v; want readable %t", kind, err, readable)
		}
	}
	f(Truncated, 0, false)
	f(BadChecksum, 0, false)
	f(Garbage, 0, false)
	f(WrongType, 0, false)
	f(BadRecord, 4, true)
	f(ZeroBytes, 0, false)
	f(EmptyGzip, 0, true)
	f(NoRecords, 0, true)
	f(Digest, 0, true)
	f(Plain, 20, false)
	f(TwiceZipped, 20, true)
	f(Members, 20, true)
	if got := len(Kinds()); got != 12 {
		t.Errorf("got %d kinds; want the 12 above", got)
	}
}

func BenchmarkCloudTrail(b *testing.B) {
	g := New(1, now)
	const events = 1000
	size := 0
	for b.Loop() {
		size = g.CloudTrail(events).RawBytes
	}
	b.SetBytes(int64(size))
	b.ReportMetric(float64(b.N)*events/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkVPCFlow(b *testing.B) {
	g := New(1, now)
	const lines = 1000
	size := 0
	for b.Loop() {
		size = g.VPCFlow(lines).RawBytes
	}
	b.SetBytes(int64(size))
	b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds(), "lines/s")
}
