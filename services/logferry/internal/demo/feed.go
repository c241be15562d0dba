package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/services/logferry/internal/parse"
)

// account is what was put into the bucket, and so what must arrive.
type account struct {
	mu      *sync.Mutex
	objects int
	rows    map[string]int64 // by table
	dead    int64            // dead letters: broken objects and broken records
	done    bool             // no more will be put
}

func newAccount() account { return account{mu: new(sync.Mutex), rows: map[string]int64{}} }

// add enters an object before it is put, so that what arrives never exceeds
// the account.
func (a *account) add(table string, rows, dead int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects++
	a.rows[table] += rows
	a.dead += dead
}

func (a *account) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done = true
}

// totals returns how much must arrive, and whether that is all.
func (a *account) totals() (objects int, rows, dead int64, done bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.rows {
		rows += n
	}
	return a.objects, rows, a.dead, a.done
}

// table returns how many rows of the table must arrive.
func (a *account) table(name string) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rows[name]
}

// feed puts objects into the bucket, the odd and broken ones among the first.
func (d *demo) feed(ctx context.Context) error {
	defer d.account.close()
	logs := samplelog.New(uint64(d.began.UnixNano()), d.began)
	kinds := samplelog.Kinds()
	var pace <-chan time.Time
	if d.Rate > 0 {
		t := time.NewTicker(time.Second / time.Duration(d.Rate))
		defer t.Stop()
		pace = t.C
	}
	for i := 0; d.Stay || i < d.Objects; i++ {
		if i < len(kinds) {
			if err := d.putBroken(ctx, logs.Broken(kinds[i])); err != nil {
				return err
			}
		}
		if err := d.putGood(sample(logs, i)); err != nil {
			return err
		}
		if !wait(ctx, pace) {
			return nil
		}
	}
	return nil
}

// sample makes the i-th good object, in sizes as they are in life.
func sample(logs *samplelog.Generator, i int) samplelog.Object {
	switch i % 8 {
	case 0, 2, 4, 6:
		return logs.CloudTrail(100 + i*37%700)
	case 1, 3, 5:
		return logs.VPCFlow(500 + i*113%2500)
	}
	return logs.GuardDuty(10 + i*7%50)
}

func (d *demo) putGood(o samplelog.Object) error {
	d.account.add(o.Table, int64(o.Records), 0)
	return d.put(o)
}

// putBroken puts an object that is broken or odd. What must come of it a
// parser tells that knows neither bus nor clouds: the records before the break
// are delivered.
func (d *demo) putBroken(ctx context.Context, o samplelog.Object) error {
	var rows counter
	p := parse.Parser{Formats: all.Formats(), Out: &rows, Notes: io.Discard}
	if err := p.Object(ctx, o.Key, bytes.NewReader(o.Body)); err != nil {
		return err
	}
	d.account.add(o.Table, int64(rows), int64(p.Records+p.Objects))
	return d.put(o)
}

func (d *demo) put(o samplelog.Object) error {
	if err := d.cloud.S3.Put(bucket, o.Key, o.Body); err != nil {
		return fmt.Errorf("put %s: %w", o.Key, err)
	}
	return nil
}

// counter counts rows.
type counter int64

// Write implements [parse.Output].
func (c *counter) Write(_ string, record arrow.Record) error {
	*c += counter(record.NumRows())
	return nil
}

// Close implements [parse.Output].
func (c *counter) Close() error { return nil }

// wait waits for the pace, if there is one; it returns false when ctx ended.
func wait(ctx context.Context, pace <-chan time.Time) bool {
	if pace == nil {
		return ctx.Err() == nil
	}
	select {
	case <-pace:
		return true
	case <-ctx.Done():
		return false
	}
}
