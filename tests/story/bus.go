package story

import (
	"os"
	"testing"

	"github.com/logferry/logferry/tests/process"
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
	return &Bus{URL: n.URL(), node: n}
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
	b.node.MaxBytes = bytes
	b.Restart()
}

// Lose restarts the server with an empty store, as after the loss of its disk.
func (b *Bus) Lose() {
	b.node.t.Helper()
	b.node.process.Kill()
	if err := os.RemoveAll(b.node.Store()); err != nil {
		b.node.t.Fatal(err)
	}
	b.Restart()
}

// node is a NATS server on fixed addresses of this machine, with a folder for
// its data. Those that have routes form a cluster.
type node struct {
	process.Node
	t       *testing.T
	process *Process
}

func newNode(t *testing.T, name string) *node {
	t.Helper()
	return &node{t: t, Node: process.Node{Name: name, Client: FreeAddress(t), Admin: FreeAddress(t), Folder: t.TempDir()}}
}

// start starts the server, ready or not.
func (n *node) start() {
	n.t.Helper()
	path, err := n.Configure()
	if err != nil {
		n.t.Fatal(err)
	}
	n.process = Run(n.t, nil, process.NATSServer, "-c", path)
}

// ready waits until the node is healthy.
func (n *node) ready() {
	n.t.Helper()
	n.process.ready(n.Health())
}
