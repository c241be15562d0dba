package story

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Nodes is the number of nodes of a [Cluster]; they are numbered from 0.
const Nodes = 3

// Cluster is a NATS cluster of three processes. Its nodes can be killed and
// come back, and any of them can be cut off from the others; clients of a node
// that is cut off still reach it. A bus on it wants bus.replicas: 3.
type Cluster struct {
	// URL has the addresses of all nodes for clients.
	URL   string
	t     *testing.T
	nodes [Nodes]*node
	wires [Nodes][Nodes]*wire // from, to; nil from a node to itself
}

// StartCluster runs the nodes and returns once they have found each other and
// JetStream takes requests.
func StartCluster(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var urls []string
	for i := range c.nodes {
		c.nodes[i] = newNode(t, fmt.Sprintf("n%d", i))
		c.nodes[i].Cluster = FreeAddress(t)
		urls = append(urls, c.nodes[i].URL())
	}
	c.URL = strings.Join(urls, ",")
	for from, n := range c.nodes {
		for to, other := range c.nodes {
			if from != to {
				c.wires[from][to] = newWire(t, other.Cluster)
				n.Routes = append(n.Routes, c.wires[from][to].address())
			}
		}
	}
	for _, n := range c.nodes {
		n.start()
	}
	c.Ready()
	return c
}

// Node returns the address of one node for clients.
func (c *Cluster) Node(node int) string { return c.nodes[node].URL() }

// Ready waits until every node that runs is healthy: it knows the leader of
// the cluster and has caught up with its streams. A node that is cut off, and
// knew it, would never be.
func (c *Cluster) Ready() {
	c.t.Helper()
	for _, n := range c.nodes {
		if !n.process.Ended() {
			n.ready()
		}
	}
}

// Kill ends a node with SIGKILL.
func (c *Cluster) Kill(node int) {
	c.t.Helper()
	c.nodes[node].process.Kill()
}

// Start starts a node that was killed, on the same data, and returns once it
// has caught up.
func (c *Cluster) Start(node int) {
	c.t.Helper()
	c.nodes[node].start()
	c.nodes[node].ready()
}

// KillLeader kills the node that leads the stream, see [Cluster.Leader], and
// returns its number.
func (c *Cluster) KillLeader(stream string) int {
	c.t.Helper()
	leader := c.Leader(stream)
	c.Kill(leader)
	return leader
}

// Cut parts a node from the others: their connections stay open and pass
// nothing, as on a network that drops everything.
func (c *Cluster) Cut(node int) { c.each(node, (*wire).cut) }

// Heal lets everything pass between a node and the others again.
func (c *Cluster) Heal(node int) { c.each(node, (*wire).heal) }

// each calls f for the wires from and to a node.
func (c *Cluster) each(node int, f func(*wire)) {
	for other := range c.nodes {
		if other != node {
			f(c.wires[node][other])
			f(c.wires[other][node])
		}
	}
}

// Leader waits until a majority of the nodes agrees on the leader of the first
// stream whose name begins with stream, and returns its number.
func (c *Cluster) Leader(stream string) int {
	c.t.Helper()
	leader := -1
	Eventually(c.t, time.Minute, "a leader of the stream "+stream, func() bool {
		votes := map[int]int{}
		for _, n := range c.nodes {
			who := c.leaderSeenBy(n, stream)
			if votes[who]++; who >= 0 && votes[who] > Nodes/2 {
				leader = who
				return true
			}
		}
		return false
	})
	return leader
}

// leaderSeenBy asks one node for the leader of the stream; -1: it does not
// tell.
func (c *Cluster) leaderSeenBy(n *node, stream string) int {
	conn, err := nats.Connect(n.URL(), nats.Timeout(time.Second))
	if err != nil {
		return -1
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return -1
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	for name := range js.StreamNames(ctx).Name() {
		if !strings.HasPrefix(name, stream) {
			continue
		}
		handle, err := js.Stream(ctx, name)
		if err != nil || handle.CachedInfo().Cluster == nil {
			return -1
		}
		for i, other := range c.nodes {
			if other.Name == handle.CachedInfo().Cluster.Leader {
				return i
			}
		}
	}
	return -1
}
