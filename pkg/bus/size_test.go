package bus

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// What an object costs the bus that is done: memory and disk of its last event,
// and disk of its entry in the history.
func BenchmarkObjectDone(b *testing.B) {
	bus := open(b)
	l := bus.Ledger()
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	disk := func(stream string) (bytes float64) {
		err := filepath.WalkDir(filepath.Join(bus.config.Store, "jetstream", "$G", "streams", stream), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				bytes += float64(info.Size())
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		return bytes
	}
	heap0, ledger0, history0 := heap(), disk(streamLedger), disk(streamHistory)
	var entries []ledger.Entry
	b.ResetTimer()
	p := pool.New().WithErrors().WithMaxGoroutines(16)
	for i := range b.N {
		id := batch.ObjectID("org-trail", "logs", "key", "", fmt.Sprint(i))
		p.Go(func() error {
			_, err := l.Record(b.Context(), &logferryv1.LedgerEvent{ObjectId: id, Connection: "org-trail", Event: &logferryv1.LedgerEvent_Done{Done: &logferryv1.Done{Parts: 1, Delivered: 500, Records: 500}}})
			return err
		})
		entries = append(entries, ledger.Entry{Object: ledger.KeyOf(id), Delivered: 500})
		if len(entries) == 100 {
			if err := l.Append(b.Context(), "org-trail", entries); err != nil {
				b.Fatal(err)
			}
			entries = entries[:0]
		}
	}
	if err := p.Wait(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric((disk(streamLedger)-ledger0)/n, "ledger-B/object")
	b.ReportMetric((disk(streamHistory)-history0)/n, "history-B/object")
	s, _ := bus.handle(b.Context(), streamLedger)
	info, err := s.Info(b.Context())
	if err != nil || info.State.Msgs != uint64(b.N) {
		b.Fatal(info.State.Msgs, err)
	}
	b.ReportMetric((heap()-heap0)/n, "heap-B/object")
}
