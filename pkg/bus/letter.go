package bus

import (
	"strconv"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/stage"
)

// objectLetter is the dead letter of a message on the objects stream, without
// its cause. The object itself stays in the bucket; the letter says where.
func objectLetter(msg jetstream.Msg) stage.DeadLetter {
	l := letter(msg, contentObject)
	l.Object = msg.Headers().Get(headerObject)
	o, err := decodeObject(msg)
	if err != nil {
		return l
	}
	l.ID = o.GetId() // whatever the attempt
	if o.GetAttempt() > 0 {
		o.Attempt = 0
		if body, err := proto.Marshal(o); err == nil {
			l.Body, l.BodySize = body, int64(len(body))
		}
	}
	l.Connection, l.Object, l.Bucket, l.Key = o.GetConnection(), o.GetId(), o.GetBucket(), o.GetKey()
	l.Version, l.ETag = o.GetVersionId(), o.GetEtag()
	return l
}

// batchLetter is the dead letter of a whole batch, without its cause.
func batchLetter(msg jetstream.Msg) stage.DeadLetter {
	l := letter(msg, contentArrow)
	m, err := readMeta(msg.Headers())
	l.Connection, l.Destination, l.Table, l.Format = m.Connection, m.Destination, m.Table, m.Format
	l.Object, l.Bucket, l.Key, l.Version, l.Layout = m.Object, m.Bucket, m.Key, m.Version, m.Layout
	if err == nil {
		l.ID, l.Part = m.PartID(), m.Part // whatever the attempt
		l.Dead, l.Filtered, l.Whole = m.Dead, m.Filtered, m.Whole
	}
	l.Records, _ = strconv.ParseInt(msg.Headers().Get(headerRows), 10, 64)
	l.ContentEncoding = msg.Headers().Get(headerContentEncoding)
	if l.ContentEncoding == encodingSnappy {
		if n, err := s2.DecodedLen(l.Body); err == nil {
			l.BodySize = int64(n)
		}
	}
	return l
}

func letter(msg jetstream.Msg, contentType string) stage.DeadLetter {
	h := msg.Headers()
	return stage.DeadLetter{
		ID: h.Get(nats.MsgIdHdr), Connection: h.Get(headerConnection),
		Part: -1, Offset: -1,
		ContentType: contentType, Body: msg.Data(), BodySize: int64(len(msg.Data())),
	}
}
