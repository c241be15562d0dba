package unpack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/thrift/lib/go/thrift"
)

// What a Parquet file may ask for. The library trusts the sizes that a file
// states; these bounds are checked before it sees them. Writers cut pages at
// about 1 MiB.
const (
	maxFooter  = 4 << 20
	maxColumns = 256
	maxPage    = 8 << 20
	maxValues  = 1 << 20 // in a page
	maxAlloc   = 64 << 20
	maxText    = 16 << 20 // of batchRows rows; those of flow logs have some 2 MiB
)

// checkFooter checks the file's frame, and that no list in its index claims to
// be longer than the index is.
func checkFooter(file io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < int64(len("PAR1")+len(tail)) {
		return io.ErrUnexpectedEOF
	}
	if _, err := file.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return err
	}
	if string(tail[4:]) != "PAR1" {
		return io.ErrUnexpectedEOF // the end of the file is missing
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	if length > maxFooter || length > size-int64(len(tail)) {
		return fmt.Errorf("the index claims to be %d bytes long", length)
	}
	footer := make([]byte, length)
	if _, err := file.ReadAt(footer, size-int64(len(tail))-length); err != nil {
		return err
	}
	if err := thrift.SkipDefaultDepth(context.Background(), compact(footer), thrift.STRUCT); err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	return nil
}

// pages is the stream of a column's pages. The library peeks where a page
// begins, and only there.
type pages struct{ *bufio.Reader }

func openPages(file io.ReaderAt, chunk *metadata.ColumnChunkMetaData) pages {
	start := chunk.DataPageOffset()
	if dict := chunk.DictionaryPageOffset(); chunk.HasDictionaryPage() && dict > 0 && dict < start {
		start = dict
	}
	return pages{bufio.NewReaderSize(io.NewSectionReader(file, start, chunk.TotalCompressedSize()), bufferBytes)}
}

// Peek returns the next bytes, as many as are buffered rather than n, after a
// look at the page's header.
func (p pages) Peek(int) ([]byte, error) {
	head, err := p.Reader.Peek(bufferBytes)
	if len(head) == 0 {
		return nil, err
	}
	if err := checkPage(head); err != nil {
		return nil, fmt.Errorf("page header: %w", err)
	}
	return head, nil
}

// Fields of a page header, by the numbers of the Parquet format.
const (
	pageUnpacked   = 2
	pagePacked     = 3
	pageData       = 5 // and then its number of values is field 1
	pageDictionary = 7
	pageDataV2     = 8
	pageValues     = 1
)

// checkPage checks the sizes that a page header claims.
func checkPage(head []byte) error {
	p := compact(head)
	claims := make(map[int16]int32, 3)
	err := readStruct(p, func(id int16, kind thrift.TType) (err error) {
		switch {
		case kind == thrift.I32 && (id == pageUnpacked || id == pagePacked):
			claims[id], err = p.ReadI32(context.Background())
			return err
		case kind == thrift.STRUCT && (id == pageData || id == pageDictionary || id == pageDataV2):
			return readStruct(p, func(id int16, kind thrift.TType) (err error) {
				if id == pageValues && kind == thrift.I32 {
					claims[pageValues], err = p.ReadI32(context.Background())
					return err
				}
				return thrift.SkipDefaultDepth(context.Background(), p, kind)
			})
		}
		return thrift.SkipDefaultDepth(context.Background(), p, kind)
	})
	unpacked, packed, values := claims[pageUnpacked], claims[pagePacked], claims[pageValues]
	switch {
	case err != nil:
		return err
	case unpacked > maxPage || packed > maxPage || values > maxValues:
		return fmt.Errorf("%d bytes, %d unpacked, with %d values; at most %d bytes and %d values can be read", packed, unpacked, values, maxPage, maxValues)
	case unpacked <= 0 && packed > 64:
		return errors.New("the page claims to be empty when unpacked")
	}
	return nil
}

// readStruct calls field for every field of a struct, which must read it.
func readStruct(p thrift.TProtocol, field func(id int16, kind thrift.TType) error) error {
	ctx := context.Background()
	if _, err := p.ReadStructBegin(ctx); err != nil {
		return err
	}
	for {
		_, kind, id, err := p.ReadFieldBegin(ctx)
		if err != nil {
			return err
		}
		if kind == thrift.STOP {
			return p.ReadStructEnd(ctx)
		}
		if err := field(id, kind); err != nil {
			return err
		}
	}
}

// compact reads body, in which no list or text can be longer than body is.
func compact(body []byte) thrift.TProtocol {
	return thrift.NewTCompactProtocolConf(&thrift.TMemoryBuffer{Buffer: bytes.NewBuffer(body)},
		&thrift.TConfiguration{MaxMessageSize: int32(len(body))})
}

// bounded is the Go allocator that refuses single huge requests; [guard]
// catches the refusal.
type bounded struct{ memory.GoAllocator }

// Allocate implements [memory.Allocator].
func (b *bounded) Allocate(size int) []byte {
	if size > maxAlloc {
		panic(unsupported("it asks for a buffer of %d bytes", size))
	}
	return b.GoAllocator.Allocate(size)
}

// Reallocate implements [memory.Allocator].
func (b *bounded) Reallocate(size int, data []byte) []byte {
	if size > maxAlloc {
		panic(unsupported("it asks for a buffer of %d bytes", size))
	}
	return b.GoAllocator.Reallocate(size, data)
}
