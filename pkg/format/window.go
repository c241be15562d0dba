package format

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/logferry/logferry/pkg/fault"
)

const (
	firstBytes = 8 << 10  // the window's first size: many objects are no longer
	readBytes  = 64 << 10 // its size for all others, but for a long record
	headBytes  = 64 << 10 // of a record that is too long, what is kept
	// slackBytes is how much longer than MaxRecordBytes a record may look
	// before its end is known, and what stays of one that is forgotten: the CR
	// that may end a line.
	slackBytes    = 1
	byteOrderMark = "\ufeff"
)

// window is the part of a stream that a splitter looks at: the current record
// and what was read behind it. It holds at most a record of MaxRecordBytes and
// one read; a longer record is forgotten while it is read, but for its head.
type window struct {
	r      io.Reader
	err    error  // what the reader said last; it is not asked again
	buf    []byte // what was read and is still of use
	base   int64  // offset of buf[0] in the stream
	start  int    // in buf: the current record
	pos    int    // in buf: the next byte to look at
	offset int64  // in the stream: the current record
	head   []byte // of a record that is too long, else nil
}

func newWindow(r io.Reader) window {
	return window{r: r, buf: make([]byte, 0, firstBytes)}
}

// begin says that a record begins at the next byte.
func (w *window) begin() {
	w.start, w.offset, w.head = w.pos, w.at(), nil
}

// at returns the offset of the next byte in the stream.
func (w *window) at() int64 { return w.base + int64(w.pos) }

// fill reads more, and drops what came before the current record. It returns
// what the reader says once that has no more.
func (w *window) fill() error {
	if w.err != nil {
		return w.err
	}
	if w.head == nil && w.pos-w.start > MaxRecordBytes+slackBytes {
		w.head = bytes.Clone(w.buf[w.start : w.start+headBytes])
	}
	if w.head != nil {
		w.start = w.pos - slackBytes
	}
	w.drop()
	if len(w.buf) == cap(w.buf) {
		w.buf = slices.Grow(w.buf, len(w.buf))
	}
	return w.read()
}

// drop drops what came before the current record. A window that was full once
// is not of a small object: from then on it has its full size.
func (w *window) drop() {
	to := w.buf
	if len(to) == cap(to) && cap(to) < readBytes {
		to = make([]byte, 0, readBytes)
	} else if w.start == 0 {
		return
	}
	w.buf = append(to[:0], w.buf[w.start:]...)
	w.base += int64(w.start)
	w.pos -= w.start
	w.start = 0
}

func (w *window) read() error {
	for range 100 {
		n, err := w.r.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		w.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	w.err = io.ErrNoProgress
	return w.err
}

// next returns the next byte without passing it.
func (w *window) next() (byte, error) {
	if w.pos == len(w.buf) {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	return w.buf[w.pos], nil
}

// has reports whether the stream goes on with text, without passing it. A
// reader's error counts as no: it comes again when the bytes are read.
func (w *window) has(text string) bool {
	for len(w.buf)-w.pos < len(text) {
		if w.fill() != nil {
			return false
		}
	}
	return string(w.buf[w.pos:w.pos+len(text)]) == text
}

// record returns the current record, which ends trim bytes before the next
// byte, or says that it is too long to be carried.
func (w *window) record(trim int) (Record, error) {
	size := w.at() - int64(trim) - w.offset
	if size <= MaxRecordBytes {
		return Record{Bytes: w.buf[w.start : w.pos-trim], Offset: w.offset}, nil
	}
	if w.head == nil {
		w.head = bytes.Clone(w.buf[w.start : w.start+headBytes])
	}
	return Record{}, &RecordError{
		Offset: w.offset,
		Size:   size,
		Head:   w.head,
		Err:    fault.Permanent(fault.RecordTooLarge, fmt.Errorf("longer than %d bytes", MaxRecordBytes)),
	}
}
