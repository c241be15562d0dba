// Package file is the sink that writes rows to files: JSON lines, or Parquet.
//
//	<directory>/<table>/2026-11-23T14-<process>.jsonl
//	<directory>/<table>/2026-11-23T140512-<process>-000001.parquet
//
// The time is that of writing, UTC. <process> is a word that each opening of
// the sink makes up for itself, so that several processes may write below one
// directory, and so that nothing is ever added to a file of an earlier run.
//
// Rows are durable when Write returns: the file and its directory entry are
// synced. A JSON lines file grows for an hour and can be followed with tail; a
// line that a crash cut short is removed at the next opening. A Parquet file
// can only be read whole, so it appears whole: written under a temporary name,
// synced, then renamed.
package file

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink"
)

// ErrClosed is returned by Write after Close.
var ErrClosed = errors.New("the sink is closed")

// Formats of the files.
const (
	JSONLines = "jsonl"
	Parquet   = "parquet"
)

// Options are what a sink needs besides its destination. All are required.
type Options struct {
	// Linger is how long a Parquet file waits for more batches, at most.
	Linger time.Duration
	Log    *slog.Logger
}

// Sink writes rows below a directory. It implements [sink.Sink].
type Sink struct {
	directory string
	process   string
	lock      *flock.Flock // held as long as the process writes
	open      func(directory string) writer
	log       *slog.Logger

	mu      sync.Mutex
	closed  bool
	writers map[string]writer // by table
	writes  sync.WaitGroup
}

// writer writes the rows of one table. add returns when they are durable; it
// is called from many goroutines at once. After an error none of the rows
// count as written.
type writer interface {
	add(ctx context.Context, b *batch.Batch) error
	close() error
}

// Open readies the destination's directory, making it if need be, and mends
// what a crash left in it. An error names the key of the destination that is
// wrong.
func Open(d connection.Destination, o Options) (*Sink, error) {
	s := &Sink{
		directory: d.Directory, process: strings.ToLower(rand.Text()[:8]),
		log: o.Log.With("destination", d.Name), writers: make(map[string]writer),
	}
	switch d.Format {
	case "", JSONLines:
		s.open = func(dir string) writer { return &lines{directory: dir, process: s.process} }
	case Parquet:
		s.open = func(dir string) writer { return newTables(dir, s.process, o.Linger) }
	default:
		return nil, fmt.Errorf("format: %q is neither jsonl nor parquet", d.Format)
	}
	if err := os.MkdirAll(d.Directory, 0o755); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	s.lock = flock.New(lockPath(d.Directory, s.process))
	if _, err := s.lock.TryLock(); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if err := s.mend(); err != nil {
		return nil, errors.Join(fmt.Errorf("directory: mend what a crash left: %w", err), s.lock.Close())
	}
	return s, nil
}

// Write writes the rows of b; see [sink.Sink]. A full disk or another trouble
// with the directory is waited out. No row is ever rejected.
func (s *Sink) Write(ctx context.Context, b *batch.Batch) ([]sink.Rejected, error) {
	w, err := s.enter(b.Meta.Table)
	if err != nil {
		return nil, err
	}
	defer s.writes.Done()
	if b.Record.NumRows() == 0 {
		return nil, ctx.Err()
	}
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := w.add(ctx, b)
		if err == nil || fault.IsPermanent(err) {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		wait := fault.Wait(err, attempt)
		s.log.Warn("rows cannot be written; trying again", "table", b.Meta.Table, "err", err, "wait", wait)
		if err := fault.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// tableName is what a table's directory may be called.
var tableName = regexp.MustCompile(`^[A-Za-z0-9_]{1,128}$`)

// enter counts a Write in and returns the table's writer.
func (s *Sink) enter(table string) (writer, error) {
	if !tableName.MatchString(table) {
		return nil, fault.Permanent(fault.NoRule, fmt.Errorf("%q cannot be a table's name", table))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	w, ok := s.writers[table]
	if !ok {
		w = s.open(filepath.Join(s.directory, table))
		s.writers[table] = w
	}
	s.writes.Add(1)
	return w, nil
}

// Close refuses further Writes, waits for those in progress and closes the
// files. It waits for Writes whatever becomes of ctx: they end with theirs.
func (s *Sink) Close(context.Context) error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.writes.Wait()
	var errs []error
	for _, w := range s.writers {
		errs = append(errs, w.close())
	}
	// The lock is given up last: till then the files are in use.
	errs = append(errs, s.lock.Close(), os.Remove(lockPath(s.directory, s.process)))
	return errors.Join(errs...)
}

// create makes a new file and its directory, and makes the entries of both
// durable.
func create(directory, name string) (*os.File, error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(directory, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(syncDirectory(directory), syncDirectory(filepath.Dir(directory))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func syncDirectory(directory string) error {
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
