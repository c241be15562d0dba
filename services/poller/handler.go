package poller

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/notification"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// handle emits the objects that the message announces. What cannot be used
// becomes a dead letter with the whole message, at most one for each reason;
// the rest is carried.
func (q *queue) handle(ctx context.Context, m *Message, out *stage.Emitter[*logferryv1.Object]) error {
	n, err := notification.Parse(m.Body)
	if err != nil {
		q.metrics.notifications.WithLabelValues("unknown").Inc()
		return err
	}
	q.metrics.notifications.WithLabelValues(n.Shape).Inc()
	for _, i := range n.Ignored {
		q.metrics.ignored.WithLabelValues(i.Reason).Inc()
	}
	if len(n.Rejected) > 0 {
		if err := bury(ctx, out, m, stage.DeadLetter{Reason: fault.UnknownNotification, Error: summary(n.Rejected)}); err != nil {
			return err
		}
	}
	var foreign []notification.Object
	for _, o := range n.Objects {
		if !q.conn.Reads(o.Bucket) {
			foreign = append(foreign, o)
			continue
		}
		if err := q.emit(ctx, m, o, out); err != nil {
			return err
		}
	}
	return q.refuse(ctx, m, foreign, out)
}

// emit passes on one object.
func (q *queue) emit(ctx context.Context, m *Message, o notification.Object, out *stage.Emitter[*logferryv1.Object]) error {
	o, err := q.identify(ctx, o)
	if err != nil {
		return err
	}
	q.metrics.objects.Inc()
	return out.Emit(ctx, q.object(m, o))
}

// maxLooks is how often an object is looked up while its message is held: for
// some half an hour.
const maxLooks = 30

// identify gives o its identity and waits out an S3 that does not answer. To
// give the message back instead would let its receives run up, until the queue
// itself sets the message aside.
func (q *queue) identify(ctx context.Context, o notification.Object) (notification.Object, error) {
	for try := 1; ; try++ {
		known, err := q.objects.identify(ctx, o)
		if err == nil || try == maxLooks || ctx.Err() != nil {
			return known, err
		}
		if unsaid, ok := q.faults.turn("look up"); ok {
			q.log.Warn("an object cannot be looked up; trying again", "bucket", o.Bucket, "key", o.Key, "err", err, "unsaid", unsaid)
		}
		if fault.Sleep(ctx, fault.Wait(err, try)) != nil {
			return o, err
		}
	}
}

// object describes o for the fetcher.
func (q *queue) object(m *Message, o notification.Object) *logferryv1.Object {
	object := &logferryv1.Object{
		Id:         batch.ObjectID(q.conn.Name, o.Bucket, o.Key, o.VersionID, o.ETag),
		Connection: q.conn.Name,
		Bucket:     o.Bucket,
		Key:        o.Key,
		VersionId:  o.VersionID,
		Etag:       o.ETag,
		Size:       o.Size,
		Region:     o.Region,
		MessageId:  m.ID,
	}
	if !o.EventTime.IsZero() {
		object.EventTime = timestamppb.New(o.EventTime)
	}
	if !m.Sent.IsZero() {
		object.Notified = timestamppb.New(m.Sent)
	}
	return object
}

// refuse buries the message for the objects outside the connection's buckets:
// whoever can write to the queue must not choose what is read.
func (q *queue) refuse(ctx context.Context, m *Message, foreign []notification.Object, out *stage.Emitter[*logferryv1.Object]) error {
	if len(foreign) == 0 {
		return nil
	}
	reasons := make([]string, len(foreign))
	for i, o := range foreign {
		reasons[i] = fmt.Sprintf("bucket %s is not one of the connection's buckets: object %q is not read", o.Bucket, o.Key)
	}
	return bury(ctx, out, m, stage.DeadLetter{
		Reason: fault.BucketNotAllowed, Error: summary(reasons), Bucket: foreign[0].Bucket, Key: foreign[0].Key,
	})
}

// bury stores a dead letter with the whole message, before the message is
// settled (invariant 3).
func bury(ctx context.Context, out *stage.Emitter[*logferryv1.Object], m *Message, l stage.DeadLetter) error {
	l.Part, l.Offset = -1, -1
	l.ContentType, l.Body = "application/json", m.Body
	return out.Bury(ctx, l)
}

// summary joins the first of many reasons.
func summary(reasons []string) string {
	const most = 5
	if len(reasons) <= most {
		return strings.Join(reasons, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(reasons[:most], "; "), len(reasons)-most)
}
