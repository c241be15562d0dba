package file

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// lockPath is the lock file of a process. It is locked while the process
// lives and removed when it ends well: one that is there and can be locked
// tells of a crash, and of the files that may need mending.
func lockPath(directory, process string) string {
	return filepath.Join(directory, "."+process+".lock")
}

// mend brings the files of crashed processes to order: half lines are cut
// off, unfinished Parquet files removed. None of it was ever reported as
// written.
func (s *Sink) mend() error {
	locks, err := filepath.Glob(lockPath(s.directory, "*"))
	if err != nil {
		return err
	}
	for _, path := range locks {
		process := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "."), ".lock")
		if process == s.process {
			continue
		}
		lock := flock.New(path)
		free, err := lock.TryLock()
		if err != nil {
			return err
		}
		if !free {
			continue // another process that is alive
		}
		if err := errors.Join(s.mendFiles(process), lock.Close(), ignoreMissing(os.Remove(path))); err != nil {
			return err
		}
	}
	return nil
}

// mendFiles mends the files of one crashed process.
func (s *Sink) mendFiles(process string) error {
	paths, err := filepath.Glob(filepath.Join(s.directory, "*", "*-"+process+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range paths {
		switch {
		case strings.HasSuffix(path, unfinished):
			errs = append(errs, ignoreMissing(os.Remove(path)))
		case strings.HasSuffix(path, ".jsonl"):
			cut, err := cutHalfLine(path)
			if cut > 0 {
				s.log.Warn("cut the half line that a crash left", "file", path, "bytes", cut)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// cutHalfLine cuts off what follows the file's last line break and returns
// how many bytes that was.
func cutHalfLine(path string) (cut int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	end, err := lastLineEnd(f, size)
	if err != nil || end == size {
		return 0, err
	}
	return size - end, errors.Join(f.Truncate(end), f.Sync())
}

// lastLineEnd returns the offset behind the last line break of the first size
// bytes, reading backwards in blocks.
func lastLineEnd(r io.ReaderAt, size int64) (int64, error) {
	block := make([]byte, 64<<10)
	for end := size; end > 0; {
		start := max(end-int64(len(block)), 0)
		piece := block[:end-start]
		if _, err := r.ReadAt(piece, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(piece, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}
