package bus

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/logferry/logferry/pkg/batch"
)

// When the bus is back, what was written meanwhile is entered before any writer
// takes work that may be the same.
func TestAccountComesBeforeOthersLook(t *testing.T) {
	longest := time.Duration(0)
	for attempt := range 100 {
		longest = max(longest, busWait(errors.New("away"), attempt))
	}
	if connecting := nats.DefaultReconnectWait + 2*time.Second; returnWait <= longest+connecting {
		t.Errorf("a writer waits %v; another may need %v to connect and %v until it tries again", returnWait, connecting, longest)
	}

	b := open(t)
	s, err := b.Rows(t.Context(), "sentinel", "AWSCloudTrail")
	if err != nil {
		t.Fatal(err)
	}
	rows := s.(*source[*batch.Batch])
	if rows.calm != returnWait {
		t.Errorf("it waits %v; want %v", rows.calm, returnWait)
	}
	rows.calm = 300 * time.Millisecond
	publish(t, b.PublishRows(), rawBatch(3, "a"))
	if err := b.conn.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the connection", func() bool { return b.returned.Load() != nil && b.Connected() })
	d := next(t, s)
	if took := time.Since(*b.returned.Load()); took < rows.calm {
		t.Errorf("work is taken %v after the connection is back; want it after %v", took, rows.calm)
	}
	if err := d.Ack(t.Context()); err != nil {
		t.Error(err)
	}
}
