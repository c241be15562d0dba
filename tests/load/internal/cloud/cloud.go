// Package cloud runs the stand-ins of both clouds in a process of their own,
// feeds them and counts what arrives: so that what the stand-ins cost is not
// counted as Logferry's.
//
//	parent ── Client ──http──▶ Serve: maker ──▶ stock ──▶ feeder ──▶ S3, SQS
//	                                                                    │ Logferry
//	                                  counter ◀── ingestion stand-in ◀──┘
//
// Every event carries its number, so the counter knows of each row whether it
// came before, and of each object when it was announced.
package cloud

import (
	"time"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/tests/load/internal/report"
)

// Options configures the stand-ins' process.
type Options struct {
	// Directory is where the CA certificate and the client secret are written.
	Directory string
	// Memory bounds the compressed objects that are kept ready; 0: 1.5 GB.
	Memory int64
	// Seed makes another run's objects; 0 is a seed like others.
	Seed uint64
	// StoreLatency is how long S3 takes to its first byte, PostLatency how
	// long the ingestion endpoint takes to answer.
	StoreLatency, PostLatency time.Duration
}

// Shape says how large objects are.
type Shape string

// The shapes.
const (
	// Tiny objects have one to five events, as those of a quiet account.
	Tiny Shape = "tiny"
	// Medium objects have 2,000 events.
	Medium Shape = "medium"
	// Large objects are of 50 MB, compressed.
	Large Shape = "large"
	// Mixed is every size and every format: most objects tiny or small, most
	// events in the larger ones.
	Mixed Shape = "mixed"
)

// Format says what the objects hold.
type Format string

// The formats: CloudTrail, VPC flow records of version 2, GuardDuty findings.
const (
	Trail     Format = "cloudtrail"
	VPCFlow   Format = "vpcflow"
	GuardDuty Format = "guardduty"
)

// Load says what objects to make.
type Load struct {
	Shape Shape
	// Format of all objects; Mixed has all formats whatever it is. Empty:
	// Trail.
	Format Format
	// Events is how many events will be fed in all, rounded up to whole
	// objects; 0: no end.
	Events int64
	// Ready is how many of them to have made before Prepare returns, as far as
	// the memory allows; 0: all. The rest is made while they are fed, on the
	// cores that the run would like to have.
	Ready int64
}

// Prepared is what lies ready to be fed.
type Prepared struct {
	Objects, Events       int64
	LogBytes, ObjectBytes int64
	// Level is that of the gzip that packed them; what is made later is packed
	// with level 1.
	Level int
	// Seconds is how long it took.
	Seconds float64
}

// Feed says how to announce objects; it ends with the first limit that is
// reached, or with Stop.
type Feed struct {
	// Rate is in events a second; 0: as fast as Ahead allows.
	Rate float64
	// Ahead is how many events may be announced and not arrived, 0: no limit.
	// With neither Rate nor Ahead all is announced at once.
	Ahead int64
	// Objects, Events and For are limits; 0: none.
	Objects, Events int64
	For             time.Duration
}

// Fault makes calls of the clouds slow or fail, until it is replaced by the
// next; the zero Fault is none.
type Fault struct {
	// Service is one of pkg/localcloud/inject; empty: the ingestion endpoint.
	Service string
	// Delay holds every call up.
	Delay time.Duration
	// Status, if set, answers a share of calls, Rate, with that status and
	// RetryAfter; 0 for Rate means all.
	Status     int
	Rate       float64
	RetryAfter time.Duration
}

// Hello is what a parent needs to point Logferry at the stand-ins.
type Hello struct {
	// PID is the process of the stand-ins.
	PID int
	// Control is the URL of the control endpoint.
	Control string
	// Env points the SDK of AWS at the stand-ins, as "KEY=value".
	Env []string
	// Connection reads the only queue and delivers to Destination.
	Connection  connection.Connection
	Destination connection.Destination
}

// Snapshot is everything counted since the process began. The span between two
// of them is [Snapshot.Since].
type Snapshot struct {
	At time.Time
	// Feeding is whether a feed is in progress; Starved how long feeds have
	// waited for objects to be made.
	Feeding bool
	Starved time.Duration
	// Fed and Arrived are events, FedObjects and ArrivedObjects whole objects.
	// Arrived counts a row once, Doubled each time beyond the first, and
	// Unknown rows that nobody fed.
	Fed, Arrived, Doubled, Unknown int64
	FedObjects, ArrivedObjects     int64
	FedLogBytes, FedObjectBytes    int64
	// First is when the first object was announced, Last when the last row
	// arrived; zero: none yet.
	First, Last time.Time
	// Visible and InFlight are messages on the queue, Dead those on its
	// dead-letter queue.
	Visible, InFlight, Dead int64
	// Calls to the ingestion endpoint; their means are left out.
	Calls report.Calls
	Bytes int64 // of the accepted calls, decompressed
	// Odd counts what the service would have cut, dropped or replaced in the
	// accepted rows.
	Odd int64
	// Lag has every row that arrived.
	Lag Histogram
}

// Left is how many events were fed and have not arrived.
func (s Snapshot) Left() int64 { return s.Fed - s.Arrived }

// Counts are the totals up to the snapshot; what is not there yet is lost.
func (s Snapshot) Counts() report.Counts {
	return report.Counts{
		Objects: s.FedObjects, Events: s.Fed, LogBytes: s.FedLogBytes, ObjectBytes: s.FedObjectBytes,
		Arrived: s.Arrived, Lost: s.Left(), Doubled: s.Doubled, Dead: s.Dead, Queue: s.Visible + s.InFlight,
	}
}

// Since returns what happened between the earlier snapshot and this one: the
// counts are differences, the state of queue and feed is that of the later.
func (s Snapshot) Since(earlier Snapshot) Snapshot {
	d := s
	d.Starved -= earlier.Starved
	d.Fed -= earlier.Fed
	d.Arrived -= earlier.Arrived
	d.Doubled -= earlier.Doubled
	d.Unknown -= earlier.Unknown
	d.FedObjects -= earlier.FedObjects
	d.ArrivedObjects -= earlier.ArrivedObjects
	d.FedLogBytes -= earlier.FedLogBytes
	d.FedObjectBytes -= earlier.FedObjectBytes
	d.Calls.Count -= earlier.Calls.Count
	d.Calls.Refused -= earlier.Calls.Refused
	d.Calls.WireBytes -= earlier.Calls.WireBytes
	d.Bytes -= earlier.Bytes
	d.Odd -= earlier.Odd
	d.Lag = s.Lag.minus(earlier.Lag)
	if d.Calls.Count > 0 {
		d.Calls.MeanRows = float64(d.Arrived+d.Doubled) / float64(d.Calls.Count)
		d.Calls.MeanBytes = float64(d.Bytes) / float64(d.Calls.Count)
		d.Calls.Fill = d.Calls.MeanBytes / 1_000_000
	}
	return d
}
