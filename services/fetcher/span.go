package fetcher

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/fault"
)

const (
	// maxTries is how often a read is taken up again without progressBytes
	// gained.
	maxTries      = 5
	progressBytes = 1 << 20
	// maxPause is the longest wait before that; the stage waits longer ones.
	maxPause = 30 * time.Second
)

// span reads the bytes of an object from at to end. A read that breaks, or a
// body that ends early, is taken up where it broke.
type span struct {
	open    func(ctx context.Context, at, end int64) (io.ReadCloser, error)
	wait    func(err error, tries int) time.Duration
	resumed func()

	at, end int64
	body    io.ReadCloser // nil: to be opened at at
	broke   int64         // where it did last
	tries   int           // of late
}

// read is [io.Reader]'s Read. It returns [io.EOF] only after the whole span.
func (s *span) read(ctx context.Context, p []byte) (int, error) {
	for {
		n, err := s.once(ctx, p)
		if err == nil || err == io.EOF || s.at == s.end {
			return n, err
		}
		if err := s.pause(ctx, err); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

// once reads without taking up what breaks.
func (s *span) once(ctx context.Context, p []byte) (int, error) {
	if s.body == nil {
		if s.at == s.end {
			return 0, io.EOF
		}
		body, err := s.open(ctx, s.at, s.end)
		if err != nil {
			return 0, err
		}
		s.body = body
	}
	n, err := s.body.Read(p)
	s.at += int64(n)
	switch {
	case s.at > s.end:
		return 0, fault.After(mendWait, fmt.Errorf("the answer is longer than was asked for: read to offset %d of %d", s.at, s.end))
	case err == nil:
		return n, nil
	}
	s.close()
	if err == io.EOF && s.at < s.end {
		err = io.ErrUnexpectedEOF
	}
	if err != io.EOF {
		err = fmt.Errorf("read object at offset %d: %w", s.at, err)
	}
	return n, err
}

// pause waits before the read is taken up again. It returns the cause when
// that is of no use.
func (s *span) pause(ctx context.Context, cause error) error {
	if s.at-s.broke >= progressBytes {
		s.tries = 0
	}
	s.broke = s.at
	s.tries++
	wait := s.wait(cause, s.tries)
	if s.tries > maxTries || wait > maxPause || fault.IsPermanent(cause) {
		return cause
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.resumed()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close closes the body that is open, if any.
func (s *span) close() {
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
}

// ahead reads a large object chunk by chunk, the next one while the current
// one is used.
type ahead struct {
	chunks chan chunk // without a buffer: one chunk waits in its maker's hand
	rest   []byte     // of the current chunk
	err    error      // what comes after it
	cancel context.CancelFunc
	maker  conc.WaitGroup
}

// chunk is a piece of an object and what came after it: [io.EOF] after the
// last.
type chunk struct {
	bytes []byte
	err   error
}

// newAhead reads an object of that size, beginning with s.
func newAhead(ctx context.Context, s *span, size int64) *ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{chunks: make(chan chunk), cancel: cancel}
	a.maker.Go(func() {
		defer close(a.chunks)
		a.produce(ctx, s, size)
	})
	return a
}

// produce makes the chunks, in two buffers by turns: when one has been taken, the
// taker has done with the one before.
func (a *ahead) produce(ctx context.Context, s *span, size int64) {
	defer func() { s.close() }()
	var buffers [2][]byte
	for i := 0; ; i = 1 - i {
		if need := int(s.end - s.at); len(buffers[i]) < need {
			buffers[i] = make([]byte, need)
		}
		c := s.whole(ctx, buffers[i])
		if c.err == io.EOF && s.end < size {
			c.err = nil
		}
		select {
		case a.chunks <- c:
		case <-ctx.Done():
			return
		}
		if c.err != nil {
			return
		}
		s = &span{open: s.open, wait: s.wait, resumed: s.resumed, at: s.end, end: min(s.end+chunkBytes, size), broke: s.end}
	}
}

// whole reads the whole span, which buffer has room for.
func (s *span) whole(ctx context.Context, buffer []byte) chunk {
	n := 0
	for {
		// A byte beyond the end is asked for, to see the end.
		var beyond [1]byte
		room := buffer[n:]
		if len(room) == 0 {
			room = beyond[:]
		}
		m, err := s.read(ctx, room)
		n += m
		if err != nil {
			return chunk{buffer[:min(n, len(buffer))], err}
		}
	}
}

// Read implements [io.Reader].
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		c, ok := <-a.chunks
		if !ok {
			return 0, context.Canceled // nothing else ends it without a word
		}
		a.rest, a.err = c.bytes, c.err
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close implements [io.Closer]. It returns when no more is read.
func (a *ahead) Close() error {
	a.cancel()
	a.maker.Wait()
	return nil
}
