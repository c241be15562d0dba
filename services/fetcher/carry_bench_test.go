package fetcher

import (
	"bytes"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/unpack"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// What an object costs from its bytes in memory to parts that nobody keeps, by
// the sizes that CloudTrail objects have.
func BenchmarkCarry(b *testing.B) {
	f := func(name string, events int) {
		b.Run(name, func(b *testing.B) {
			g := samplelog.New(1, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
			g.Level(gzip.DefaultCompression)
			object := g.CloudTrail(events)
			in := &logferryv1.Object{Connection: "acme", Bucket: bucketName, Key: object.Key, Size: int64(len(object.Body))}
			f := &fetcher{
				formats:      all.Formats(),
				limits:       unpack.Limits{MaxBytes: 64 << 30, MaxRatio: 1000},
				destinations: map[string]connection.Destination{"files": {Name: "files", Directory: "files"}},
			}
			body, content, out := new(bytes.Reader), new(bytes.Buffer), new(sink)
			b.SetBytes(int64(object.RawBytes))
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(object.Body)
				c := &carrier{
					fetcher: f, in: in, out: out, settled: none,
					connection: connection.Connection{Name: "acme", Destination: "files"},
				}
				if err := c.read(b.Context(), c.download(content, body)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
			if want := int64(b.N * events); out.rows < want {
				b.Fatalf("got %d records; want %d", out.rows, want)
			}
		})
	}
	f("tiny", 3)
	f("medium", 2000)
}
