package bus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/fault"
)

// Consumer settings. A delivery that is neither settled nor extended for
// ackWait is given to another worker. That is also how long work that was in
// flight waits when the bus itself was restarted.
const (
	ackWait       = 30 * time.Second
	leaseInterval = ackWait / 3
	// Deliveries given back for later count as pending. Objects are small, and
	// many may wait for somebody to mend a permission: they must not stop the
	// others.
	maxPendingObjects = 65_536
	maxPendingBatches = 1024
)

// dedupeWindow is how long the bus remembers message ids: several times the
// longest a publisher tries and a lease lasts.
const dedupeWindow = time.Hour

// The objects stream holds references only. Its byte limit bounds how far the
// poller may run ahead of the fetcher: some 100,000 objects by default.
const (
	objectAge      = 7 * 24 * time.Hour
	objectShare    = 64
	minObjectBytes = 16 << 20
)

// deadAge is how long a dead letter is kept if nobody deals with it.
const deadAge = 30 * 24 * time.Hour

// Topology is what the configuration demands of the bus.
type Topology struct {
	// Destinations maps each destination to the tables it takes.
	Destinations map[string][]string
}

// Bootstrap creates the streams and the durable consumers, or brings them up
// to the configuration. It is the only place that does; it changes nothing
// that is as it should be, so every process may call it.
func (b *Bus) Bootstrap(ctx context.Context, t Topology) error {
	b.topology = t
	b.wanted = map[string]bool{durableFetcher: true, durableParser: true}
	for destination, tables := range t.Destinations {
		for _, table := range tables {
			b.wanted[writerDurable(destination, table)] = true
		}
	}
	if err := b.build(ctx); err != nil {
		return err
	}
	return b.warnOfStrays(ctx)
}

// rebuild makes anew what a server that lost its data no longer has. What was
// on it is lost; what comes from now on is carried.
func (b *Bus) rebuild(ctx context.Context, lost string) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	b.log.Error("the bus has lost a stream, with what was in it; making it anew", "stream", lost)
	if err := b.build(ctx); err != nil {
		b.log.Warn("cannot make the streams anew; trying again", "err", err)
	}
}

func (b *Bus) build(ctx context.Context) error {
	for _, config := range b.streams() {
		if err := b.ensureStream(ctx, config); err != nil {
			return err
		}
	}
	if err := untilReady(ctx, func() error {
		_, err := b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: bucketPauses, Description: "until when rules are not to be called", TTL: pauseAge, Replicas: b.config.Replicas,
		})
		return err
	}); err != nil {
		return fmt.Errorf("create bucket %s: %w", bucketPauses, err)
	}
	if err := b.ensureConsumer(ctx, streamObjects, durableFetcher, subjectObjects+".>"); err != nil {
		return err
	}
	if err := b.ensureConsumer(ctx, streamRaw, durableParser, subjectRaw+".>"); err != nil {
		return err
	}
	for destination, tables := range b.topology.Destinations {
		for _, table := range tables {
			if err := b.ensureConsumer(ctx, streamRows, writerDurable(destination, table), subject(subjectRows, destination, table, ">")); err != nil {
				return err
			}
		}
	}
	return nil
}

// streams returns the streams' settings. All use limits retention, so that
// their subjects can be replayed while the workers go on; the gates keep what
// is not delivered far below the limits.
func (b *Bus) streams() []jetstream.StreamConfig {
	stream := func(name, prefix, about string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Description: about, Subjects: []string{prefix + ".>"},
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage,
			Replicas: b.config.Replicas, Duplicates: dedupeWindow, AllowDirect: true,
			MaxAge: b.config.Replay, MaxBytes: int64(b.config.MaxBytes),
		}
	}
	objects := stream(streamObjects, subjectObjects, "S3 objects to fetch")
	objects.MaxAge = max(b.config.Replay, objectAge)
	objects.MaxBytes = max(objects.MaxBytes/objectShare, minObjectBytes)
	dead := stream(streamDead, subjectDead, "what could not be processed")
	dead.MaxAge = deadAge
	return []jetstream.StreamConfig{
		objects,
		stream(streamRaw, subjectRaw, "undecoded records"),
		stream(streamRows, subjectRows, "rows to deliver"),
		dead,
	}
}

// untilReady calls f until JetStream is ready for it. A server that restarts,
// or a cluster that has just started, may not be: that is waited out for as
// long as ctx allows.
func untilReady(ctx context.Context, f func() error) error {
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || ctx.Err() != nil || !notReady(err) {
			return err
		}
		if fault.Sleep(ctx, fault.Wait(err, attempt)) != nil {
			return err
		}
	}
}

func (b *Bus) ensureStream(ctx context.Context, config jetstream.StreamConfig) error {
	err := untilReady(ctx, func() error {
		_, err := b.js.CreateOrUpdateStream(ctx, config)
		return err
	})
	if err != nil {
		return fmt.Errorf("create stream %s: %w", config.Name, err)
	}
	return nil
}

func (b *Bus) ensureConsumer(ctx context.Context, stream, durable, filter string) error {
	pending := maxPendingBatches
	if stream == streamObjects {
		pending = maxPendingObjects
	}
	err := untilReady(ctx, func() error {
		_, err := b.js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
			Durable: durable, FilterSubject: filter,
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
			MaxAckPending: pending, MaxDeliver: -1,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("create consumer %s of stream %s: %w", durable, stream, err)
	}
	return nil
}

// warnOfStrays tells of durables whose destination or table is no longer
// configured: what they have not delivered stays where it is.
func (b *Bus) warnOfStrays(ctx context.Context) error {
	var infos []*jetstream.ConsumerInfo
	err := untilReady(ctx, func() (err error) {
		infos, err = b.consumers(ctx, streamRows)
		return err
	})
	if err != nil {
		return err
	}
	for _, info := range infos {
		if left := backlog(info); !b.wanted[info.Name] && left > 0 {
			b.log.Warn("rows wait for a destination and table that are not configured; configure them again or remove the consumer",
				"consumer", info.Name, "batches", left)
		}
	}
	return nil
}

// consumers returns the state of the services' consumers of a stream. Who only
// reads along delays nothing and holds nothing back.
func (b *Bus) consumers(ctx context.Context, stream string) ([]*jetstream.ConsumerInfo, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", stream, err)
	}
	list := s.ListConsumers(ctx)
	var infos []*jetstream.ConsumerInfo
	for info := range list.Info() {
		if isService(info.Name) {
			infos = append(infos, info)
		}
	}
	if list.Err() != nil {
		return nil, fmt.Errorf("consumers of stream %s: %w", stream, list.Err())
	}
	slices.SortFunc(infos, func(a, b *jetstream.ConsumerInfo) int { return a.Created.Compare(b.Created) })
	return infos, nil
}

// backlog is the number of messages a consumer has not settled.
func backlog(info *jetstream.ConsumerInfo) int64 {
	return int64(info.NumPending) + int64(info.NumAckPending)
}
