package app

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
)

// validate reports every problem of the configuration.
func (c Config) validate(report connection.Report) {
	connection.Validate(c.Destinations, c.Connections, all.Formats().Tables(), report)
	validateBus(c.Bus, report)
	validateAdmin(c.Admin, report)
	for i, from := range c.Connections {
		if from.Ack == connection.AckStored && c.Bus.URL == "" && c.Bus.Sync > 0 {
			report(fmt.Sprintf("connections[%d].ack", i), "stored deletes a message when its objects are on the bus, so the bus must keep them whatever happens: set bus.sync to 0s too, or use a NATS server of your own that does (bus.url)")
		}
	}

	between(report, "poller.receivers", c.Poller.Receivers, 1, 100)
	between(report, "poller.in_flight", c.Poller.InFlight, 1, 100_000)
	if most := c.maxInFlightBytes(); c.Poller.InFlightBytes < 0 || c.Poller.InFlightBytes > most {
		report("poller.in_flight_bytes", fmt.Sprintf("must be from 0 to %v with this bus.max_bytes: objects are assumed to grow %d-fold on the bus, and half a stream may be undelivered; lower it or raise bus.max_bytes", size(most), growth))
	}
	between(report, "poller.wait", c.Poller.Wait, 0, 20*time.Second)
	between(report, "poller.visibility", c.Poller.Visibility, time.Second, 12*time.Hour)
	between(report, "fetcher.in_flight", c.Fetcher.InFlight, 1, 4096)
	between(report, "fetcher.max_object_bytes", size(c.Fetcher.MaxObjectBytes), 1<<20, 5<<40)
	between(report, "fetcher.max_ratio", c.Fetcher.MaxRatio, 1, 1_000_000)
	between(report, "parser.workers", c.Parser.Workers, 0, 1024)
	between(report, "writer.in_flight", c.Writer.InFlight, 1, 4096)
	between(report, "writer.calls", c.Writer.Calls, 1, 256)
	between(report, "writer.linger", c.Writer.Linger, 0, time.Minute)
	between(report, "grace", c.Grace, 0, time.Hour)
	if c.Memory != 0 {
		between(report, "memory", size(c.Memory), 64<<20, 64<<40)
	}
}

// size is a number of bytes that shows as it is written in a configuration.
type size int64

func (s size) String() string {
	for _, u := range []struct {
		name string
		size size
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}} {
		if s >= u.size && s%u.size == 0 {
			return fmt.Sprintf("%d%s", int64(s/u.size), u.name)
		}
	}
	return fmt.Sprintf("%d", int64(s))
}

func between[T int | size | time.Duration](report connection.Report, key string, value, least, most T) {
	if value < least || value > most {
		report(key, fmt.Sprintf("must be from %v to %v", least, most))
	}
}

func validateBus(c bus.Config, report connection.Report) {
	between(report, "bus.replay", c.Replay, time.Minute, 90*24*time.Hour)
	between(report, "bus.ledger", c.Ledger, time.Hour, 90*24*time.Hour)
	between(report, "bus.history", c.History, c.Ledger, 10*365*24*time.Hour)
	between(report, "bus.max_bytes", size(c.MaxBytes), 64<<20, 64<<40)
	if !slices.Contains([]int{1, 3, 5}, c.Replicas) {
		report("bus.replicas", "must be 1, 3 or 5")
	}
	if c.Compression != "snappy" && c.Compression != "none" {
		report("bus.compression", "must be snappy or none")
	}
	if c.URL != "" {
		if !isNATS(c.URL) {
			report("bus.url", "is no NATS URL; write nats://<host>:4222 or tls://<host>:4222, several with commas between, or leave it empty for the embedded server")
		}
		return
	}
	if c.Replicas > 1 {
		report("bus.replicas", "must be 1 with the embedded server")
	}
	if c.Credentials != "" || c.CAFile != "" {
		report("bus", "credentials and ca_file are for a server at bus.url; set url or drop them")
	}
	if c.Store == "" {
		report("bus.store", "is missing; name the directory of the embedded server's data")
	}
	if c.Sync < 0 || c.Sync > time.Minute {
		report("bus.sync", "must be 0s, which has the disk keep every message by itself, or at most 1m")
	}
	if host, ok := splitAddress(c.Listen); !ok || !isLoopback(host) {
		report("bus.listen", "must be an address of this machine, such as 127.0.0.1:0")
	}
}

// isNATS reports whether all of the URLs, which commas separate, are of NATS.
func isNATS(urls string) bool {
	for text := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return false
		}
	}
	return true
}

func validateAdmin(c Admin, report connection.Report) {
	if _, ok := splitAddress(c.Address); c.Address != "" && !ok {
		report("admin.address", "is no address; write host:port such as 127.0.0.1:9464 or :9464, or leave it empty for no endpoint")
	}
}

func splitAddress(address string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return host, err == nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
