// Package bus carries work between the stages on NATS JetStream. It is the
// only package that knows NATS: the rest sees sources, publishers and a
// graveyard (package stage).
//
//	poller ─PublishObjects─▶ OBJECTS ─Objects─▶ fetcher ─PublishRaw─▶ RAW
//	       ─Raw─▶ parser ─PublishRows─▶ ROWS-<destination> ─Rows─▶ writer
//	all ─Ledger─▶ LEDGER, HISTORY; all ─Graveyard─▶ DEAD; writers ◀─Pauses─▶ writers
package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Windows bound what is on its way at a time, per source and publisher.
const (
	objectWindow = 64       // objects fetched ahead or being published
	batchWindow  = 32       // batches being published, each of less than 1 MiB
	pullBatches  = 128      // batches fetched ahead
	pullAhead    = 12 << 20 // bytes of them, about
	pullBytes    = 4 << 20  // bytes fetched ahead by who reads along
)

// minPayload is the message size that the wire contract counts on.
const minPayload = 1 << 20

// pullWait is how long one pull waits for messages. It is short because a
// source that ends must see its last pull out.
const pullWait = time.Second

// requestTimeout bounds one request to JetStream.
const requestTimeout = 10 * time.Second

// flushTimeout bounds the wait for the server when the bus closes.
const flushTimeout = 2 * time.Second

// Bus is a connection to the bus, and the server itself when it is embedded.
// It is safe for concurrent use.
type Bus struct {
	config  Config
	log     *slog.Logger
	server  *embedded // nil when the bus is elsewhere
	guest   bool      // the server is another Bus's to close
	conn    *nats.Conn
	js      jetstream.JetStream
	metrics *metrics
	// topology is that of Bootstrap, and durables the services' consumers in
	// it with their filters, by stream.
	topology Topology
	durables map[string]map[string]string
	loops    conc.WaitGroup // sources and gates
	stop     func()
	mu       sync.Mutex
	handles  map[string]jetstream.Stream
	warned   sync.Map                  // streams that are nearly full
	returned atomic.Pointer[time.Time] // when the last connection that was lost came back
	refused  atomic.Pointer[error]     // why the last try to connect failed
	closing  <-chan struct{}           // closed when the bus closes: the end of the loops
}

// Open connects to the bus of the configuration: the server at its URL, or one
// that is started in this process with its data under Store. Close it when all
// work is settled.
func Open(ctx context.Context, config Config, log *slog.Logger) (*Bus, error) {
	b := newBus(config, log.With("component", "bus"))
	if err := b.connect(ctx); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	return b, nil
}

func newBus(config Config, log *slog.Logger) *Bus {
	b := &Bus{config: config, log: log, metrics: newMetrics(), handles: make(map[string]jetstream.Stream)}
	closing := make(chan struct{})
	b.closing, b.stop = closing, sync.OnceFunc(func() { close(closing) })
	return b
}

// Share returns a bus of its own over the same server: another connection, with
// topology, sources, publishers and metrics that end when it is closed. An
// embedded server ends with b, which is closed last.
func (b *Bus) Share(ctx context.Context) (*Bus, error) {
	own := newBus(b.config, b.log)
	own.server, own.guest = b.server, true
	if err := own.connect(ctx); err != nil {
		return nil, errors.Join(err, own.Close(ctx))
	}
	return own, nil
}

// Attach is Open for who works beside the services: if a running process has
// the embedded bus of the configuration, it connects to that.
func Attach(ctx context.Context, config Config, log *slog.Logger) (*Bus, error) {
	for began := time.Now(); ; {
		b, err := Open(ctx, config, log)
		if !errors.Is(err, errInUse) {
			return b, err
		}
		told := filepath.Join(config.Store, clientFile)
		url, err := os.ReadFile(told)
		switch {
		case err == nil && len(url) > 0:
			b, err := openAt(ctx, strings.TrimSpace(string(url)), config, log)
			if err == nil || time.Since(began) >= readyTimeout {
				return b, err
			}
			// The address may be that of a process that was killed, read just
			// before the one that is starting removed it.
		case time.Since(began) >= readyTimeout:
			return nil, fmt.Errorf("bus.store %s %w, which does not tell its address in %s; stop it and try again", config.Store, errInUse, told)
		}
		if err := fault.Sleep(ctx, attachPause); err != nil { // it is just starting
			return nil, fmt.Errorf("wait for the bus in %s: %w", config.Store, err)
		}
	}
}

// openAt connects to the server of another process, which must answer soon.
func openAt(ctx context.Context, url string, config Config, log *slog.Logger) (*Bus, error) {
	ctx, cancel := context.WithTimeout(ctx, attachTry)
	defer cancel()
	config.URL = url
	return Open(ctx, config, log)
}

// attachPause is how long it takes before it is looked again whether a server
// that is starting tells its address, and attachTry how long one that does may
// take to answer.
const (
	attachPause = 50 * time.Millisecond
	attachTry   = 5 * time.Second
)

// IsAlone reports whether the bus is this process's own: no service works on
// it that this process does not run.
func (b *Bus) IsAlone() bool { return b.server != nil }

