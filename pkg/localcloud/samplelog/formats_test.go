package samplelog

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/table"
)

// TestFormatsReadTheObjects holds the objects against the formats: every
// record becomes a row.
func TestFormatsReadTheObjects(t *testing.T) {
	g := New(1, now)
	for range 5 {
		for _, o := range []Object{g.CloudTrail(300), g.VPCFlow(300), g.GuardDuty(50), g.Broken(NoRecords)} {
			if got := rows(t, o, unpack(t, o)); got != o.Records {
				t.Errorf("%s: got %d rows; want %d", o.Key, got, o.Records)
			}
		}
	}
	if o := g.Broken(BadRecord); rows(t, o, unpack(t, o)) != o.Records {
		t.Errorf("the object with a bad record does not give %d rows", o.Records)
	}
}

// rows returns how many records of the object become rows.
func rows(t *testing.T, o Object, raw []byte) (n int) {
	t.Helper()
	f, ok := all.Formats().ByKey(o.Key)
	if !ok || f.Table != o.Table {
		t.Fatalf("%s: no format for table %s owns the key", o.Key, o.Table)
	}
	s := f.Split(bytes.NewReader(raw))
	var parse format.Parse
	built := table.NewRows(f.Schema())
	for {
		record, err := s.Next()
		if err == io.EOF {
			return n
		}
		if _, bad := errors.AsType[*format.RecordError](err); bad {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", o.Key, err)
		}
		if parse == nil {
			if parse, err = f.Parser(s.Layout()); err != nil {
				t.Fatalf("%s: %v", o.Key, err)
			}
		}
		if err := parse(record.Bytes, built); err != nil {
			built.Rollback()
			continue
		}
		built.Commit()
		n++
	}
}
