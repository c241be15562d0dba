package batch

import (
	"bytes"
	"testing"
)

func TestPool(t *testing.T) {
	var p Pool
	f := func(size, capacity int) {
		t.Helper()
		b := p.Allocate(size)
		if len(b) != size || cap(b) != capacity {
			t.Errorf("a block of %d bytes has %d of %d", size, len(b), cap(b))
		}
		p.Free(b)
	}
	f(0, 1<<12)
	f(1, 1<<12)
	f(1<<12, 1<<12)
	f(1<<12+1, 1<<13)
	f(1<<20-1, 1<<20)
	f(1<<27, 1<<27)
	f(1<<27+1, 1<<27+1)
	p.Free(nil)
	p.Free(make([]byte, 1<<12+1, 1<<13-1)) // not of the pool

	b := append(p.Allocate(3)[:0], "abc"...)
	b = p.Reallocate(1<<13, b)
	if len(b) != 1<<13 || !bytes.Equal(b[:3], []byte("abc")) {
		t.Errorf("a block that grew to %d bytes begins with %q", len(b), b[:3])
	}
	if b = p.Reallocate(2, b); string(b) != "ab" {
		t.Errorf("a block that shrank is %q", b)
	}
}
