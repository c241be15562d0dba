package bus

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// notifiedLayout is the form of the Logferry-Notified header.
const notifiedLayout = "2006-01-02T15:04:05.000Z07:00"

// A dead letter fits the server's default message size of 1 MiB: that bounds
// what it holds of the original bytes and of the error's text.
const (
	maxLetterBody  = 1_020_000
	maxLetterError = 4096
	// No layout that a format takes, and no key, is longer.
	maxLetterLayout = 4096
	maxLetterText   = 1024
	maxName         = 64 // of a connection
)

// newMsg starts a message with what all messages carry; id may be empty.
func newMsg(ctx context.Context, subject, id, contentType string, body []byte) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Data = body
	if id != "" {
		msg.Header.Set(nats.MsgIdHdr, id)
	}
	msg.Header.Set(headerWire, wireVersion)
	msg.Header.Set(headerContentType, contentType)
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(msg.Header))
	return msg
}

// objectMsg is the message of an object. Its id tells attempts apart, so that
// the bus does not take a new attempt for a double.
func objectMsg(ctx context.Context, o *logferryv1.Object) (string, *nats.Msg, error) {
	if err := checkTokens(o.GetConnection()); err != nil {
		return "", nil, fmt.Errorf("object: %w", err)
	}
	body, err := proto.Marshal(o)
	if err != nil {
		return "", nil, fmt.Errorf("encode object: %w", err)
	}
	id := o.GetId()
	if o.GetAttempt() > 0 {
		id += "@" + strconv.FormatUint(uint64(o.GetAttempt()), 10)
	}
	msg := newMsg(ctx, subject(subjectObjects, o.GetConnection()), id, contentObject, body)
	msg.Header.Set(headerConnection, o.GetConnection())
	msg.Header.Set(headerObject, o.GetId())
	return streamObjects, msg, nil
}

func decodeObject(msg message) (*logferryv1.Object, error) {
	o := new(logferryv1.Object)
	if err := checkMsg(msg, contentObject); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(msg.Data(), o); err != nil {
		return nil, fmt.Errorf("decode object: %w", err)
	}
	return o, nil
}

// rawMsg and rowsMsg are the messages of batches. They take b over.
func (b *Bus) rawMsg(ctx context.Context, batch *batch.Batch) (string, *nats.Msg, error) {
	m := batch.Meta
	msg, err := batchMsg(ctx, batch, b.config.compresses(), subjectRaw, m.Connection, m.Format)
	return streamRaw, msg, err
}

func (b *Bus) rowsMsg(ctx context.Context, batch *batch.Batch) (string, *nats.Msg, error) {
	m := batch.Meta
	msg, err := batchMsg(ctx, batch, b.config.compresses(), subjectRows, m.Destination, m.Table, m.Connection)
	return rowsStream(m.Destination), msg, err
}

func writeMeta(h nats.Header, m batch.Meta) {
	set := func(key, value string) {
		if value != "" {
			h.Set(key, value)
		}
	}
	set(headerConnection, m.Connection)
	set(headerDestination, m.Destination)
	set(headerFormat, m.Format)
	set(headerTable, m.Table)
	set(headerObject, m.Object)
	set(headerPart, strconv.Itoa(m.Part))
	if m.Whole > 0 {
		set(headerWhole, strconv.FormatInt(m.Whole, 10))
	}
	if m.Attempt > 0 {
		set(headerAttempt, strconv.Itoa(m.Attempt))
	}
	set(headerBucket, m.Bucket)
	set(headerKey, url.PathEscape(m.Key))
	set(headerVersion, url.PathEscape(m.Version))
	set(headerLayout, url.PathEscape(m.Layout))
	if m.Dead > 0 {
		set(headerDead, strconv.Itoa(m.Dead))
	}
	if m.Filtered > 0 {
		set(headerFiltered, strconv.Itoa(m.Filtered))
	}
	if !m.Notified.IsZero() {
		set(headerNotified, m.Notified.UTC().Format(notifiedLayout))
	}
}

