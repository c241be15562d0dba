package bus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/crypto/bcrypt"
)

// Files in the store directory of an embedded server, beside its data.
const (
	lockFile = "lock"
	// credentialFile keeps the password between starts; clientFile holds the
	// URL of the running server with user and password, for other commands
	// and the nats tool: nats -s "$(cat data/bus/client.url)" stream ls
	credentialFile = "credential"
	clientFile     = "client.url"
)

const (
	embeddedUser = "logferry"
	readyTimeout = 30 * time.Second
)

// embedded is a NATS server in this process, the only one on its store.
type embedded struct {
	server   *server.Server
	lock     *flock.Flock
	store    string
	password string
	sync     time.Duration
}

// errInUse says that a store belongs to another process.
var errInUse = errors.New("is in use by another process")

// startEmbedded locks the store and starts the server on it. The server
// listens on loopback only.
func startEmbedded(config Config, log *slog.Logger) (_ *embedded, err error) {
	if err := os.MkdirAll(config.Store, 0o700); err != nil {
		return nil, fmt.Errorf("bus.store: %w", err)
	}
	e := &embedded{store: config.Store, sync: config.Sync, lock: flock.New(filepath.Join(config.Store, lockFile))}
	locked, err := e.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock bus.store %s: %w", config.Store, err)
	}
	if !locked {
		return nil, fmt.Errorf("bus.store %s %w; stop it, choose another store, or set bus.url to the address in %s to share its bus",
			config.Store, errInUse, filepath.Join(config.Store, clientFile))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.lock.Unlock())
		}
	}()
	// What a process that was killed has left is no address.
	if err = os.Remove(filepath.Join(config.Store, clientFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove an old address: %w", err)
	}
	if e.password, err = keptPassword(filepath.Join(config.Store, credentialFile)); err != nil {
		return nil, err
	}
	if err := e.start(config, log); err != nil {
		return nil, err
	}
	if err := e.announce(); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *embedded) start(config Config, log *slog.Logger) error {
	host, port, err := listenAddress(config.Listen)
	if err != nil {
		return err
	}
	// The password is random: the cheapest hash protects it as well as any.
	hash, err := bcrypt.GenerateFromPassword([]byte(e.password), bcrypt.MinCost)
	if err != nil {
		return fmt.Errorf("start the embedded bus: %w", err)
	}
	e.server, err = server.NewServer(&server.Options{
		ServerName: "logferry", Host: host, Port: port,
		Username: embeddedUser, Password: string(hash),
		JetStream: true, StoreDir: config.Store, SyncAlways: config.Sync == 0, SyncInterval: config.Sync,
		JetStreamMaxStore:      math.MaxInt64 / 2, // streams are bounded one by one
		JetStreamMaxMemory:     64 << 20,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return fmt.Errorf("start the embedded bus: %w", err)
	}
	e.server.SetLoggerV2(serverLog{log}, false, false, false)
	e.server.Start()
	if !e.server.ReadyForConnections(readyTimeout) {
		e.stop()
		return fmt.Errorf("start the embedded bus on %s in %s: not ready after %v", config.Listen, config.Store, readyTimeout)
	}
	return nil
}

// clientOptions connect to the server without the network.
func (e *embedded) clientOptions() []nats.Option {
	return []nats.Option{nats.InProcessServer(e.server), nats.UserInfo(embeddedUser, e.password)}
}

// announce writes the file that tells other commands how to connect.
func (e *embedded) announce() error {
	address, ok := e.server.Addr().(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("start the embedded bus: it listens on no TCP address")
	}
	u := url.URL{Scheme: "nats", Host: address.String(), User: url.UserPassword(embeddedUser, e.password)}
	return os.WriteFile(filepath.Join(e.store, clientFile), []byte(u.String()+"\n"), 0o600)
}

// stop ends the server once its state is on disk.
func (e *embedded) stop() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

func (e *embedded) close() error {
	e.stop()
	err := os.Remove(filepath.Join(e.store, clientFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, e.lock.Unlock())
}

// keptPassword returns the password in the file, making one if there is none.
func keptPassword(path string) (string, error) {
	kept, err := os.ReadFile(path)
	if err == nil && len(kept) > 0 {
		return strings.TrimSpace(string(kept)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the bus's credential: %w", err)
	}
	password := rand.Text()
	if err := os.WriteFile(path, []byte(password), 0o600); err != nil {
		return "", fmt.Errorf("keep the bus's credential: %w", err)
	}
	return password, nil
}

// listenAddress splits bus.listen and insists on loopback: the server has a
// password, but no encryption. Port 0 is any free one.
func listenAddress(address string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("bus.listen: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("bus.listen: %s is no loopback address; use 127.0.0.1:<port>, or an own NATS server by bus.url", address)
	}
	if port, err = strconv.Atoi(p); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("bus.listen: %q is no port", p)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// serverLog writes the server's log to ours. What the server calls a notice
// is of use only when something is wrong with it.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats server", "text", fmt.Sprintf(format, v...))
}
func (l serverLog) Warnf(format string, v ...any) {
	l.log.Warn("nats server", "text", fmt.Sprintf(format, v...))
}
func (l serverLog) Fatalf(format string, v ...any) {
	l.log.Error("nats server", "text", fmt.Sprintf(format, v...))
}
func (l serverLog) Errorf(format string, v ...any) {
	l.log.Error("nats server", "text", fmt.Sprintf(format, v...))
}
func (l serverLog) Debugf(format string, v ...any) {
	l.log.Debug("nats server", "text", fmt.Sprintf(format, v...))
}
func (l serverLog) Tracef(string, ...any) {}
