package backfill

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// minBytes is what an object counts for at least.
const minBytes = 4 << 10

// carry brings an object on its way and returns once it is done.
func (r *run) carry(ctx context.Context, s *sheet, i item) error {
	weight := min(max(i.Size, minBytes), r.Bytes)
	if err := r.bytes.Acquire(ctx, weight); err != nil {
		return err
	}
	defer r.bytes.Release(weight)
	if err := r.pace.Wait(ctx); err != nil {
		return err
	}
	r.progress.fly(1)
	defer r.progress.fly(-1)
	passage, err := r.tracker.Begin(ctx, i.object(r.Connection.Name), r.publish)
	if err != nil {
		return err
	}
	done, err := passage.Wait(ctx)
	if err != nil {
		return err
	}
	t := Tally{Carried: 1, Bytes: i.Size, Rows: done.GetDelivered(), Records: done.GetDead()}
	if done.GetDead() > 0 || done.GetRejected() {
		t.Dead = 1
	}
	r.progress.settle(s, t)
	return nil
}

// object describes what lies in the bucket for the fetcher. It was never
// notified: its lag is not of the pipeline.
func (i item) object(connection string) *logferryv1.Object {
	return &logferryv1.Object{
		Id: i.ID(connection), Connection: connection, Bucket: i.Bucket, Key: i.Key, VersionId: i.VersionID,
		Etag: i.ETag, Size: i.Size, Region: i.Region, EventTime: timestamppb.New(i.LastModified),
	}
}

// publish puts an object on the bus and returns once it is stored there.
func (r *run) publish(ctx context.Context, o *logferryv1.Object) error {
	stored, err := r.objects.Publish(ctx, o)
	if err != nil {
		return err
	}
	return stored(ctx)
}
