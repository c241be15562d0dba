// Package unpack turns an object as it lies in a bucket into the log itself:
// it peels off compression and renders Parquet as the text it stands for.
//
//	object ──▶ gzip | zstd, at most 3 layers ──▶ text
//	                                        └──▶ Parquet ──▶ text
//
// What the object is, is told by its first bytes and never by its name. Its
// memory is bounded whatever the object holds.
package unpack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/logferry/logferry/pkg/fault"
)

const (
	// MaxLayers is how many times an object may be compressed.
	MaxLayers = 3
	// MaxPeek is the most that [Reader.Peek] returns.
	MaxPeek = bufferBytes

	bufferBytes = 32 << 10
	// ratioFrom is the decompressed size from which the ratio is judged: small
	// objects of repeated lines compress very well and do no harm.
	ratioFrom = 16 << 20
)

// Limits bound what is taken from one object. A zero field sets no limit.
type Limits struct {
	// MaxBytes bounds the size of the log, and of every layer around it.
	MaxBytes int64
	// MaxRatio bounds decompressed to compressed bytes. It is judged after the
	// first 16 MiB.
	MaxRatio int
	// MaxSpool bounds the temporary file of a Parquet object, in bytes.
	MaxSpool int64
}

// Pool opens objects with the buffers of those that were closed: a small object
// costs less than the 100 KB of memory that reading it takes. The zero value is
// ready for use, from any goroutine.
type Pool struct {
	buffers sync.Pool // of *bufio.Reader
	gunzips sync.Pool // of *gunzip
}

// Reader reads the log in an object. It is not safe for concurrent use, and not
// to be used after Close.
type Reader struct {
	pool   *Pool
	buf    *bufio.Reader
	object *layer
	top    *layer
	close  []func()
}

// Open is [Pool.Open] for a single object.
func Open(r io.Reader, limits Limits) (*Reader, error) { return new(Pool).Open(r, limits) }

// Open looks at the beginning of r and returns a reader of the log in it. It
// does not close r.
//
// What is wrong with a compressed object is said by Read, after all data
// before it. Open itself fails only for Parquet, which must be read whole.
//
// Every error is either r's own, unchanged, or a permanent fault: truncated,
// corrupt, too_large or unsupported.
func (p *Pool) Open(r io.Reader, limits Limits) (*Reader, error) {
	object := &layer{name: "object", from: r, limits: limits}
	object.object = object
	u := &Reader{pool: p, object: object, top: object}
	u.buffer()
	for depth := 0; ; depth++ {
		// An error here comes back with the next Read.
		magic, _ := u.buf.Peek(4)
		name, open := container(magic)
		if open == nil {
			return u, nil
		}
		if name != "parquet" && depth == MaxLayers {
			u.Close()
			return nil, fault.Permanent(fault.Unsupported, fmt.Errorf("the object is compressed more than %d times", MaxLayers))
		}
		from, done, err := open(p, u.buf, limits)
		if err != nil {
			err = u.top.judge(name, 0, err)
			u.Close()
			return nil, err
		}
		u.close = append(u.close, done)
		u.top = &layer{name: name, from: from, below: u.top, object: object, limits: limits}
		u.buffer()
		if name == "parquet" {
			return u, nil
		}
	}
}

// SizeHint guesses the size of the log in an object that is there whole: 0 when
// it cannot be told without unpacking. It is no more than a hint: an object may
// lie.
func SizeHint(object []byte) int64 {
	const smallest = 18 // a gzip member of nothing: header and trailer
	name, _ := container(object[:min(len(object), 4)])
	switch {
	case name == "":
		return int64(len(object))
	case name == "gzip" && len(object) >= smallest:
		return int64(binary.LittleEndian.Uint32(object[len(object)-4:]))
	}
	return 0
}

// buffer puts a buffer of the pool on the top layer.
func (u *Reader) buffer() {
	b, ok := u.pool.buffers.Get().(*bufio.Reader)
	if !ok {
		b = bufio.NewReaderSize(nil, bufferBytes)
	}
	b.Reset(u.top)
	u.buf = b
	u.close = append(u.close, func() {
		b.Reset(nil)
		u.pool.buffers.Put(b)
	})
}

// opener starts reading a container whose first bytes have been recognised.
type opener func(p *Pool, r *bufio.Reader, limits Limits) (from io.Reader, done func(), err error)

// container tells a container by its first bytes.
func container(magic []byte) (name string, open opener) {
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		return "gzip", openGzip
	case string(magic) == "\x28\xb5\x2f\xfd":
		return "zstd", openZstd
	case string(magic) == "PAR1":
		return "parquet", openParquet
	}
	return "", nil
}

// Read reads the log. After an error it returns that error again.
func (u *Reader) Read(p []byte) (int, error) { return u.buf.Read(p) }

// Peek returns the next n bytes, at most [MaxPeek], without reading them:
// fewer when the log ends before, and the error that ended it unless that is
// [io.EOF]. The bytes are valid until the next Read.
func (u *Reader) Peek(n int) ([]byte, error) {
	head, err := u.buf.Peek(min(n, MaxPeek))
	if err == io.EOF {
		err = nil
	}
	return head, err
}

// Container names what the log came out of: gzip, zstd, parquet, or none.
func (u *Reader) Container() string {
	if u.top == u.object {
		return "none"
	}
	return u.top.name
}

// ObjectBytes returns how many bytes of the object have been read so far.
func (u *Reader) ObjectBytes() int64 { return u.object.bytes }

// Close frees what the reader holds, temporary files too.
func (u *Reader) Close() {
	for i := len(u.close) - 1; i >= 0; i-- {
		u.close[i]()
	}
	u.close = nil
}

// layer reads one container out of the layer below, counts what comes out and
// says what is wrong with it. Its error is sticky.
type layer struct {
	name   string
	from   io.Reader
	below  *layer // nil for the object
	object *layer
	limits Limits
	bytes  int64 // that came out so far
	err    error
}

// Read implements [io.Reader].
func (l *layer) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.from.Read(p)
	l.bytes += int64(n)
	if over := l.excess(); over != nil {
		if most := l.limits.MaxBytes; most > 0 {
			// The same bytes come out before the limit, however they are read.
			n -= int(max(l.bytes-most, 0))
		}
		err = over
	} else if err != nil && l.below != nil {
		err = l.below.judge(l.name, l.bytes, err)
	}
	l.err = err
	return n, err
}

// excess says whether more came out of the layer than may.
func (l *layer) excess() error {
	if most := l.limits.MaxBytes; most > 0 && l.bytes > most {
		return fault.Permanent(fault.TooLarge, fmt.Errorf("the object is larger than %d bytes when unpacked", most))
	}
	if most := int64(l.limits.MaxRatio); most > 0 && l.bytes > ratioFrom && l.bytes/most > l.object.bytes {
		return fault.Permanent(fault.TooLarge,
			fmt.Errorf("%d bytes of the object unpack to %d, more than %d times as many", l.object.bytes, l.bytes, most))
	}
	return nil
}

// judge says what an error means that came up while a container was read out
// of this layer. Trouble of the layer itself is never blamed on the container.
func (l *layer) judge(container string, offset int64, err error) error {
	if l.err != nil && l.err != io.EOF {
		return l.err
	}
	if err == io.EOF || fault.IsPermanent(err) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Permanent(fault.Truncated, fmt.Errorf("%s data ends early, at decompressed offset %d", container, offset))
	}
	return fault.Permanent(fault.Corrupt, fmt.Errorf("%s data is damaged at decompressed offset %d: %w", container, offset, err))
}
