package fetcher

import (
	"context"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/vpcflow"
	"github.com/logferry/logferry/pkg/stage"
	"github.com/logferry/logferry/pkg/unpack"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// sink forgets what is sent, after a look at the memory.
type sink struct {
	rows int64
	look func()
}

func (s *sink) Emit(_ context.Context, b *batch.Batch) error {
	s.rows += b.Record.NumRows()
	b.Release()
	if s.look != nil {
		s.look()
	}
	return nil
}

func (s *sink) Bury(context.Context, stage.DeadLetter) error { return nil }

// deliverTo carries what r holds, which is no download.
func deliverTo(t testing.TB, r io.Reader, out outlet) {
	log, err := unpack.Open(r, unpack.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := &carrier{
		fetcher: &fetcher{}, in: &logferryv1.Object{}, out: out, settled: none,
		connection: connection.Connection{Name: "acme"}, format: vpcflow.Format(),
	}
	if err := c.deliver(t.Context(), log); err != nil {
		t.Fatal(err)
	}
}

// endless repeats a text until limit bytes have been read.
type endless struct {
	text  string
	limit int
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.limit <= 0 {
		return 0, io.EOF
	}
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	e.limit -= n
	return n, nil
}

// Memory does not grow with the object.
func TestMemory(t *testing.T) {
	const most = 16 << 20
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap() // what other tests have left is not the object's
	var peak int64
	parts := 0
	out := &sink{look: func() {
		if parts++; parts%20 == 0 {
			peak = max(peak, heap()-before)
		}
	}}
	// 64 MiB: gzip members one after the other
	object := gz(flows(20_000))
	size := 64 << 20 / len(flows(20_000)) * len(object)
	deliverTo(t, &endless{text: object, limit: size}, out)
	if parts < 20 || peak > most {
		t.Errorf("heap grew by %d bytes over %d parts; want at most %d", peak, parts, most)
	}
}

func BenchmarkDeliver(b *testing.B) {
	const lines = 50_000
	text := flows(lines)
	for name, object := range map[string]string{"plain": text, "gzip": gz(text)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			out := new(sink)
			for b.Loop() {
				deliverTo(b, strings.NewReader(object), out)
			}
			b.ReportMetric(float64(out.rows)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
