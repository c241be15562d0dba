package writer

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger/ledgertest"
	"github.com/logferry/logferry/pkg/table"
)

// flowsAt returns a batch of so many rows that all happened at that time.
func flowsAt(m batch.Meta, at time.Time, n int) *batch.Batch {
	rows := table.NewRows(table.Schema(m.Table, []table.Column{{Name: timeColumn, Type: table.DateTime}}))
	for range n {
		rows.Time(0, at.UnixMicro())
		rows.Commit()
	}
	record, _ := rows.Take()
	return &batch.Batch{Record: record, Meta: m}
}

// Rows go to the sink of their destination; those that Log Analytics will give
// another time are counted, once they are there.
func TestApart(t *testing.T) {
	lost := errors.New("context ended")
	kept := new(ledgertest.Memory)
	sinks := map[string]*fakeSink{"here": {}, "files": {}, "broken": {err: lost}}
	a := &Apart{writers: make(map[place]*writer), files: map[string]bool{"files": true}, account: kept}
	metrics := newMetrics(prometheus.NewRegistry())
	for name, s := range sinks {
		a.writers[place{name, tab}] = &writer{destination: name, table: tab, sink: s, ledger: kept, metrics: metrics}
	}
	part := 0
	f := func(destination, of string, age time.Duration, old int64, written int, check func(error) bool) {
		t.Helper()
		part++
		before := a.Old()
		m := batch.Meta{Connection: "conn", Object: "o", Part: part, Destination: destination, Table: of}
		err := a.handle(t.Context(), flowsAt(m, time.Now().Add(-age), 3), nil)
		if !check(err) || a.Old()-before != old {
			t.Errorf("%s of %s: %v, %d old rows; want %d", of, destination, err, a.Old()-before, old)
		}
		if s := sinks[destination]; s != nil && s.batches != written {
			t.Errorf("%s: %d batches written; want %d", destination, s.batches, written)
		}
	}
	// counted are rows that are old, taken, and not for files
	good := func(err error) bool { return err == nil }
	f("here", tab, time.Hour, 0, 1, good)
	f("here", tab, 49*time.Hour, 3, 2, good)
	f("files", tab, 49*time.Hour, 0, 1, good)
	f("broken", tab, 49*time.Hour, 0, 1, func(err error) bool { return errors.Is(err, lost) })
	noRule := func(err error) bool { return fault.IsPermanent(err) && fault.ReasonOf(err) == fault.NoRule }
	f("here", "AWSCloudTrail", 0, 0, 2, noRule)
	f("nowhere", tab, 0, 0, 0, noRule)
}
