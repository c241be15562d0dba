package cloud

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/tests/load/internal/report"
)

const (
	// sampleEvents is how many events the floor is measured on.
	sampleEvents = 60_000
	// sampleRounds is how often, and sampleTime how much CPU time a round takes
	// at least, as the system counts it coarsely. The best round counts.
	sampleRounds = 5
	sampleTime   = 50 * time.Millisecond
)

// sample is what the codec floor is measured on: the first objects that were
// made and the first bodies that were posted.
type sample struct {
	mu           sync.Mutex
	objects      [][]byte
	events, rows int64
	bodies       [][]byte
}

// object keeps an object's body if there are not enough.
func (s *sample) object(o samplelog.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events < sampleEvents {
		s.objects = append(s.objects, o.Body)
		s.events += int64(o.Records)
	}
}

// call keeps a call's body if there are not enough.
func (s *sample) call(rows []ingestion.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows >= sampleEvents || len(rows) == 0 {
		return
	}
	body := []byte("[")
	for _, row := range rows {
		body = append(append(body, row.JSON...), ',')
	}
	body[len(body)-1] = ']'
	s.bodies = append(s.bodies, body)
	s.rows += int64(len(rows))
}

// floor measures what both codecs take on the sample.
func (s *sample) floor() (f report.Floor, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events == 0 || s.rows == 0 {
		return f, errors.New("nothing was fed, or nothing arrived, to measure the floor on")
	}
	if f.GunzipMicros, err = best(s.events, func() error { return gunzip(s.objects) }); err != nil {
		return f, fmt.Errorf("unpack the sample: %w", err)
	}
	f.GzipMicros, err = best(s.rows, func() error { return pack(s.bodies) })
	return f, err
}

func gunzip(objects [][]byte) error {
	var r gzip.Reader
	for _, o := range objects {
		if err := r.Reset(bytes.NewReader(o)); err != nil {
			return err
		}
		if _, err := r.WriteTo(io.Discard); err != nil {
			return err
		}
	}
	return nil
}

func pack(bodies [][]byte) error {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		return err
	}
	for _, b := range bodies {
		w.Reset(io.Discard)
		if _, err := w.Write(b); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}

// best returns the least CPU time of one thread that work took, in
// microseconds for each of n.
func best(n int64, work func() error) (micros float64, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for round := range sampleRounds {
		began, err := threadTime()
		if err != nil {
			return 0, err
		}
		times, took := int64(0), time.Duration(0)
		for took < sampleTime {
			if err := work(); err != nil {
				return 0, err
			}
			now, err := threadTime()
			if err != nil {
				return 0, err
			}
			times, took = times+1, now-began
		}
		if each := float64(took.Nanoseconds()) / 1000 / float64(n*times); round == 0 || each < micros {
			micros = each
		}
	}
	return micros, nil
}

// threadTime returns the CPU time of this thread.
func threadTime() (time.Duration, error) {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		return 0, fmt.Errorf("read the thread's CPU time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
