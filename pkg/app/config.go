package app

import (
	"cmp"
	"time"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/connection"
)

// Config is the configuration of every Logferry process: one file, whatever
// services run.
type Config struct {
	Bus          bus.Config               `yaml:"bus"`
	Destinations []connection.Destination `yaml:"destinations"`
	Connections  []connection.Connection  `yaml:"connections"`
	Poller       Poller                   `yaml:"poller"`
	Fetcher      Fetcher                  `yaml:"fetcher"`
	Parser       Parser                   `yaml:"parser"`
	Writer       Writer                   `yaml:"writer"`
	Admin        Admin                    `yaml:"admin"`
	// Grace is how long work in flight may go on when a process is told to
	// stop; what is not finished then is given back.
	Grace time.Duration `yaml:"grace"`
	// Memory is the soft limit of the process's memory in bytes (see
	// debug.SetMemoryLimit): a process that needs more takes more, and spends
	// time on collecting garbage. 0: none. GOMEMLIMIT in the environment wins.
	Memory int64 `yaml:"memory"`
}

// set is what the file has of connections and destinations.
func (c Config) set() connection.Set {
	return connection.Set{Destinations: c.Destinations, Connections: c.Connections}
}

// with returns the configuration with other connections and destinations.
func (c Config) with(s connection.Set) Config {
	c.Destinations, c.Connections = s.Destinations, s.Connections
	return c
}

// Poller configures the poller.
type Poller struct {
	// Receivers is the number of concurrent receive calls per queue.
	Receivers int `yaml:"receivers"`
	// InFlight is how many messages are held per queue at a time.
	InFlight int `yaml:"in_flight"`
	// InFlightBytes bounds the objects in flight for each destination, by
	// their size in the bucket; 0: as much as bus.max_bytes has room for.
	InFlightBytes int64 `yaml:"in_flight_bytes"`
	// Wait is the long poll's length, at most 20s.
	Wait time.Duration `yaml:"wait"`
	// Visibility is how long a received message stays hidden; it is extended
	// until the message is deleted.
	Visibility time.Duration `yaml:"visibility"`
}

// growth is how many times larger an object is assumed to be on the bus, in
// each of its streams, than in its bucket.
const growth = 16

// maxInFlightBytes is the size of the objects that surely find room on the bus:
// at half a stream publishers are held back.
func (c Config) maxInFlightBytes() int64 { return c.Bus.MaxBytes / 2 / growth }

// InFlightBytes bounds the objects in flight for each destination, by their
// size in the bucket.
func (c Config) InFlightBytes() int64 { return cmp.Or(c.Poller.InFlightBytes, c.maxInFlightBytes()) }

// Fetcher configures the fetcher.
type Fetcher struct {
	// InFlight is how many objects are read at a time.
	InFlight int `yaml:"in_flight"`
	// MaxObjectBytes is the largest decompressed object that is carried.
	MaxObjectBytes int64 `yaml:"max_object_bytes"`
	// MaxRatio is the largest ratio of decompressed to compressed bytes.
	MaxRatio int `yaml:"max_ratio"`
}

// Parser configures the parser.
type Parser struct {
	// Workers is how many batches are in work at a time; 0: four per CPU, since
	// a worker waits for the bus most of its time.
	Workers int `yaml:"workers"`
}

// Writer configures the writer.
type Writer struct {
	// InFlight is how many parts are held per destination and table, of large
	// ones fewer.
	InFlight int `yaml:"in_flight"`
	// Calls is how many calls are in flight per destination and table.
	Calls int `yaml:"calls"`
	// Linger is how long a part waits for company before its call is made.
	Linger time.Duration `yaml:"linger"`
}

// Admin configures the endpoint for metrics, health and profiles.
type Admin struct {
	// Address to listen on; empty: no endpoint.
	Address string `yaml:"address"`
	// Profiles turns /debug/pprof on.
	Profiles bool `yaml:"profiles"`
}

// DefaultConfig returns the configuration that a file starts from.
func DefaultConfig() Config {
	return Config{
		Bus:     bus.DefaultConfig(),
		Poller:  Poller{Receivers: 4, InFlight: 2048, Wait: 20 * time.Second, Visibility: 2 * time.Minute},
		Fetcher: Fetcher{InFlight: 64, MaxObjectBytes: 64 << 30, MaxRatio: 1000},
		Writer:  Writer{InFlight: 256, Calls: 4, Linger: time.Second},
		Admin:   Admin{Address: "127.0.0.1:9464"},
		Grace:   25 * time.Second,
		Memory:  576 << 20,
	}
}
