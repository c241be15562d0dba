//go:build large

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
)

// largeBytes is the decompressed size of the large object, largeRSS what the
// whole process may have resident while it passes.
const (
	largeBytes = 2_000_000_000
	largeRSS   = 300 << 20
)

func TestLargeObjectPassesInLittleMemory(t *testing.T) {
	s := newStory(t)
	o := s.largeTrail()
	t.Logf("%d bytes compressed, %d records", len(o.Body), o.Records)
	s.send(notification.S3(s.put(o)))
	o.Body = nil
	p := s.start("logferry", "run")
	s.delivered()
	rss := p.peakRSS()
	p.stop()
	t.Logf("peak resident memory %d MiB", rss>>20)
	if rss > largeRSS {
		t.Errorf("peak resident memory is %d bytes; want at most %d", rss, largeRSS)
	}
}

// largeTrail makes one CloudTrail document of largeBytes out of many small
// ones.
func (s *story) largeTrail() samplelog.Object {
	s.t.Helper()
	var body bytes.Buffer
	zip, err := gzip.NewWriterLevel(&body, gzip.BestSpeed)
	if err != nil {
		s.t.Fatal(err)
	}
	var large samplelog.Object
	write := func(text []byte) {
		large.RawBytes += len(text)
		if _, err := zip.Write(text); err != nil {
			s.t.Fatal(err)
		}
	}
	const head, tail = `{"Records":[`, `]}`
	write([]byte(head))
	for large.RawBytes < largeBytes {
		if large.Records > 0 {
			write([]byte(","))
		}
		small := s.logs.CloudTrail(2000)
		write(s.records(small.Body, head, tail))
		large.Key, large.Table = small.Key, small.Table
		large.Records += small.Records
	}
	write([]byte(tail))
	if err := zip.Close(); err != nil {
		s.t.Fatal(err)
	}
	large.Body = body.Bytes()
	return large
}

// records unpacks a document and returns what is between head and tail.
func (s *story) records(packed []byte, head, tail string) []byte {
	s.t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		s.t.Fatal(err)
	}
	inner, ok := bytes.CutPrefix(bytes.TrimSpace(text), []byte(head))
	if inner, ok2 := bytes.CutSuffix(inner, []byte(tail)); ok && ok2 {
		return inner
	}
	s.t.Fatalf("the sample document is not framed by %s and %s", head, tail)
	return nil
}

// peakRSS returns the largest resident memory the running process has had, in
// bytes. (What the system reports of an ended process counts the memory of the
// process that started it.)
func (p *process) peakRSS() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if peak, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(peak), " kB"), 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return kib << 10
		}
	}
	p.t.Fatal("the system does not tell the peak of resident memory")
	return 0
}
