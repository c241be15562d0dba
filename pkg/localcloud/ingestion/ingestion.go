// Package ingestion is a stand-in of the Azure Monitor Logs Ingestion API, and
// a strict one: what the real service would cut, drop or replace in silence it
// counts, and what would end as an empty column it refuses.
package ingestion

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/table"
)

// Audience is whom tokens must be for.
const Audience = "https://monitor.azure.com"

// Limits of the service.
const (
	maxCall    = 1 << 20             // uncompressed
	maxPast    = 2 * 24 * time.Hour  // of TimeGenerated
	maxFuture  = 24 * time.Hour      // of TimeGenerated
	maxField   = table.MaxValueBytes // of one value
	maxKeys    = 20_000_000          // identities remembered to find duplicates
	maxUploads = 1000                // recent uploads remembered
)

// Rule is a data collection rule.
type Rule struct {
	// ID is the immutable id.
	ID string
	// Streams are the declared streams, by name, and the table of each.
	Streams map[string]*table.Table
}

// DefaultRules returns one rule for each table that can be ingested, with one
// stream, Custom-Logferry-<table>.
func DefaultRules() []Rule {
	var rules []Rule
	for i, t := range table.All() {
		if t.Ingestible {
			rules = append(rules, Rule{ID: ruleID(i), Streams: map[string]*table.Table{"Custom-Logferry-" + t.Name: t}})
		}
	}
	return rules
}

func ruleID(i int) string {
	digits := strconv.FormatUint(0x10000000+uint64(i), 16)
	return "dcr-" + digits + digits + digits + digits
}

// Row is an accepted row.
type Row struct {
	// JSON is the row as it was sent.
	JSON []byte
	// columns are those of the row's table, values the JSON of each, nil for
	// one that is not set.
	columns map[string]*column
	values  [][]byte
}

// Value returns the JSON value of a column, nil when it is not set.
func (r Row) Value(name string) []byte {
	c, ok := r.columns[name]
	if !ok {
		return nil
	}
	return r.values[c.index]
}

// DefaultKey returns the identity of a row: the event's id for CloudTrail, the
// whole row for the others; a finding is sent again, with other counts, when
// it recurs.
func DefaultKey(table string, row Row) string {
	if table == "AWSCloudTrail" {
		return string(row.Value("AwsEventId"))
	}
	return string(row.JSON)
}

// Options configures a [Server]. Rules, Verify and Faults are required.
type Options struct {
	Rules []Rule
	// Verify checks a bearer token.
	Verify func(token, audience string) error
	// KeepBytes bounds the rows kept for [Server.Rows], per table; 0 or less:
	// none are kept.
	KeepBytes int64
	// OnRows, if set, gets the rows of every accepted upload. They are valid
	// until it returns. It is called from many goroutines.
	OnRows func(table string, rows []Row)
	// Key names the identity of a row; nil: [DefaultKey]. An empty key is not
	// looked at.
	Key    func(table string, row Row) string
	Faults *inject.Table
}

// Stats is what became of the uploads to one table.
type Stats struct {
	// Calls were accepted, Refused were not.
	Calls, Refused int64
	// Rows were accepted; Duplicates of them had the key of an earlier one.
	Rows, Duplicates int64
	// Bytes of the accepted calls, uncompressed, and as they were sent.
	Bytes, WireBytes int64
	// ColumnsDropped counts values of columns that the stream does not have.
	ColumnsDropped int64
	// FieldsCut counts values longer than 64 KB.
	FieldsCut int64
	// TimeReplaced counts rows whose TimeGenerated is too old or too new,
	// TimeMissing rows that have none: they get the time of arrival.
	TimeReplaced, TimeMissing int64
}

func (s *Stats) add(o Stats) {
	s.Calls += o.Calls
	s.Refused += o.Refused
	s.Rows += o.Rows
	s.Duplicates += o.Duplicates
	s.Bytes += o.Bytes
	s.WireBytes += o.WireBytes
	s.ColumnsDropped += o.ColumnsDropped
	s.FieldsCut += o.FieldsCut
	s.TimeReplaced += o.TimeReplaced
	s.TimeMissing += o.TimeMissing
}

// Upload is one call, as the stand-in remembers it.
type Upload struct {
	Rule, Stream string
	// RequestID is the client's x-ms-client-request-id.
	RequestID string
	Status    int
	// Message of a refused call.
	Message string
	// Rows of an accepted call.
	Rows int
	Time time.Time
}

// stream is a stream of a rule, ready to check rows.
type stream struct {
	table   string
	columns map[string]*column
	inOrder []*column
}

