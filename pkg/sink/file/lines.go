package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink/rowjson"
)

// lines writes one table's JSON lines. Batches are appended one after the
// other and synced together: while one sync runs, the batches of others
// gather behind it and share the next.
type lines struct {
	directory string
	process   string
	buffers   sync.Pool // of *[]byte

	mu   sync.Mutex // held for an append; taken inside lineFile.syncing, never around it
	file *lineFile
}

// lineFile is one open file. Its end is always the end of a line.
type lineFile struct {
	*os.File
	hour string

	written int64 // bytes appended; guarded by lines.mu while in use
	failed  error // why nothing more may be appended; likewise

	syncing sync.Mutex // held for a sync
	synced  int64      // bytes that are durable; guarded by syncing
}

func (l *lines) add(_ context.Context, b *batch.Batch) error {
	buffer, ok := l.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer l.buffers.Put(buffer)
	body, err := appendLines((*buffer)[:0], b.Record)
	if err != nil {
		return fault.Permanent(fault.Undecodable, fmt.Errorf("rows of %s: %w", b.Meta.Table, err))
	}
	*buffer = body
	f, end, err := l.append(body, time.Now())
	if err != nil {
		return err
	}
	return l.sync(f, end)
}

func appendLines(dst []byte, record arrow.Record) ([]byte, error) {
	rows, err := rowjson.New(record)
	if err != nil {
		return dst, err
	}
	for i := range rows.Len() {
		dst = append(rows.AppendRow(dst, i), '\n')
	}
	return dst, nil
}

// append adds body to the file of the hour and returns the file and the end of
// body in it. When only a piece of body fits, it is cut off again.
func (l *lines) append(body []byte, now time.Time) (f *lineFile, end int64, err error) {
	l.mu.Lock()
	old, err := l.turn(now.UTC().Format("2006-01-02T15"))
	if err == nil {
		f = l.file
		end, err = f.append(body)
	}
	l.mu.Unlock()
	if old != nil {
		old.finish() // not while holding mu: it waits for syncs, which take mu
	}
	return f, end, err
}

func (f *lineFile) append(body []byte) (end int64, err error) {
	if _, err := f.Write(body); err != nil {
		return 0, errors.Join(fmt.Errorf("append to %s: %w", f.Name(), err), f.cut(f.written))
	}
	f.written += int64(len(body))
	return f.written, nil
}

// turn makes a new file at a new hour, and after a failure. It returns the
// file that was in use before.
func (l *lines) turn(hour string) (old *lineFile, err error) {
	if l.file != nil && l.file.hour == hour && l.file.failed == nil {
		return nil, nil
	}
	f, err := l.create(hour + "-" + l.process)
	if err != nil {
		return nil, fmt.Errorf("create a file in %s: %w", l.directory, err)
	}
	old, l.file = l.file, &lineFile{File: f, hour: hour}
	return old, nil
}

// create makes a file of that name, numbered when the hour has one already:
// one that failed, or one from before the clock was set back.
func (l *lines) create(name string) (*os.File, error) {
	f, err := create(l.directory, name+".jsonl")
	for n := 2; errors.Is(err, fs.ErrExist); n++ {
		f, err = create(l.directory, fmt.Sprintf("%s-%d.jsonl", name, n))
	}
	return f, err
}

// finish syncs and closes a file that nothing is appended to any more, after
// the syncs in progress. Rows that it cannot sync are written again by their
// Writes, which find that out by themselves.
func (f *lineFile) finish() error {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if f.failed == nil && f.synced < f.written {
		if err := f.Sync(); err != nil {
			f.failed = err
			return errors.Join(err, f.Truncate(f.synced), f.Close())
		}
		f.synced = f.written
	}
	return f.Close()
}

// cut brings the file back to a length that ends with a line. A file that
// cannot be brought back is not used any more.
func (f *lineFile) cut(length int64) error {
	if err := f.Truncate(length); err != nil {
		f.failed = err
		return fmt.Errorf("cut %s: %w", f.Name(), err)
	}
	return nil
}

// sync returns when the file is durable up to end.
func (l *lines) sync(f *lineFile, end int64) error {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if f.synced >= end {
		return nil // another's sync took these rows along
	}
	l.mu.Lock()
	written, failed := f.written, f.failed
	l.mu.Unlock()
	if failed != nil {
		return failed
	}
	if err := f.Sync(); err != nil {
		return l.fail(f, fmt.Errorf("sync %s: %w", f.Name(), err))
	}
	f.synced = written
	return nil
}

// fail gives a file up: after a failed sync nobody knows what of it is on
// disk. It is cut back to what is; the rows after that are written again, to a
// new file.
func (l *lines) fail(f *lineFile, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.failed = err
	f.written = f.synced
	if cerr := f.Truncate(f.synced); cerr != nil {
		err = errors.Join(err, cerr)
	}
	return err
}

func (l *lines) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.finish()
}
