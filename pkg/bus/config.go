package bus

import "time"

// Config says which bus to use and how much it keeps.
type Config struct {
	// URL of the NATS server; empty: a server is embedded in the process and
	// its data lies under Store.
	URL string `yaml:"url"`
	// Credentials is the path of a NATS credentials file for URL.
	Credentials string `yaml:"credentials"`
	// CAFile holds certificates to trust besides the system's.
	CAFile string `yaml:"ca_file"`
	// Store is the directory of the embedded server.
	Store string `yaml:"store"`
	// Sync is how often the embedded server has the disk keep what it has
	// written; 0: with every message. Only a machine that loses power or crashes
	// can lose what was written since: see proto/adr.
	Sync time.Duration `yaml:"sync"`
	// Listen is the loopback address of the embedded server.
	Listen string `yaml:"listen"`
	// Replicas of each stream.
	Replicas int `yaml:"replicas"`
	// Replay is how long raw and rows stay for replay.
	Replay time.Duration `yaml:"replay"`
	// Compression of the raw and rows bodies: snappy or none.
	Compression string `yaml:"compression"`
	// MaxBytes bounds the streams of records, of each destination's rows, of
	// dead letters and of the ledger, each.
	MaxBytes int64 `yaml:"max_bytes"`
	// Ledger is how long it is remembered, object by object, what became of
	// it: so long a notification that comes again has no effect.
	Ledger time.Duration `yaml:"ledger"`
	// History is how long the compact record for audits is kept.
	History time.Duration `yaml:"history"`
}

// DefaultConfig returns an embedded bus that keeps work for a day, at most
// 4 GiB a stream.
func DefaultConfig() Config {
	return Config{
		Store: "data/bus", Sync: time.Second, Listen: "127.0.0.1:0", Replicas: 1, Replay: 24 * time.Hour, Compression: "snappy", MaxBytes: 4 << 30,
		Ledger: 48 * time.Hour, History: 30 * 24 * time.Hour,
	}
}

func (c Config) compresses() bool { return c.Compression == "snappy" }