// column is where the value of a column goes and what it must be.
type column struct {
	name  string
	index int
	kind  table.Type
}

// Server is the stand-in, an [http.Handler]. It may be used from any
// goroutine.
type Server struct {
	options Options
	rules   map[string]map[string]stream
	seed    maphash.Seed
	buffers sync.Pool // of *buffer

	mu      sync.Mutex
	stats   map[string]*Stats
	kept    map[string]*kept
	keys    map[uint64]struct{} // hashes of table and key
	uploads []Upload            // a ring
	next    int                 // in uploads
	// changed is closed, and replaced, when rows were accepted.
	changed chan struct{}
}

// kept are the rows of a table that are kept.
type kept struct {
	rows  []json.RawMessage
	bytes int64
}

// New returns a Server with these rules.
func New(o Options) *Server {
	if o.Key == nil {
		o.Key = DefaultKey
	}
	s := &Server{
		options: o, rules: map[string]map[string]stream{}, seed: maphash.MakeSeed(),
		buffers: sync.Pool{New: func() any { return new(buffer) }},
		stats:   map[string]*Stats{}, kept: map[string]*kept{}, keys: map[uint64]struct{}{}, changed: make(chan struct{}),
	}
	for _, rule := range o.Rules {
		streams := map[string]stream{}
		for name, t := range rule.Streams {
			streams[name] = newStream(t)
		}
		s.rules[rule.ID] = streams
	}
	return s
}

func newStream(t *table.Table) stream {
	s := stream{table: t.Name, columns: map[string]*column{}}
	for _, c := range t.Columns {
		if !c.System {
			known := &column{c.Name, len(s.columns), c.Type}
			s.columns[c.Name] = known
			s.inOrder = append(s.inOrder, known)
		}
	}
	return s
}

// Stats returns the counts of one table.
func (s *Server) Stats(table string) Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stats := s.stats[table]; stats != nil {
		return *stats
	}
	return Stats{}
}

// Total returns the counts of all tables together.
func (s *Server) Total() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	var total Stats
	for _, stats := range s.stats {
		total.add(*stats)
	}
	return total
}

// Rows returns the accepted rows of a table that were kept, in the order of
// arrival.
func (s *Server) Rows(table string) []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[table]; k != nil {
		return append([]json.RawMessage(nil), k.rows...)
	}
	return nil
}

// Uploads returns the last calls, up to a thousand, the oldest first.
func (s *Server) Uploads() []Upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(append([]Upload(nil), s.uploads[s.next:]...), s.uploads[:s.next]...)
}

// Forget drops all counts, rows and keys.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.stats)
	clear(s.kept)
	clear(s.keys)
	s.uploads, s.next = nil, 0
}

// WaitRows returns once n rows of the table have been accepted, or with the
// error of ctx.
func (s *Server) WaitRows(ctx context.Context, table string, n int64) error {
	for {
		s.mu.Lock()
		changed := s.changed
		stats := s.stats[table]
		enough := stats != nil && stats.Rows >= n
		s.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// accept counts and keeps the rows of an upload.
func (s *Server) accept(table string, rows []Row, stats Stats) {
	hashes := make([]uint64, 0, len(rows))
	for _, row := range rows {
		if key := s.options.Key(table, row); key != "" {
			hashes = append(hashes, maphash.String(s.seed, table+"\x00"+key))
		}
	}
	if s.options.OnRows != nil {
		s.options.OnRows(table, rows)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hashes {
		if _, ok := s.keys[h]; ok {
			stats.Duplicates++
		} else if len(s.keys) < maxKeys {
			s.keys[h] = struct{}{}
		}
	}
	s.keepLocked(table, rows)
	s.statsLocked(table).add(stats)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) keepLocked(table string, rows []Row) {
	k := s.kept[table]
	if k == nil {
		k = new(kept)
		s.kept[table] = k
	}
	for _, row := range rows {
		if k.bytes+int64(len(row.JSON)) > s.options.KeepBytes {
			return
		}
		k.rows = append(k.rows, append(json.RawMessage(nil), row.JSON...))
		k.bytes += int64(len(row.JSON))
	}
}

func (s *Server) statsLocked(table string) *Stats {
	stats := s.stats[table]
	if stats == nil {
		stats = new(Stats)
		s.stats[table] = stats
	}
	return stats
}

// remember notes a call.
func (s *Server) remember(u Upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.uploads) < maxUploads {
		s.uploads = append(s.uploads, u)
		return
	}
	s.uploads[s.next] = u
	s.next = (s.next + 1) % maxUploads
}
