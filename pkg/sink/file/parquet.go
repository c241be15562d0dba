package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/panics"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink/rowjson"
)

const (
	// quiet is how long no batch must come for a file to be written before its
	// linger time is over: then there are none to wait for.
	quiet = 50 * time.Millisecond
	// maxFileRows is the number of rows at which a file waits for no more.
	maxFileRows = 1 << 18
	// unfinished ends the name of a file that is being written.
	unfinished = ".tmp"
)

// tables writes one table's Parquet files. One worker gathers batches and
// writes each gathering as a file, a row group for each batch.
type tables struct {
	directory string
	process   string
	linger    time.Duration

	queue  chan *pending // without room: the worker takes from the hand
	stop   chan struct{}
	worker conc.WaitGroup

	// Of the worker alone:
	head *pending // taken, but of another schema than the last file
	made int      // files so far, for names
}

// States of a pending batch.
const (
	waiting   = iota // for its file
	taken            // the worker reads it: it must not be released
	withdrawn        // its Write has returned
)

// pending is a batch on its way to a file.
type pending struct {
	record arrow.Record
	state  atomic.Int32
	done   chan error // room for one, so that the worker never waits
}

func newTables(directory, process string, linger time.Duration) *tables {
	t := &tables{
		directory: directory, process: process, linger: linger,
		queue: make(chan *pending), stop: make(chan struct{}),
	}
	t.worker.Go(t.work)
	return t
}

func (t *tables) add(ctx context.Context, b *batch.Batch) error {
	if _, err := rowjson.New(b.Record); err != nil {
		return fault.Permanent(fault.Undecodable, fmt.Errorf("rows of %s: %w", b.Meta.Table, err))
	}
	p := &pending{record: b.Record, done: make(chan error, 1)}
	select {
	case t.queue <- p:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		if p.state.CompareAndSwap(waiting, withdrawn) {
			return ctx.Err()
		}
		return <-p.done // the file is being written: a matter of milliseconds
	}
}

func (t *tables) close() error {
	close(t.stop)
	t.worker.Wait()
	return nil
}

func (t *tables) work() {
	for {
		gathered := t.gather()
		if gathered == nil {
			return
		}
		var err error
		if p := panics.Try(func() { err = t.write(gathered) }); p != nil {
			err = fault.Permanent(fault.Internal, p.AsError())
		}
		for _, p := range gathered {
			p.done <- err
		}
	}
}

// gather returns the batches of the next file; nil when the sink is closed.
func (t *tables) gather() []*pending {
	first := t.head
	if t.head = nil; first == nil {
		select {
		case first = <-t.queue:
		case <-t.stop:
			return nil
		}
	}
	gathered, rows := []*pending{first}, first.record.NumRows()
	deadline := time.After(t.linger)
	for rows < maxFileRows {
		select {
		case p := <-t.queue:
			if !p.record.Schema().Equal(first.record.Schema()) {
				t.head = p
				return gathered
			}
			gathered, rows = append(gathered, p), rows+p.record.NumRows()
		case <-time.After(quiet):
			return gathered
		case <-deadline:
			return gathered
		}
	}
	return gathered
}

// write makes a file of the batches that are not withdrawn.
func (t *tables) write(gathered []*pending) error {
	var records []arrow.Record
	for _, p := range gathered {
		if p.state.CompareAndSwap(waiting, taken) {
			records = append(records, p.record)
		}
	}
	if len(records) == 0 {
		return nil
	}
	t.made++
	name := fmt.Sprintf("%s-%s-%06d.parquet", time.Now().UTC().Format("2006-01-02T150405"), t.process, t.made)
	f, err := create(t.directory, name+unfinished)
	if err != nil {
		return fmt.Errorf("create a file in %s: %w", t.directory, err)
	}
	if err := errors.Join(writeParquet(f, records), f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", f.Name(), err), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), filepath.Join(t.directory, name)); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDirectory(t.directory)
}

// writeParquet writes records of one schema. The schema is kept in the file,
// with the Log Analytics type of each column.
func writeParquet(f *os.File, records []arrow.Record) error {
	// The writer closes what can be closed; the file must be synced first.
	out := struct{ io.Writer }{f}
	w, err := pqarrow.NewFileWriter(records[0].Schema(), out,
		parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy)),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}
