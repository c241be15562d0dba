package poller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/sync/semaphore"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/failpoint"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
)

// queue is one queue with everything that works on it. It is the source of a
// stage.
type queue struct {
	url     string
	conn    connection.Connection
	config  app.Poller
	client  api
	objects *objects
	log     *slog.Logger
	faults  *faultLog
	metrics *queueMetrics

	keeper  *keeper
	deleter *deleter
	returns *batcher            // changes of visibility on giving back
	room    *semaphore.Weighted // messages that may still be received
	arrived chan *Message       // from the receivers to the stage
	kept    chan load           // of messages that are deleted before it is done
	doubt   doubt

	tracker *ledger.Tracker // of the connection
	publish ledger.Publish
	budget  *budget // of the destination
}

func makeQueue(url string, c connection.Connection, config app.Poller, client api, objects *objects, log *slog.Logger, m *queueMetrics) *queue {
	change := changeVisibility(client, url)
	faults := &faultLog{log: log, metrics: m}
	k := newKeeper(config.Visibility, change, log, m)
	return &queue{
		url: url, conn: c, config: config, client: client, objects: objects, log: log, faults: faults, metrics: m,
		keeper:  k,
		deleter: &deleter{newBatcher(deleteMessages(client, url)), k, faults, m},
		returns: newBatcher(change),
		room:    semaphore.NewWeighted(int64(config.InFlight)),
		arrived: make(chan *Message),
		kept:    make(chan load),
	}
}

// run carries messages until ctx ends and returns when all are settled.
func (q *queue) run(ctx context.Context, env *app.Env, dead stage.Graveyard) error {
	q.log.Info("polling", "receivers", q.config.Receivers, "in_flight", q.config.InFlight)
	var helpers, receivers conc.WaitGroup
	// Keeper and batchers serve messages that are in flight when ctx ends, so
	// they end after them.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer helpers.Wait()
	defer end()
	helpers.Go(func() { q.keeper.run(life) })
	helpers.Go(func() { q.deleter.batch.run(life) })
	helpers.Go(func() { q.returns.run(life) })
	helpers.Go(func() { q.seeTo(life) })
	q.doubt.hold = env.Stages.Hold
	q.doubt.set(true)
	defer q.doubt.set(false)
	defer receivers.Wait()
	for range q.config.Receivers {
		receivers.Go(func() { q.receive(ctx) })
	}
	s := stage.Stage[*Message, struct{}]{
		Name: stageName, Source: q, Dead: dead, Handle: q.handle,
		// A message is in work until its objects are done, so every one in
		// flight has a worker of its own.
		Workers: q.config.InFlight,
		Grace:   env.Config.Grace, Log: q.log, Metrics: env.Stages,
	}
	return s.Run(ctx)
}

// Next returns the next message received.
func (q *queue) Next(ctx context.Context) (stage.Delivery[*Message], error) {
	select {
	case m := <-q.arrived:
		return &delivery{q, m}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// giveBack lets m go, to be handed out again after wait. When SQS cannot be
// told, the message comes back once its visibility ends.
func (q *queue) giveBack(ctx context.Context, m *Message, wait time.Duration) error {
	defer q.room.Release(1)
	q.metrics.returned.Inc()
	err := m.begin(ctx)
	h := q.keeper.held(m)
	q.keeper.release(m)
	if err != nil {
		return err
	}
	defer m.end()
	if h.lost {
		return nil
	}
	left := time.Until(h.since.Add(maxHold))
	return q.returns.do(ctx, entry{receipt: h.receipt, visibility: min(wait, left)})
}

// delivery is a message on its way through the stage.
type delivery struct {
	queue   *queue
	message *Message
}

// Value returns the message.
func (d *delivery) Value() (*Message, error) { return d.message, nil }

// Letter returns the message's dead letter: its body.
func (d *delivery) Letter() stage.DeadLetter {
	m := d.message
	sum := sha256.Sum256([]byte(d.queue.url + "\n" + m.ID))
	return stage.DeadLetter{
		ID:          hex.EncodeToString(sum[:16]),
		Connection:  d.queue.conn.Name,
		Destination: d.queue.conn.Destination,
		Part:        -1,
		Offset:      -1,
		Attempts:    m.Receives,
		ContentType: "application/json",
		Body:        m.Body,
		BodySize:    int64(len(m.Body)),
	}
}

// Attempt returns how often SQS has handed the message out.
func (d *delivery) Attempt() int { return d.message.Receives }

// Context returns ctx: a queue message belongs to no trace yet.
func (d *delivery) Context(ctx context.Context) context.Context { return ctx }

// Ack deletes the message and returns when it is deleted. All objects of the
// message are done by now (invariant 1).
func (d *delivery) Ack(ctx context.Context) error {
	failpoint.Hit("poller.done")
	defer d.queue.room.Release(1)
	return d.queue.deleter.delete(ctx, d.message)
}

// Retry gives the message back.
func (d *delivery) Retry(ctx context.Context, wait time.Duration) error {
	return d.queue.giveBack(ctx, d.message, wait)
}

// Reject deletes the message, whose dead letter is stored.
func (d *delivery) Reject(ctx context.Context, _ error) error { return d.Ack(ctx) }
