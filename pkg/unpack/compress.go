package unpack

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/logferry/logferry/pkg/fault"
)

// maxWindow bounds the memory of the zstd decoder. Every level without
// --ultra or --long stays within it.
const maxWindow = 8 << 20

// gunzip reads gzip members one after another as one text. Zeros after a
// member, which some writers pad with, are passed over.
type gunzip struct {
	r      *bufio.Reader
	z      *gzip.Reader
	inside bool // a member
}

func openGzip(p *Pool, r *bufio.Reader, _ Limits) (io.Reader, func(), error) {
	g, ok := p.gunzips.Get().(*gunzip)
	if !ok {
		g = &gunzip{z: new(gzip.Reader)}
	}
	if err := g.forget(); err != nil {
		return nil, nil, err
	}
	g.r, g.inside = r, false
	return g, func() { p.gunzips.Put(g) }, nil
}

// nothing is a gzip member without content. Its block has two Huffman trees of
// one code each: the end of the block, and a far distance.
const nothing = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" +
	"\x05\xdd\x81\x00\x00\x00\x00\x00\x90\xff\x6b\x25\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00"

// forget brings the decoder into the state that every object begins with. Where
// damaged data has an empty Huffman tree, the decoder goes on with the tree it
// had before, were it another object's: then the same object would not always
// give the same bytes. With the trees of nothing the damage shows at once.
func (g *gunzip) forget() error {
	if err := g.z.Reset(strings.NewReader(nothing)); err != nil {
		return err
	}
	if _, err := g.z.Read(nil); err != io.EOF {
		return err
	}
	return nil
}

// Read implements [io.Reader].
func (g *gunzip) Read(p []byte) (int, error) {
	for {
		if !g.inside {
			if err := g.next(); err != nil {
				return 0, err
			}
		}
		n, err := g.z.Read(p)
		if err == io.EOF {
			g.inside, err = false, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next begins the next member. It returns [io.EOF] when there is none.
func (g *gunzip) next() error {
	for {
		b, err := g.r.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			break
		}
	}
	if err := g.r.UnreadByte(); err != nil {
		return err
	}
	if magic, _ := g.r.Peek(2); magic[0] != 0x1f || len(magic) == 2 && magic[1] != 0x8b {
		return gzip.ErrHeader // also when it is shorter than a header
	}
	if err := g.z.Reset(g.r); err != nil {
		return noEOF(err)
	}
	g.z.Multistream(false)
	g.inside = true
	return nil
}

// noEOF tells an end in the middle of something from an end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unzstd reads zstd frames one after another as one text.
type unzstd struct{ z *zstd.Decoder }

func openZstd(_ *Pool, r *bufio.Reader, _ Limits) (io.Reader, func(), error) {
	// One decoder at a time: no goroutines, and a window is all its memory.
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, nil, err
	}
	return unzstd{z}, z.Close, nil
}

// Read implements [io.Reader].
func (u unzstd) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = fault.Permanent(fault.Unsupported, fmt.Errorf("the zstd data needs a window of more than %d bytes", maxWindow))
	}
	if errors.Is(err, zstd.ErrUnknownDictionary) {
		err = fault.Permanent(fault.Unsupported, errors.New("the zstd data needs a dictionary"))
	}
	return n, err
}
