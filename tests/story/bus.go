package story

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Bus is one NATS server with JetStream, in a process of its own. It can be
// killed and comes back on the same address with its data.
type Bus struct {
	// URL is where clients connect.
	URL  string
	node *node
}

// StartBus runs a NATS server and returns once JetStream takes requests.
func StartBus(t *testing.T) *Bus {
	t.Helper()
	n := newNode(t, "bus")
	n.start()
	n.ready()
	return &Bus{URL: n.url(), node: n}
}

// Kill ends the server with SIGKILL.
func (b *Bus) Kill() {
	b.node.t.Helper()
	b.node.process.Kill()
}

// Restart kills the server, if it runs, and starts it again on the same data.
// It returns once JetStream takes requests.
func (b *Bus) Restart() {
	b.node.t.Helper()
	b.node.process.Kill()
	b.node.start()
	b.node.ready()
}

// Limit restarts the server with so many bytes for all of its streams; 0: as
// many as it takes by itself. A server that has less than its streams may have
// at most answers publishers that there is no room, once it is full.
func (b *Bus) Limit(bytes int64) {
	b.node.t.Helper()
	b.node.limit = bytes
	b.Restart()
}

// Lose restarts the server with an empty store, as after the loss of its disk.
func (b *Bus) Lose() {
	b.node.t.Helper()
	b.node.process.Kill()
	if err := os.RemoveAll(b.node.store); err != nil {
		b.node.t.Fatal(err)
	}
	b.Restart()
}

// node is a NATS server on fixed addresses of this machine, with a folder for
// its data. Those that have routes form a cluster.
type node struct {
	t             *testing.T
	name          string
	client, admin string // addresses
	cluster       string // the address for other nodes; empty: alone
	routes        []string
	folder, store string
	limit         int64 // bytes of all streams; 0: the server's own limit
	process       *Process
}

func newNode(t *testing.T, name string) *node {
	t.Helper()
	folder := t.TempDir()
	return &node{
		t: t, name: name, client: FreeAddress(t), admin: FreeAddress(t),
		folder: folder, store: filepath.Join(folder, "store"),
	}
}

func (n *node) url() string { return "nats://" + n.client }

// start starts the server, ready or not.
func (n *node) start() {
	n.t.Helper()
	path := filepath.Join(n.folder, "nats.conf")
	if err := os.WriteFile(path, []byte(n.config()), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.process = Run(n.t, nil, "nats-server", "-c", path)
}

// config writes the server's configuration. Nodes of a cluster tell nobody
// where they can be reached: what they advertise leads nowhere, so that no
// route goes past the wires between them.
func (n *node) config() string {
	var text strings.Builder
	fmt.Fprintf(&text, "server_name: %s\nlisten: %q\nhttp: %q\n", n.name, n.client, n.admin)
	fmt.Fprintf(&text, "jetstream {\n  store_dir: %q\n", n.store)
	if n.limit > 0 {
		fmt.Fprintf(&text, "  max_file_store: %d\n", n.limit)
	}
	text.WriteString("}\n")
	if n.cluster != "" {
		fmt.Fprintf(&text, "cluster {\n  name: logferry\n  listen: %q\n  advertise: \"127.0.0.1:1\"\n  no_advertise: true\n  routes: [\n", n.cluster)
		for _, r := range n.routes {
			fmt.Fprintf(&text, "    %q\n", "nats-route://"+r)
		}
		text.WriteString("  ]\n}\n")
	}
	return text.String()
}

// healthy reports whether JetStream takes requests and, in a cluster, whether
// the node knows its leader and has caught up with its streams.
func (n *node) healthy() bool {
	return Answers(n.t.Context(), "http://"+n.admin+"/healthz")
}

// ready waits until the node is healthy.
func (n *node) ready() {
	n.t.Helper()
	Eventually(n.t, time.Minute, "the NATS server "+n.name, func() bool {
		if n.process.Ended() {
			n.t.Fatalf("the NATS server %s ended: %v\n%s", n.name, n.process.err, n.process.Output())
		}
		return n.healthy()
	})
}