func (b *Bus) connect(ctx context.Context) (err error) {
	options := b.options()
	url := b.config.URL
	if url == "" {
		if b.server == nil {
			if b.server, err = startEmbedded(b.config, b.log); err != nil {
				return err
			}
		}
		options = append(options, b.server.clientOptions()...)
	}
	if b.conn, err = nats.Connect(url, options...); err != nil {
		return fmt.Errorf("connect to the bus at %q: %w", redact(url), err)
	}
	if b.js, err = jetstream.New(b.conn, jetstream.WithDefaultTimeout(requestTimeout)); err != nil {
		return fmt.Errorf("connect to the bus: %w", err)
	}
	if err = b.await(ctx); err != nil {
		return err
	}
	if most := b.conn.MaxPayload(); most < minPayload {
		return fmt.Errorf("bus at %q takes messages of at most %d bytes; set max_payload of the server to %d or more, its default", redact(url), most, minPayload)
	}
	return nil
}

// options are the connection's settings: reconnect for ever, buffer nothing
// while disconnected, so that publishers see it and try again themselves.
func (b *Bus) options() []nats.Option {
	options := []nats.Option{
		nats.Name("logferry"),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectJitter(500*time.Millisecond, 2*time.Second),
		nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn("bus reports an error", "err", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn("disconnected from the bus; reconnecting", "err", err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			if !errors.Is(err, nats.ErrNoServers) { // all that the first try says
				b.refused.Store(&err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			now := time.Now()
			b.returned.Store(&now)
			b.log.Info("reconnected to the bus", "server", c.ConnectedServerName())
		}),
	}
	if b.config.Credentials != "" {
		options = append(options, nats.UserCredentials(b.config.Credentials))
	}
	if b.config.CAFile != "" {
		options = append(options, nats.RootCAs(b.config.CAFile), nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	return options
}

// why returns the reason for which there is no connection, if there is none: the
// error of a request tells nothing then.
func (b *Bus) why(err error) error {
	if refused := b.refused.Load(); refused != nil && !b.Connected() {
		return *refused
	}
	return err
}

// await returns once JetStream answers.
func (b *Bus) await(ctx context.Context) error {
	for tries := 1; ; tries++ {
		_, err := b.js.AccountInfo(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
			return fmt.Errorf("bus at %q: %w; start the server with JetStream", redact(b.config.URL), err)
		}
		err = b.why(err)
		if tries == 4 { // after the first reconnect, which tells why
			b.log.Warn("the bus does not answer yet: check bus.url, and that the server runs; waiting", "url", redact(b.config.URL), "err", err)
		}
		if werr := fault.Sleep(ctx, time.Second); werr != nil {
			return fmt.Errorf("bus at %q does not answer: %w", redact(b.config.URL), err)
		}
	}
}

// Connected reports whether the bus can be reached now.
func (b *Bus) Connected() bool { return b.conn != nil && b.conn.IsConnected() }

// Close ends the connection, and the embedded server when there is one, after
// everything in its care is on disk. Deliveries not settled by then come again
// later.
func (b *Bus) Close(context.Context) error {
	b.stop()
	b.loops.Wait()
	if b.conn != nil {
		if b.conn.IsConnected() { // the server must see the last settlements
			_ = b.conn.FlushTimeout(flushTimeout)
		}
		b.conn.Close()
	}
	if b.server != nil && !b.guest {
		return b.server.close()
	}
	return nil
}

// Objects is the work of the fetcher.
func (b *Bus) Objects(ctx context.Context) (stage.Source[*logferryv1.Object], error) {
	return newSource(ctx, b, streamObjects, durableFetcher, objectWindow, decodeObject, objectLetter)
}

// Raw is the work of the parser.
func (b *Bus) Raw(ctx context.Context) (stage.Source[*batch.Batch], error) {
	return newSource(ctx, b, streamRaw, durableParser, pullBatches, decodeBatch, batchLetter)
}

// Rows is the work of the writer: the rows of one table for one destination.
func (b *Bus) Rows(ctx context.Context, destination, table string) (stage.Source[*batch.Batch], error) {
	s, err := newSource(ctx, b, rowsStream(destination), writerDurable(destination, table), pullBatches, decodeBatch, batchLetter)
	if err != nil {
		return nil, err
	}
	s.calm = returnWait
	return s, nil
}

// PublishObjects is where the poller's objects go.
func (b *Bus) PublishObjects() stage.Publisher[*logferryv1.Object] {
	return newPublisher(b, objectWindow, objectMsg, streamObjects)
}

// PublishRaw is where the fetcher's batches go.
func (b *Bus) PublishRaw() stage.Publisher[*batch.Batch] {
	return newPublisher(b, batchWindow, b.rawMsg, streamRaw)
}

// PublishRows is where the parser's batches go.
func (b *Bus) PublishRows() stage.Publisher[*batch.Batch] {
	var streams []string
	for destination := range b.topology.Destinations {
		streams = append(streams, rowsStream(destination))
	}
	p := newPublisher(b, batchWindow, b.rowsMsg, streams...)
	p.patience = rowsPatience
	return p
}

// Graveyard keeps the dead letters of all stages.
func (b *Bus) Graveyard() stage.Graveyard { return graveyard{b} }

// Backlog is the work that is on the bus and not settled.
type Backlog struct {
	// Messages counts what waits or is being worked on.
	Messages int64
}

// Backlog counts the work on all streams that the configuration has workers
// for.
func (b *Bus) Backlog(ctx context.Context) (Backlog, error) {
	var total Backlog
	for stream, durables := range b.durables {
		infos, err := b.consumers(ctx, stream)
		if err != nil {
			return Backlog{}, err
		}
		for _, info := range infos {
			if _, wanted := durables[info.Name]; wanted {
				total.Messages += backlog(info)
			}
		}
	}
	return total, nil
}
