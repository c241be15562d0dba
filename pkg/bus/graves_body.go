package bus

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/batch"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Kinds of dead letters, by what their body is.
const (
	// LetterObject: an object, which lies in its bucket.
	LetterObject = "object"
	// LetterRecords: undecoded records, a part of them or one.
	LetterRecords = "records"
	// LetterRows: rows of a table, a part of them or one.
	LetterRows = "rows"
	// LetterMessage: a message of a queue.
	LetterMessage = "message"
	// LetterUnknown: something else.
	LetterUnknown = "unknown"
)

// contentRecord is the media type of a single record.
const contentRecord = "application/octet-stream"

// KindOf tells what the letter's body is.
func KindOf(l *logferryv1.DeadLetter) string {
	switch {
	case l.GetContentType() == contentObject:
		return LetterObject
	case l.GetContentType() == contentArrow && l.GetStage() == "writer":
		return LetterRows
	case l.GetContentType() == contentArrow, l.GetContentType() == contentRecord && l.GetFormat() != "":
		return LetterRecords
	case l.GetStage() == "poller":
		return LetterMessage
	}
	return LetterUnknown
}

// ErrCut says that a letter holds only the beginning of the original.
var ErrCut = errors.New("the letter holds only the beginning of the original")

// BodyOf returns the letter's original bytes, without the compression of the
// bus. The error is [ErrCut] and says where the original lies when the letter
// does not hold all of it.
func BodyOf(l *logferryv1.DeadLetter) ([]byte, error) {
	cut := func() error {
		return fmt.Errorf("%w, %d of %d bytes; it lies in %s", ErrCut, len(l.GetBody()), l.GetBodySize(), OriginOf(l))
	}
	switch l.GetContentEncoding() {
	case "":
		if int64(len(l.GetBody())) < l.GetBodySize() {
			return nil, cut()
		}
		return l.GetBody(), nil
	case encodingSnappy:
		if n, err := s2.DecodedLen(l.GetBody()); err != nil || n > maxPlainBody {
			return nil, fmt.Errorf("body of %d bytes, more than %d, or unreadable: %w", n, maxPlainBody, err)
		}
		body, err := s2.Decode(nil, l.GetBody())
		if err != nil && len(l.GetBody()) == maxLetterBody {
			return nil, cut()
		}
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		return body, nil
	}
	return nil, fmt.Errorf("content encoding is %q; this program reads none and %q", l.GetContentEncoding(), encodingSnappy)
}

// OriginOf says where the letter's content comes from: the object, then the
// part after # and the record's first byte after @, as far as they are known.
func OriginOf(l *logferryv1.DeadLetter) string {
	var where strings.Builder
	switch {
	case l.GetBucket() != "":
		fmt.Fprintf(&where, "s3://%s/%s", l.GetBucket(), l.GetKey())
	case l.GetObjectId() != "":
		fmt.Fprintf(&where, "object %s", l.GetObjectId())
	case l.GetStage() == "poller":
		return "queue message"
	default:
		return "unknown"
	}
	if l.GetHasPart() {
		fmt.Fprintf(&where, "#%d", l.GetPart())
	}
	if l.GetOffset() > 0 || l.GetOffset() == 0 && KindOf(l) == LetterRecords && l.GetContentType() == contentRecord {
		fmt.Fprintf(&where, "@%d", l.GetOffset())
	}
	return where.String()
}

// BatchOf returns the records or rows that the letter holds, as the batch that
// its stage had received, or as a batch of the one record: its metadata as far
// as the letter tells. The caller releases it. A letter that does not hold all
// of the original is refused, see [BodyOf].
func BatchOf(l *logferryv1.DeadLetter) (*batch.Batch, error) {
	body, err := BodyOf(l)
	if err != nil {
		return nil, err
	}
	b := &batch.Batch{Meta: batch.Meta{
		Connection: l.GetConnection(), Destination: l.GetDestination(), Format: l.GetFormat(), Table: l.GetTable(),
		Object: l.GetObjectId(), Part: int(l.GetPart()),
		Bucket: l.GetBucket(), Key: l.GetKey(), Version: l.GetVersionId(), Layout: l.GetLayout(),
	}}
	switch {
	case l.GetContentType() == contentArrow:
		b.Record, err = batch.Decode(body, memory.DefaultAllocator)
	case KindOf(l) == LetterRecords:
		var one batch.Raw
		one.Append(body, l.GetOffset())
		b.Record = one.Take()
	default:
		err = fmt.Errorf("a body of type %q holds neither records nor rows", l.GetContentType())
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// ObjectOf returns the object that the letter is about, as it was announced.
func ObjectOf(l *logferryv1.DeadLetter) (*logferryv1.Object, error) {
	if KindOf(l) != LetterObject {
		return nil, fmt.Errorf("a body of type %q is no object", l.GetContentType())
	}
	body, err := BodyOf(l)
	if err != nil {
		return nil, err
	}
	o := new(logferryv1.Object)
	if err := proto.Unmarshal(body, o); err != nil {
		return nil, fmt.Errorf("decode object: %w", err)
	}
	return o, nil
}
