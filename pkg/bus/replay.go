package bus

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
)

// replayPrefix begins the names of the consumers of replays. They are none of
// the services': no publisher is held back for them, and no backlog counts
// them.
const replayPrefix = "replay-"

const (
	// replayIdle is how long a replay that was broken off can be resumed.
	replayIdle = 7 * 24 * time.Hour
	// replayPending is how many batches of a stream are in work at a time.
	replayPending = 256
)

// What the consumers of a replay remember besides their position.
const (
	replayRunKey   = "logferry-replay-run"
	replayBegunKey = "logferry-replay-begun"
	replaySinceKey = "logferry-replay-since"
	replayUntilKey = "logferry-replay-until"
	replayEndKey   = "logferry-replay-end" // the last sequence
)

// Selection says which batches on the bus are replayed.
type Selection struct {
	// Rows selects rows as they were made; otherwise it is the records that
	// they were made of.
	Rows bool
	// Connection, when it is not empty, is the only one; so is Table for rows,
	// and Format for records.
	Connection, Table, Format string
	// Since and Until bound the time at which a batch was stored on the bus.
	// Without Until it is all that is there.
	Since, Until time.Time
}

// span is what of one stream is selected.
type span struct {
	stream, filter string
	first          uint64 // 0: what the time tells
	end            uint64 // the last sequence
}

// spans returns the streams that may hold what is selected, without bounds.
func (b *Bus) spans(ctx context.Context, s Selection) ([]span, error) {
	token := func(name string) string { return cmp.Or(name, "*") }
	for _, name := range []string{s.Connection, s.Table, s.Format} {
		if name == "" {
			continue
		}
		if err := checkTokens(name); err != nil {
			return nil, err
		}
	}
	if !s.Rows {
		return []span{{stream: streamRaw, filter: subject(subjectRaw, token(s.Connection), token(s.Format))}}, nil
	}
	var spans []span
	names := b.js.StreamNames(ctx, jetstream.WithStreamListSubject(subjectRows+".>"))
	for name := range names.Name() {
		destination := strings.TrimPrefix(name, rowsPrefix)
		spans = append(spans, span{stream: name, filter: subject(subjectRows, destination, token(s.Table), token(s.Connection))})
	}
	if err := names.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, fmt.Errorf("list the streams of rows: %w", err)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.stream, b.stream) })
	return spans, nil
}

// lastUntil returns the sequence of the last message that a stream has from
// until or before; without a time, its last.
func (b *Bus) lastUntil(ctx context.Context, name string, until time.Time) (uint64, error) {
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", name, err)
	}
	last := stream.CachedInfo().State.LastSeq
	if until.IsZero() {
		return last, nil
	}
	after := until.Add(1)
	from := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &after, HeadersOnly: true}
	err = b.scan(ctx, name, from, func(_ jetstream.Msg, meta *jetstream.MsgMetadata) error {
		last = min(last, meta.Sequence.Stream-1)
		return errPastEnd
	})
	if errors.Is(err, errPastEnd) {
		err = nil
	}
	return last, err
}

// errPastEnd ends a scan where nothing more is wanted.
var errPastEnd = errors.New("past the end")

// Replay is the replay of a selection: consumers of its own, beside those of
// the services, and an account of its own in the ledger. Both stay on the bus
// until [Replay.End], so that a replay that was broken off goes on where it
// was.
type Replay struct {
	// Begun is when the replay was first started; Resumed says that this was
	// not now.
	Begun   time.Time
	Resumed bool
	// Selection is what is replayed, with the bounds of the first start.
	Selection Selection

	bus     *Bus
	name    string // of the consumers
	run     string
	spans   []span
	account *replayAccount
	sources []*replaySource
}

