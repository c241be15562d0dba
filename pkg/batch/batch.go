// Package batch is the unit that travels between the stages: an Arrow record
// batch with its metadata, and the rules for both as they go on the wire
// (proto/wire.md).
package batch

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

// Batch is an Arrow record batch and where it belongs. Whoever receives a
// Batch releases it, exactly once (invariant 5).
type Batch struct {
	Meta   Meta
	Record arrow.Record
}

// Release gives the batch's memory back. The batch must not be used after.
func (b *Batch) Release() { b.Record.Release() }

// Meta says where a batch comes from and where it goes.
type Meta struct {
	// Connection and Destination are names from the configuration.
	Connection  string
	Destination string
	// Format names how records become rows; Table the table the rows go to.
	Format string
	Table  string
	// Object is the object's id, Part the ordinal of this batch inside it:
	// the same object always has the same parts (invariant 4).
	Object string
	Part   int
	// Whole is 0 unless the batch is all there is of its object: then it is
	// the number of the object's records. Who settles it enters the object as
	// done.
	Whole int64
	// Attempt is 0 unless the object was published again as a new attempt.
	Attempt int
	// Bucket, Key and Version tell a person where the records came from.
	Bucket  string
	Key     string
	Version string
	// Layout is what a record cannot tell by itself: the header line of a flow
	// log. Empty for formats that need none.
	Layout string
	// Notified is when the object's notification entered the queue.
	Notified time.Time
	// Dead and Filtered count the records of the part that became no rows:
	// kept as dead letters, or dropped on purpose.
	Dead, Filtered int
}

// ID is the deterministic id of the batch, the same for every publication of
// the same part in the same attempt. It is the bus's message id.
func (m Meta) ID() string {
	id := m.PartID()
	if m.Attempt > 0 {
		id += "@" + strconv.Itoa(m.Attempt)
	}
	return id
}

// PartID names the part, whatever the attempt.
func (m Meta) PartID() string { return m.Object + "." + strconv.Itoa(m.Part) }

// ObjectID returns the identity of an S3 object: a hash of the connection, the
// bucket, the key and the version id or, in a bucket without versions, the
// ETag. It is lower-case letters and digits, fit for a subject token.
func ObjectID(connection, bucket, key, versionID, etag string) string {
	version := versionID
	if version == "" || version == "null" {
		version = strings.Trim(etag, `"`)
	}
	h := sha256.New()
	for _, s := range []string{connection, bucket, key, version} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	sum := h.Sum(nil)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum))[:26]
}
