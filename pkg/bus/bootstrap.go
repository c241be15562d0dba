package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	maxPendingBatches = 8192
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

// The ledger takes an event once for as long as it keeps it, so it needs to
// remember message ids only while a publisher may try again.
const ledgerDedupe = 2 * time.Minute

// historyShare is the part of bus.max_bytes that the history may take.
const historyShare = 4

// Topology is what the configuration demands of the bus.
type Topology struct {
	// Destinations maps each destination to the tables it takes.
	Destinations map[string][]string
}

// consumers returns the services' durable consumers with their filters, by
// stream.
func (t Topology) consumers() map[string]map[string]string {
	all := map[string]map[string]string{
		streamObjects: {durableFetcher: subject(subjectObjects, ">")},
		streamRaw:     {durableParser: subject(subjectRaw, ">")},
	}
	for destination, tables := range t.Destinations {
		writers := make(map[string]string, len(tables))
		for _, table := range tables {
			writers[writerDurable(destination, table)] = subject(subjectRows, destination, table, ">")
		}
		all[rowsStream(destination)] = writers
	}
	return all
}

// Bootstrap creates the streams and the durable consumers, or brings them up
// to the configuration. It is the only place that does; it changes nothing
// that is as it should be, so every process may call it.
func (b *Bus) Bootstrap(ctx context.Context, t Topology) error {
	b.topology, b.durables = t, t.consumers()
	if err := b.build(ctx); err != nil {
		return err
	}
	return b.warnOfStrays(ctx)
}

// rebuild makes anew what a server that lost its data no longer has. What was
// in a stream is lost; what comes from now on is carried. A consumer begins
// again with all that its stream holds: what was settled before is known to the
// ledger.
func (b *Bus) rebuild(ctx context.Context, lost error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	b.log.Error("the bus has lost a stream with what was in it, or a consumer; making it anew", "err", lost)
	if err := b.build(ctx); err != nil {
		b.log.Warn("cannot make the streams anew; trying again", "err", err)
	}
}

func (b *Bus) build(ctx context.Context) error {
	if err := b.checkLayout(ctx); err != nil {
		return err
	}
	for _, config := range b.streams() {
		if err := b.ensureStream(ctx, config); err != nil {
			return err
		}
	}
	for _, config := range []jetstream.KeyValueConfig{
		{Bucket: bucketPauses, Description: "until when rules are not to be called", TTL: pauseAge},
		{Bucket: bucketCheckpoints, Description: "how far long commands are"},
		documentBucket(), // which a server that lost its data no longer has
	} {
		if err := b.ensureBucket(ctx, config); err != nil {
			return err
		}
	}
	for stream, durables := range b.durables {
		for durable, filter := range durables {
			if err := b.ensureConsumer(ctx, stream, durable, filter); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkLayout refuses streams that another version has laid out differently:
// workers would read past what is on them.
func (b *Bus) checkLayout(ctx context.Context) error {
	var s jetstream.Stream
	err := untilReady(ctx, func() (err error) {
		s, err = b.js.Stream(ctx, streamObjects)
		return err
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", streamObjects, err)
	}
	if v := s.CachedInfo().Config.Metadata[layoutKey]; v != layoutVersion {
		return fmt.Errorf("the bus was laid out by another version of Logferry (layout %q; this one has %q): run that version until its backlog is empty, "+
			"then remove the streams OBJECTS, RAW, ROWS*, DEAD, LEDGER and HISTORY, or the directory bus.store; what is not carried by then comes again from SQS", v, layoutVersion)
	}
	return nil
}

// streams returns the streams' settings. Those of work use limits retention,
// so that their subjects can be replayed while the workers go on; budgets and
// gates keep what is not delivered far below the limits. What must not be lost
// while it is needed, dead letters and the ledger, refuses new messages when
// it is full; it takes each subject once.
func (b *Bus) streams() []jetstream.StreamConfig {
	stream := func(name, subjects, about string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Description: about, Subjects: []string{subjects + ".>"},
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage,
			Replicas: b.config.Replicas, Duplicates: dedupeWindow, AllowDirect: true,
			MaxAge: b.config.Replay, MaxBytes: b.config.MaxBytes,
			Metadata: map[string]string{layoutKey: layoutVersion},
		}
	}
	once := func(name, subjects, about string) jetstream.StreamConfig {
		s := stream(name, subjects, about)
		s.MaxMsgsPerSubject, s.Discard, s.DiscardNewPerSubject = 1, jetstream.DiscardNew, true
		s.Duplicates = ledgerDedupe
		// Only the stream's leader knows all that is stored: a replica asked
		// instead might not know yet what was just delivered.
		s.AllowDirect = b.config.Replicas == 1
		return s
	}
	objects := stream(streamObjects, subjectObjects, "S3 objects to fetch")
	objects.MaxAge = max(b.config.Replay, objectAge)
	objects.MaxBytes = max(objects.MaxBytes/objectShare, minObjectBytes)
	dead := once(streamDead, subjectDead, "what could not be processed")
	dead.MaxAge = 0 // until dismissed
	ledger := once(streamLedger, subjectLedger, "what became of every object")
	ledger.MaxAge = b.config.Ledger
	history := stream(streamHistory, subjectHistory, "what became of the objects that are done, for audits")
	history.MaxAge = b.config.History
	history.MaxBytes /= historyShare
	all := []jetstream.StreamConfig{ledger, history, dead, objects, stream(streamRaw, subjectRaw, "undecoded records")}
	for _, destination := range slices.Sorted(maps.Keys(b.topology.Destinations)) {
		all = append(all, stream(rowsStream(destination), subject(subjectRows, destination), "rows to deliver to "+destination))
	}
	return all
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
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == noStorage {
		return fmt.Errorf("create stream %s: %w: the server has no room for %d bytes; lower bus.max_bytes, or raise max_file_store of the server or free its disk", config.Name, err, config.MaxBytes)
	}
	if err != nil {
		return fmt.Errorf("create stream %s: %w", config.Name, err)
	}
	return nil
}

// noStorage is the code by which a server refuses a stream that it may not have
// room for.
const noStorage = jetstream.ErrorCode(10047)

func (b *Bus) ensureBucket(ctx context.Context, config jetstream.KeyValueConfig) error {
	config.Replicas = b.config.Replicas
	err := untilReady(ctx, func() error {
		_, err := b.js.CreateOrUpdateKeyValue(ctx, config)
		return err
	})
	if err != nil {
		return fmt.Errorf("create bucket %s: %w", config.Bucket, err)
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
	names := b.js.StreamNames(ctx, jetstream.WithStreamListSubject(subjectRows+".>"))
	for name := range names.Name() {
		infos, err := b.consumers(ctx, name)
		if err != nil {
			return err
		}
		for _, info := range infos {
			if _, wanted := b.durables[name][info.Name]; !wanted && backlog(info) > 0 {
				b.log.Warn("rows wait for a destination and table that are not configured; configure them again or remove the consumer",
					"stream", name, "consumer", info.Name, "batches", backlog(info))
			}
		}
	}
	if err := names.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return fmt.Errorf("list the streams of rows: %w", err)
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
