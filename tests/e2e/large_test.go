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
	"github.com/logferry/logferry/tests/story"
)

// largeBytes is the decompressed size of the large object, largeLimit the soft
// memory limit of the process that carries it, in place of the default one, and
// largeRSS what that process may have resident while the object passes. Some
// 200 MB of it is the embedded NATS server's, which keeps what it wrote in the
// last ten seconds in memory: that grows with the rate, not with the object.
const (
	largeBytes = 2_000_000_000
	largeLimit = "200MiB"
	largeRSS   = 448 << 20
)

func TestLargeObjectPassesInLittleMemory(t *testing.T) {
	s := story.New(t)
	o := largeTrail(t, s)
	t.Logf("%d bytes compressed, %d records", len(o.Body), o.Records)
	s.Send(notification.S3(s.Put(o)))
	o.Body = nil
	p := s.Launch([]string{"GOMEMLIMIT=" + largeLimit}, "logferry", "run")
	s.Delivered()
	rss := peakRSS(t, p)
	p.Stop()
	t.Logf("peak resident memory %d MiB", rss>>20)
	if rss > largeRSS {
		t.Errorf("peak resident memory is %d bytes; want at most %d", rss, largeRSS)
	}
}

// largeTrail makes one CloudTrail document of largeBytes out of many small
// ones.
func largeTrail(t *testing.T, s *story.Story) samplelog.Object {
	t.Helper()
	var body bytes.Buffer
	zip, err := gzip.NewWriterLevel(&body, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	var large samplelog.Object
	write := func(text []byte) {
		large.RawBytes += len(text)
		if _, err := zip.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	const head, tail = `{"Records":[`, `]}`
	write([]byte(head))
	for large.RawBytes < largeBytes {
		if large.Records > 0 {
			write([]byte(","))
		}
		small := s.Logs.CloudTrail(2000)
		write(inner(t, small.Body, head, tail))
		large.Key, large.Table = small.Key, small.Table
		large.Records += small.Records
	}
	write([]byte(tail))
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	large.Body = body.Bytes()
	return large
}

// inner unpacks a document and returns what is between head and tail.
func inner(t *testing.T, packed []byte, head, tail string) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(text), []byte(head))
	if rest, ok2 := bytes.CutSuffix(rest, []byte(tail)); ok && ok2 {
		return rest
	}
	t.Fatalf("the sample document is not framed by %s and %s", head, tail)
	return nil
}

// peakRSS returns the largest resident memory the running process has had, in
// bytes. (What the system reports of an ended process counts the memory of the
// process that started it.)
func peakRSS(t *testing.T, p *story.Process) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if peak, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(peak), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the system does not tell the peak of resident memory")
	return 0
}
