package poller

import (
	"context"
	"fmt"
	"strings"

	"github.com/sourcegraph/conc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/notification"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// handle carries the objects that the message announces: it returns nil when
// they are done, and the message may be deleted (invariant 1). What cannot be
// used becomes a dead letter with the whole message, at most one for each
// reason; the rest is carried.
func (q *queue) handle(ctx context.Context, m *Message, out *stage.Emitter[struct{}]) error {
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
	var load load
	defer load.leave()
	for _, o := range n.Objects {
		if !q.conn.Reads(o.Bucket) {
			foreign = append(foreign, o)
			continue
		}
		if err := q.begin(ctx, m, o, &load); err != nil {
			return err
		}
	}
	if err := q.refuse(ctx, m, foreign, out); err != nil {
		return err
	}
	if q.conn.Ack == connection.AckStored {
		q.kept <- load.take()
		return nil
	}
	return load.wait(ctx)
}

// load is the objects of a message, on their way.
type load struct {
	passages []*ledger.Passage
	gives    []func() // of the budget
}

// wait returns once every object is done.
func (l *load) wait(ctx context.Context) (err error) {
	passages := l.passages
	l.passages = nil
	for _, p := range passages { // each must be waited for, if only for the end of ctx
		if _, werr := p.Wait(ctx); werr != nil {
			err = werr
		}
	}
	return err
}

// leave ends the interest in all objects that were not waited for, and gives
// their bytes back to the budget.
func (l *load) leave() {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.wait(over) // why it ends is known
	for _, give := range l.gives {
		give()
	}
	l.gives = nil
}

// take hands the load over.
func (l *load) take() load {
	taken := *l
	*l = load{}
	return taken
}

// seeTo waits for the objects of messages that are deleted before they are
// done, so that they are entered as done, until life ends. What is not done by
// then is on the bus.
func (q *queue) seeTo(life context.Context) {
	var waits conc.WaitGroup
	defer waits.Wait()
	for {
		select {
		case l := <-q.kept:
			waits.Go(func() {
				defer l.leave()
				_ = l.wait(life)
			})
		case <-life.Done():
			return
		}
	}
}

// begin brings one object on its way.
func (q *queue) begin(ctx context.Context, m *Message, o notification.Object, load *load) error {
	o, err := q.identify(ctx, o)
	if err != nil {
		return err
	}
	load.gives = append(load.gives, q.budget.take(o.Size))
	p, err := q.tracker.Begin(ctx, objectOf(q.conn.Name, m, o), q.publish)
	if err != nil {
		return err
	}
	failpoint.Hit("poller.published")
	load.passages = append(load.passages, p)
	return nil
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

// objectOf describes o, which m has announced, for the fetcher.
func objectOf(connection string, m *Message, o notification.Object) *logferryv1.Object {
	object := &logferryv1.Object{
		Id:         batch.ObjectID(connection, o.Bucket, o.Key, o.VersionID, o.ETag),
		Connection: connection,
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
func (q *queue) refuse(ctx context.Context, m *Message, foreign []notification.Object, out *stage.Emitter[struct{}]) error {
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
func bury(ctx context.Context, out *stage.Emitter[struct{}], m *Message, l stage.DeadLetter) error {
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
