package demo

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/logferry/logferry/pkg/localcloud/ingestion"
)

// maxRowBytes bounds the files of rows together: a demo that stays must not
// fill the disk.
const maxRowBytes = 512 << 20

// rowFiles writes the rows that the ingestion endpoint has accepted, a file of
// JSON lines for each table.
type rowFiles struct {
	dir string

	mu    sync.Mutex
	files map[string]*rowFile
	left  int // bytes
	err   error
}

type rowFile struct {
	*bufio.Writer
	file *os.File
}

func newRowFiles(dir string) (*rowFiles, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of rows: %w", err)
	}
	return &rowFiles{dir: dir, files: map[string]*rowFile{}, left: maxRowBytes}, nil
}

// add writes rows; an error is kept for Close.
func (r *rowFiles) add(table string, rows []ingestion.Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || r.left <= 0 {
		return
	}
	f, err := r.open(table)
	for i := 0; i < len(rows) && err == nil; i++ {
		if _, err = f.Write(rows[i].JSON); err == nil {
			err = f.WriteByte('\n')
		}
		r.left -= len(rows[i].JSON) + 1
	}
	r.err = err
}

// open returns the table's file. The caller holds the lock.
func (r *rowFiles) open(table string) (*rowFile, error) {
	if f, ok := r.files[table]; ok {
		return f, nil
	}
	file, err := os.Create(filepath.Join(r.dir, table+".jsonl"))
	if err != nil {
		return nil, fmt.Errorf("make the file of rows: %w", err)
	}
	r.files[table] = &rowFile{bufio.NewWriterSize(file, 64<<10), file}
	return r.files[table], nil
}

// full reports whether rows were left out to spare the disk.
func (r *rowFiles) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left <= 0
}

// Close completes the files.
func (r *rowFiles) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.err
	for _, f := range r.files {
		err = errors.Join(err, f.Flush(), f.file.Close())
	}
	return err
}
