package process

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Node is the configuration of a NATS server with JetStream.
type Node struct {
	Name string
	// Client, Admin and Profiles are addresses to listen on, the last empty
	// for none.
	Client, Admin, Profiles string
	// Folder holds its configuration and its data, below store.
	Folder string
	// Cluster is its address for other nodes, and Routes are theirs; empty:
	// it is alone. Nodes tell nobody where they can be reached: no route goes
	// past those that are given.
	Cluster string
	Routes  []string
	// Sync is its sync_interval, such as always or 1s; empty: its own.
	Sync string
	// MaxBytes of all its streams; 0: as many as it takes by itself.
	MaxBytes int64
}

// URL is where clients connect.
func (n Node) URL() string { return "nats://" + n.Client }

// Store is the folder of its data.
func (n Node) Store() string { return filepath.Join(n.Folder, "store") }

// Health is the URL that answers 200 while JetStream takes requests and, in a
// cluster, the node knows its leader and has caught up with its streams.
func (n Node) Health() string { return "http://" + n.Admin + "/healthz" }

// Configure writes its configuration and returns the file's path.
func (n Node) Configure() (path string, err error) {
	path = filepath.Join(n.Folder, "nats.conf")
	if err := os.WriteFile(path, []byte(n.config()), 0o600); err != nil {
		return "", fmt.Errorf("configure the NATS server %s: %w", n.Name, err)
	}
	return path, nil
}

func (n Node) config() string {
	var text strings.Builder
	fmt.Fprintf(&text, "server_name: %s\nlisten: %q\nhttp: %q\n", n.Name, n.Client, n.Admin)
	if _, port, err := net.SplitHostPort(n.Profiles); err == nil {
		fmt.Fprintf(&text, "prof_port: %s\n", port)
	}
	fmt.Fprintf(&text, "jetstream {\n  store_dir: %q\n", n.Store())
	if n.Sync != "" {
		fmt.Fprintf(&text, "  sync_interval: %q\n", n.Sync)
	}
	if n.MaxBytes > 0 {
		fmt.Fprintf(&text, "  max_file_store: %d\n", n.MaxBytes)
	}
	text.WriteString("}\n")
	if n.Cluster != "" {
		fmt.Fprintf(&text, "cluster {\n  name: logferry\n  listen: %q\n  advertise: \"127.0.0.1:1\"\n  no_advertise: true\n  routes: [\n", n.Cluster)
		for _, r := range n.Routes {
			fmt.Fprintf(&text, "    %q\n", "nats-route://"+r)
		}
		text.WriteString("  ]\n}\n")
	}
	return text.String()
}
