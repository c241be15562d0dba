package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// keep returns once the disk keeps what the stream was given so far. The server
// has written it by then: an acknowledged message is in the file; whether the
// disk has it is known for every message only with a sync of 0, which costs ten
// times as much. So what must outlive a loss of power by itself, as a dead
// letter does, is kept by a sync of the files that it lies in.
func (e *embedded) keep(stream string) error {
	if e.sync == 0 {
		return nil
	}
	dir := filepath.Join(e.server.StoreDir(), server.DEFAULT_GLOBAL_ACCOUNT, "streams", stream, "msgs")
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("keep stream %s: %w", stream, err)
	}
	since := time.Now().Add(-2*e.sync - time.Second) // the server has seen to what is older
	for _, f := range files {
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.ModTime().Before(since) {
			continue
		}
		if err == nil {
			err = syncFile(filepath.Join(dir, f.Name()))
		}
		if err != nil {
			return fmt.Errorf("keep stream %s: %w", stream, err)
		}
	}
	return syncFile(dir)
}

// syncFile has the disk keep a file or the entries of a directory. A file that
// is gone needs no keeping: its messages lie in another, or were dropped.
func syncFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
