package poller

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/fault"
)

const (
	// lastCall is how long a long poll may go on when the poller is told to
	// stop. Breaking it off at once could lose an answer that is on its way,
	// and its messages would stay hidden for their visibility timeout.
	lastCall = time.Second
	// giveBackTime is how long giving back may take on shutdown.
	giveBackTime = 5 * time.Second
)

// receive makes long polls while there is room for messages and for their
// objects, until ctx ends. What finds no room stays in SQS (invariant 6).
func (q *queue) receive(ctx context.Context) {
	calls, end := fault.Outlive(ctx, lastCall)
	defer end()

	batch := min(batchSize, q.config.InFlight)
	for failures := 0; q.budget.wait(ctx) == nil && q.room.Acquire(ctx, int64(batch)) == nil; {
		wait := q.config.Wait
		if q.doubt.is() {
			wait = 0 // to know soon whether the queue answers
		}
		got, err := receive(calls, q.client, q.url, batch, wait, q.config.Visibility)
		q.room.Release(int64(batch - len(got)))
		if ctx.Err() != nil && err != nil {
			return
		}
		if err != nil {
			failures++
			q.doubt.set(true)
			q.metrics.receives.WithLabelValues(kindOf(err)).Inc()
			q.faults.report("receive", err)
			if fault.Sleep(ctx, fault.Wait(err, failures)) != nil {
				return
			}
			continue
		}
		if failures > 0 {
			failures = 0
			q.log.Info("the queue answers again")
		}
		failpoint.Hit("poller.received")
		q.take(ctx, got)
		q.doubt.set(false)
	}
}

// take holds what was received and hands it to the stage, or back to SQS when
// ctx ends first.
func (q *queue) take(ctx context.Context, got []types.Message) {
	outcome := "messages"
	if len(got) == 0 {
		outcome = "empty"
	}
	q.metrics.receives.WithLabelValues(outcome).Inc()
	now := time.Now()
	fresh := make([]*Message, 0, len(got))
	for _, raw := range got {
		m := newMessage(raw, now)
		q.metrics.received(m, now)
		if !q.keeper.keep(m) {
			q.room.Release(1)
			continue
		}
		fresh = append(fresh, m)
	}
	q.metrics.waiting.Add(float64(len(fresh)))
	for i, m := range fresh {
		select {
		case q.arrived <- m:
			q.metrics.waiting.Dec()
		case <-ctx.Done():
			q.metrics.waiting.Sub(float64(len(fresh) - i))
			q.giveAllBack(ctx, fresh[i:])
			return
		}
	}
}

// giveAllBack returns messages that nobody has begun with.
func (q *queue) giveAllBack(ctx context.Context, messages []*Message) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	var wg conc.WaitGroup
	defer wg.Wait()
	for _, m := range messages {
		wg.Go(func() {
			if err := q.giveBack(ctx, m, 0); err != nil {
				q.faults.report("give back", err)
			}
		})
	}
}