// readMeta is the reverse of writeMeta; it reports every header that is
// malformed and returns what could be read.
func readMeta(h nats.Header) (m batch.Meta, err error) {
	var errs []error
	number := func(key string) int {
		v := h.Get(key)
		if v == "" && key != headerPart {
			return 0
		}
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			errs = append(errs, fmt.Errorf("header %s: %w", key, err))
		}
		return int(n)
	}
	text := func(key string) string {
		v, err := url.PathUnescape(h.Get(key))
		if err != nil {
			errs = append(errs, fmt.Errorf("header %s: %w", key, err))
		}
		return v
	}
	m = batch.Meta{
		Connection: h.Get(headerConnection), Destination: h.Get(headerDestination),
		Format: h.Get(headerFormat), Table: h.Get(headerTable),
		Object: h.Get(headerObject), Part: number(headerPart), Whole: int64(number(headerWhole)), Attempt: number(headerAttempt),
		Bucket: h.Get(headerBucket), Key: text(headerKey), Version: text(headerVersion),
		Layout: text(headerLayout), Dead: number(headerDead), Filtered: number(headerFiltered),
	}
	if v := h.Get(headerNotified); v != "" {
		m.Notified, err = time.Parse(notifiedLayout, v)
		if err != nil {
			errs = append(errs, fmt.Errorf("header %s: %w", headerNotified, err))
		}
	}
	return m, errors.Join(errs...)
}

// message is what is read of a message on the bus.
type message interface {
	Data() []byte
	Headers() nats.Header
}

func checkMsg(msg message, contentType string) error {
	if v := msg.Headers().Get(headerWire); v != wireVersion {
		return fmt.Errorf("wire version is %q; this service reads %q", v, wireVersion)
	}
	if v := msg.Headers().Get(headerContentType); v != contentType {
		return fmt.Errorf("content type is %q; want %q", v, contentType)
	}
	return nil
}

// letterMsg is the message of a dead letter. A body that fits no message is
// cut; its full size stays known.
func letterMsg(ctx context.Context, l stage.DeadLetter) (*nats.Msg, error) {
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	text := func(s string) string { return cutText(s, maxLetterText) } // whatever a message claimed, the letter can be stored
	body, err := proto.Marshal(&logferryv1.DeadLetter{
		Id: text(l.ID), Stage: l.Stage, Reason: string(l.Reason), Error: cutText(l.Error, maxLetterError),
		Connection: text(l.Connection), Destination: text(l.Destination), Table: text(l.Table), Format: text(l.Format),
		ObjectId: text(l.Object), Bucket: text(l.Bucket), Key: text(l.Key), VersionId: text(l.Version), Etag: text(l.ETag),
		Part: uint32(max(l.Part, 0)), HasPart: l.Part >= 0, Offset: l.Offset,
		Attempts: uint32(l.Attempts), Time: timestamppb.New(l.Time),
		ContentType: l.ContentType, ContentEncoding: l.ContentEncoding,
		Body: l.Body[:min(len(l.Body), maxLetterBody)], BodySize: l.BodySize, Records: uint64(max(l.Records, 0)), SentRecords: uint64(max(l.SentRecords, 0)),
		Traceparent: carrier["traceparent"], Layout: cutText(l.Layout, maxLetterLayout),
	})
	if err != nil {
		return nil, fmt.Errorf("encode dead letter: %w", err)
	}
	connection := l.Connection
	if checkTokens(connection) != nil || len(connection) > maxName || !utf8.ValidString(connection) {
		connection = "unknown"
	}
	// Its subject is its identity: by an id it would be taken for a double of
	// one that was just dismissed.
	msg := newMsg(ctx, subject(subjectDead, l.Stage, connection, letterToken(l.ID)), "", contentDead, body)
	msg.Header.Set(headerConnection, connection)
	return msg, nil
}

// letterToken is the last token of a letter's subject: the letter's id, fit for
// a subject.
func letterToken(id string) string {
	sum := sha256.Sum256([]byte(id))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))[:26]
}

// cutText cuts text to at most limit bytes of valid UTF-8.
func cutText(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return text
}
