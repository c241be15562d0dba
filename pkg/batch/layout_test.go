package batch_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/batch/batchtest"
)

// What the services make is written by the layout of the first batch, and is
// what Arrow's writer writes all the same: other rows and other nulls too.
func TestLayoutIsArrows(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	f := func(record arrow.Record) {
		t.Helper()
		var want bytes.Buffer
		w := ipc.NewWriter(&want, ipc.WithSchema(record.Schema()))
		if err := errors.Join(w.Write(record), w.Close()); err != nil {
			t.Fatal(err)
		}
		for range 3 { // from the second time on, its layout is known
			got, err := batch.EncodeIn(mem, record)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("a stream of %d rows, %d bytes, is not the %d that Arrow writes", record.NumRows(), len(got), want.Len())
			}
			mem.Free(got)
		}
	}
	for _, records := range []int{1, 3, 8, 9, 64, 500, 3} {
		raw, rows := batchtest.Part(t, records)
		f(raw)
		f(rows)
		raw.Release()
		rows.Release()
	}
}
