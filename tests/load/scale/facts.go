package main

// What the machine and Logferry were measured to do, on two cores at 2.1 GHz
// that other work shared, on 2026-11-23, and what the services' documents say.
// Whoever measures again changes the numbers here and runs make generate.

const (
	kilobyte = 1e3
	megabyte = 1e6
	gigabyte = 1e9
	terabyte = 1e12

	day = 24 * 60 * 60 // seconds

	// usualPeak is how much busier than the mean the busiest minute is, where
	// nothing better is known.
	usualPeak = 2
	// planned is how full a shard is planned to be at the peak: what is above is
	// for retries, a lost node, a wrong guess.
	planned = 0.7
)

// format is what the records of a log cost, each.
type format struct {
	name  string
	usual float64 // events in an object

	// Bytes of an event: as logged, in the object, on the bus as a record and as
	// a row, as posted JSON and that compressed.
	log, object, raw, rows, json, posted float64
	// Bytes that an object, or a part of one, takes besides its events.
	objectFixed, rawFixed, rowsFixed float64
	// partEvents is how many events a full part has, and callFill how full calls
	// are, which carry whole parts.
	partEvents, callFill float64
	// perEvent is the CPU time of an event in each service, in microseconds.
	perEvent services
}

// services is a figure of each.
type services struct{ poller, fetcher, parser, writer float64 }

func (s services) times(n float64) services {
	return services{s.poller * n, s.fetcher * n, s.parser * n, s.writer * n}
}

func (s services) plus(o services) services {
	return services{s.poller + o.poller, s.fetcher + o.fetcher, s.parser + o.parser, s.writer + o.writer}
}

// formats are measured on the events that the load harness makes.
func formats() []format {
	return []format{
		{
			name: "cloudtrail", usual: 2000,
			log: 1364, object: 140, raw: 217, rows: 254, json: 1424, posted: 181,
			objectFixed: 860, rawFixed: 1400, rowsFixed: 3880, partEvents: 417, callFill: 0.70,
			perEvent: services{0.8, 3.7, 3.6, 5.6},
		},
		{
			name: "vpcflow", usual: 2000,
			log: 115, object: 25, raw: 47, rows: 67, json: 332, posted: 42,
			objectFixed: 234, rawFixed: 359, rowsFixed: 2556, partEvents: 714, callFill: 0.88,
			perEvent: services{0.4, 0.9, 0.9, 1.7},
		},
	}
}

func formatNamed(name string) (format, bool) {
	for _, f := range formats() {
		if f.name == name {
			return f, true
		}
	}
	return format{}, false
}

// perObject is the CPU time of an object in each service besides its events:
// that of tiny objects, in four processes, less their events.
func perObject() services { return services{159, 179, 155, 153} }

// What the bus costs: a cluster of three nodes that keep three copies.
const (
	busCopies = 3
	// busMessageCPU and busMegabyteCPU are the CPU time, over all nodes and in
	// microseconds, of a message that is stored, taken and settled, with the
	// look-ups it makes, and of a megabyte.
	busMessageCPU  = 113
	busMegabyteCPU = 14_000
	// ledgerSeen, ledgerDone and ledgerFetched are the ledger's events of an
	// object. One with a single part has the first two, others one for each part
	// more, and its part count.
	ledgerWhole = 2 // seen, done
	ledgerSplit = 3 // seen, fetched, done
	// ledgerKept and ledgerMemory are what an object that is done takes of disk
	// and memory, for usualLedger hours by default.
	ledgerKept, ledgerMemory = 318, 380
	usualLedger              = 48
	// shortLedger is what it is lowered to in plans, in hours.
	shortLedger = 4
)

// limit is what one shard of something takes, and where that is known from.
type limit struct {
	name   string
	value  float64 // a second, or at a time
	unit   string
	source string
	moves  string // what moves the wall
}

const measuredHere = "measured here on 2 cores that hold the client and all nodes, 2026-11-23"

// The limits by which plans are made.
func dcrBytes() limit {
	return limit{"bytes of a rule", 2 * gigabyte / 60, "2 GB of JSON a minute, soft",
		"[Azure Monitor limits](https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits), read 2026-11-23",
		"more rules in `rules:` of the table; several rules may end in one table"}
}

func dcrCalls() limit {
	return limit{"calls of a rule", 12_000.0 / 60, "12,000 calls a minute, soft", dcrBytes().source,
		"fuller calls: it only binds when the mean call is below 167 kB; then more rules"}
}

func ledgerRate() limit {
	return limit{"events of the stream LEDGER", 13_600, "13,600 a second", measuredHere + ", three copies, a sync each second, 256 callers",
		"several installations, a part of the connections each; nodes with cores and disks of their own"}
}

func ledgerSize() limit {
	return limit{"memory of the ledger", 16 * gigabyte, "16 GB a node, assumed", "380 bytes of memory an object for `bus.ledger`: BenchmarkObjectDone of pkg/bus",
		"a shorter `bus.ledger` (a notification that comes again later doubles its rows); larger nodes; several installations"}
}

func streamBytes(name string) limit {
	return limit{"bytes of the stream " + name, 172 * megabyte, "172 MB a second", measuredHere + ", three copies, 512 KB messages",
		"several installations; for rows also several destinations; nodes with cores, disks and networks of their own"}
}

func sqsInFlight() limit {
	return limit{"messages in flight of a queue", 120_000, "about 120,000 at a time",
		"[SQS quotas](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html), read 2026-11-23",
		"several queues: filters by prefix on the bucket's notifications"}
}

func s3Gets() limit {
	return limit{"GETs of a prefix", 5500, "at least 5,500 a second",
		"[S3 performance](https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html), read 2026-11-23",
		"nothing to do: accounts and Regions are prefixes of their own, and S3 divides what is busy; it answers 503 meanwhile, which is waited out"}
}