// Replay begins the replay of that id, or goes on with it where it was when it
// was broken off: then its bounds in time are those of its first start. restart
// forgets what was done before. The id is fit for the name of a consumer.
func (b *Bus) Replay(ctx context.Context, id string, s Selection, restart bool) (*Replay, error) {
	if err := checkTokens(id); err != nil {
		return nil, err
	}
	spans, err := b.spans(ctx, s)
	if err != nil {
		return nil, err
	}
	r := &Replay{bus: b, name: replayPrefix + id, Selection: s, spans: spans}
	if err := r.adopt(ctx); err != nil && !restart {
		return nil, err
	}
	if restart {
		if err := r.End(ctx); err != nil {
			return nil, err
		}
		r = &Replay{bus: b, name: r.name, Selection: s, spans: spans}
	}
	if !r.Resumed {
		r.run, r.Begun = strings.ToLower(rand.Text()[:12]), time.Now()
	}
	if r.account, err = b.replayAccount(ctx, r.run, r.Resumed); err != nil {
		return nil, err
	}
	for i := range r.spans {
		if err := r.open(ctx, &r.spans[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// adopt looks for what an earlier run of the replay has left.
func (r *Replay) adopt(ctx context.Context) error {
	for _, sp := range r.spans {
		consumer, err := r.bus.js.Consumer(ctx, sp.stream, r.name)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("consumer %s of stream %s: %w", r.name, sp.stream, err)
		}
		known := consumer.CachedInfo().Config.Metadata
		begun, berr := time.Parse(time.RFC3339Nano, known[replayBegunKey])
		since, serr := time.Parse(time.RFC3339Nano, known[replaySinceKey])
		until, uerr := time.Parse(time.RFC3339Nano, known[replayUntilKey])
		if err := errors.Join(berr, serr, uerr); err != nil || known[replayRunKey] == "" {
			return fmt.Errorf("consumer %s of stream %s was not left by a replay of this version: begin anew with --restart: %w", r.name, sp.stream, err)
		}
		r.Resumed, r.run, r.Begun = true, known[replayRunKey], begun
		r.Selection.Since, r.Selection.Until = since, until
		return nil
	}
	return nil
}

// open opens the replay's consumer of a stream, or creates it, and its source.
func (r *Replay) open(ctx context.Context, sp *span) error {
	consumer, err := r.bus.js.Consumer(ctx, sp.stream, r.name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = r.create(ctx, *sp)
	}
	if err != nil {
		return fmt.Errorf("consumer %s of stream %s: %w", r.name, sp.stream, err)
	}
	info := consumer.CachedInfo()
	if sp.end, err = strconv.ParseUint(info.Config.Metadata[replayEndKey], 10, 64); err != nil {
		return fmt.Errorf("consumer %s of stream %s does not tell its end: begin anew with --restart: %w", r.name, sp.stream, err)
	}
	sp.first = info.AckFloor.Stream + 1
	source, err := newReplaySource(ctx, r.bus, *sp, r.name)
	r.sources = append(r.sources, source)
	return err
}

func (r *Replay) create(ctx context.Context, sp span) (jetstream.Consumer, error) {
	until := r.Selection.Until
	end, err := r.bus.lastUntil(ctx, sp.stream, until)
	if err != nil {
		return nil, err
	}
	if until.IsZero() {
		until = r.Begun
	}
	return r.bus.js.CreateConsumer(ctx, sp.stream, jetstream.ConsumerConfig{
		Durable: r.name, Description: "a replay; it can be resumed for a week", FilterSubject: sp.filter,
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &r.Selection.Since,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: replayPending, MaxDeliver: -1,
		InactiveThreshold: replayIdle,
		Metadata: map[string]string{
			replayRunKey: r.run, replayEndKey: strconv.FormatUint(end, 10),
			replayBegunKey: r.Begun.Format(time.RFC3339Nano),
			replaySinceKey: r.Selection.Since.Format(time.RFC3339Nano), replayUntilKey: until.Format(time.RFC3339Nano),
		},
	})
}

// Sources gives the batches of the replay, a source for each stream that may
// have some. A source ends with [io.EOF] when everything is settled, also what
// an earlier run had in work.
func (r *Replay) Sources() []stage.Source[*batch.Batch] {
	sources := make([]stage.Source[*batch.Batch], len(r.sources))
	for i, s := range r.sources {
		sources[i] = s
	}
	return sources
}

// Account is the replay's own account, whatever the connection: a part of an
// object is settled in it once, whether the service's ledger knows it or not.
func (r *Replay) Account() ledger.Store { return r.account }

// Progress sums up the replay's account, of earlier runs too.
func (r *Replay) Progress() ReplayProgress { return r.account.progress() }

// Whole returns nil when every source has ended because everything is settled,
// and else says what is not.
func (r *Replay) Whole() error {
	var errs []error
	for _, s := range r.sources {
		if err := s.ending(); err != nil {
			errs = append(errs, fmt.Errorf("replay of stream %s: %w", s.stream, err))
		}
	}
	return errors.Join(errs...)
}

// End removes what the replay has left on the bus: its consumers, then its
// account.
func (r *Replay) End(ctx context.Context) error {
	for _, sp := range r.spans {
		if err := r.bus.js.DeleteConsumer(ctx, sp.stream, r.name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("remove consumer %s of stream %s: %w", r.name, sp.stream, err)
		}
	}
	return r.bus.Ledger().forgetAll(ctx, replayToken+r.run)
}
