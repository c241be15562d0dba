package fetcher

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/unpack"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

const (
	// smallBytes is the size up to which an object is read whole before anything
	// is done with it.
	smallBytes = 1 << 20
	// roomBytes is the memory for the objects in work, as [weight] counts it,
	// however many are in flight.
	roomBytes = 64 << 20
	// partBytes is about the memory of a part that is being made.
	partBytes = 1 << 20
	// growth is how many times larger an object is taken to be when unpacked.
	growth = 16
)

// carrier carries one object, once.
type carrier struct {
	*fetcher
	in         *logferryv1.Object
	out        outlet
	settled    func(part int) bool // parts that need not be sent
	connection connection.Connection
	format     *format.Format // nil until the object is routed
	expected   int64          // size of the log, a hint; 0: unknown

	// What is known at the end, for metrics and ledger.
	outcome  string
	packed   int64 // bytes of the object that were read
	unpacked int64
	parts    int   // sent, or settled before
	records  int64 // in the parts
	dead     int64 // records kept as dead letters beside them
	sent     int64 // records up to the end of the last part
	whole    bool  // one part holds them all, and was sent so
}

// fetched is the object's entry in the ledger.
func (c *carrier) fetched() *logferryv1.Fetched {
	return &logferryv1.Fetched{
		Parts: uint32(c.parts), Records: uint64(c.records + c.dead), Bytes: uint64(c.unpacked), Dead: uint64(c.dead),
	}
}

// carry carries the object. A [format.SkipError] says that it holds no
// records by its nature.
func (c *carrier) carry(ctx context.Context) error {
	if err := c.admit(); err != nil {
		return err
	}
	body, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	if !isSmall(c.in.GetSize()) {
		return c.read(ctx, body)
	}
	content, ok := c.contents.Get().(*bytes.Buffer)
	if !ok {
		content = new(bytes.Buffer)
	}
	defer c.contents.Put(content)
	return c.read(ctx, c.download(content, body))
}

// download reads a small object to its end, so that nothing else is held for it
// while it is on its way. What broke it comes after what was read, and so does
// the rest of one that is longer than was announced.
func (c *carrier) download(content *bytes.Buffer, body io.Reader) io.Reader {
	content.Reset()
	content.Grow(int(c.in.GetSize()) + bytes.MinRead)
	_, err := content.ReadFrom(io.LimitReader(body, smallBytes))
	switch {
	case err != nil:
		return io.MultiReader(content, reader{read: func([]byte) (int, error) { return 0, err }})
	case content.Len() == smallBytes:
		return io.MultiReader(content, body)
	}
	c.expected = unpack.SizeHint(content.Bytes())
	return content
}

// read carries what the object holds.
func (c *carrier) read(ctx context.Context, content io.Reader) error {
	log, err := c.unpack.Open(content, c.limits)
	if err != nil {
		return err
	}
	defer log.Close()
	defer func() { c.packed = log.ObjectBytes() }()

	head, err := log.Peek(format.SniffBytes)
	if err != nil && !fault.IsPermanent(err) {
		return err // a broken download tells nothing of the content
	}
	if err == nil && len(head) == 0 {
		c.outcome = "empty"
		return nil
	}
	if err := c.route(head); err != nil {
		return err
	}
	return c.deliver(ctx, &counted{log, &c.unpacked})
}

// admit checks whether the object is to be read at all.
func (c *carrier) admit() error {
	var ok bool
	if c.connection, ok = c.connections[c.in.GetConnection()]; !ok {
		return fault.Limited(mendTries, mendWait, fault.NoConnection, fmt.Errorf("connection %s is not in the configuration", c.in.GetConnection()))
	}
	if !c.connection.Reads(c.in.GetBucket()) {
		return fault.Permanent(fault.BucketNotAllowed,
			fmt.Errorf("connection %s does not list bucket %s", c.connection.Name, c.in.GetBucket()))
	}
	if what, ok := format.Ignorable(c.in.GetKey()); ok {
		return &format.SkipError{What: what}
	}
	return nil
}

// open starts the download once there is room for the object, which closing the
// download gives back.
func (c *carrier) open(ctx context.Context) (io.ReadCloser, error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	body, err := openDownload(ctx, c.buckets, c.connection, c.in)
	if err != nil {
		leave()
		return nil, err
	}
	return &held{body, leave}, nil
}

// enter waits for a turn among the large objects, if this is one, then for
// memory. leave gives both back.
func (c *carrier) enter(ctx context.Context) (leave func(), err error) {
	end := func() {}
	if c.in.GetSize() > largeBytes {
		select {
		case c.large <- struct{}{}:
			end = func() { <-c.large }
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	need := weight(c.in.GetSize())
	if err := c.room.Acquire(ctx, need); err != nil {
		end()
		return nil, err
	}
	return func() { c.room.Release(need); end() }, nil
}

// weight returns how much memory an object of that size is counted with: itself
// if it is read whole, and the part that is being made of it, which is larger
// than a small object. The chunks of a large one are bounded by its turn.
func weight(size int64) int64 {
	if !isSmall(size) {
		return partBytes
	}
	return size + min(growth*size, partBytes)
}

// isSmall reports whether an object is announced with such a size that it is
// read whole. An unknown size may be any.
func isSmall(size int64) bool { return 0 < size && size <= smallBytes }

// held is a download that holds room while it is open.
type held struct {
	io.ReadCloser
	leave func()
}

// Close implements [io.Closer].
func (h *held) Close() error {
	err := h.ReadCloser.Close()
	h.leave()
	return err
}

// route chooses the object's format. The connection's table decides, else the
// key; the content guards against a mistake of either.
func (c *carrier) route(head []byte) error {
	if err := c.choose(head); err != nil {
		return err
	}
	if d := c.destinations[c.connection.Destination]; !d.Takes(c.format.Table) {
		return fault.Permanent(fault.NoRule, fmt.Errorf("destination %s has no rule for table %s", c.connection.Destination, c.format.Table))
	}
	return nil
}

func (c *carrier) choose(head []byte) error {
	var ok bool
	if isAuto(c.connection) {
		if c.format, ok = c.formats.Detect(c.in.GetKey(), head); !ok {
			return fault.Permanent(fault.Unrouted, fmt.Errorf("neither the key %q nor the content is of a known format", c.in.GetKey()))
		}
		return nil
	}
	if c.format, ok = c.formats.DetectFor(c.connection.Table, head); !ok {
		return fault.Permanent(fault.Unrouted, fmt.Errorf("no format is known for table %s, and the content is of none", c.connection.Table))
	}
	if c.format.Table != c.connection.Table {
		return fault.Permanent(fault.Unrouted,
			fmt.Errorf("the connection is for table %s; the object holds %s, which go to %s", c.connection.Table, c.format.Title, c.format.Table))
	}
	return nil
}

// meta returns the metadata that all parts of the object share.
func (c *carrier) meta() batch.Meta {
	m := batch.Meta{
		Connection: c.connection.Name, Destination: c.connection.Destination,
		Format: c.format.Name, Table: c.format.Table,
		Object: c.in.GetId(), Attempt: int(c.in.GetAttempt()),
		Bucket: c.in.GetBucket(), Key: c.in.GetKey(), Version: c.in.GetVersionId(),
	}
	if c.in.GetNotified() != nil { // what a backfill finds was never announced
		m.Notified = c.in.GetNotified().AsTime()
	}
	return m
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *int64
}

// Read implements [io.Reader].
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	*c.n += int64(n)
	return n, err
}
