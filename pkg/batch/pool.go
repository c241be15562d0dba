package batch

import (
	"math/bits"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Pool is an allocator that hands out again what was freed. What it hands out
// is not zero. The zero Pool is ready for use, also by many at once.
type Pool struct {
	classes [maxClass + 1]sync.Pool // of *[]byte, by the logarithm of their capacity
}

// A block has from 4 KiB to 128 MiB, more than any body.
const (
	minClass = 12
	maxClass = 27
)

var _ memory.Allocator = (*Pool)(nil)

// Allocate returns a block of size bytes.
func (p *Pool) Allocate(size int) []byte {
	class := max(minClass, bits.Len(uint(max(size, 1)-1)))
	if class > maxClass {
		return make([]byte, size)
	}
	if b, ok := p.classes[class].Get().(*[]byte); ok {
		return (*b)[:size]
	}
	return make([]byte, size, 1<<class)
}

// Reallocate returns a block of size bytes that begins as b does, and frees b.
func (p *Pool) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) {
		return b[:size]
	}
	grown := p.Allocate(size)
	copy(grown, b)
	p.Free(b)
	return grown
}

// Free takes b back. It must not be used after.
func (p *Pool) Free(b []byte) {
	class := bits.Len(uint(cap(b))) - 1
	if class >= minClass && class <= maxClass && cap(b) == 1<<class {
		p.classes[class].Put(&b)
	}
}
