package main

import (
	"cmp"
	"math"
	"slices"
)

// load is what comes in.
type load struct {
	format       format
	bytes        float64 // of log a day, decompressed
	objectEvents float64
	peak         float64 // busiest minute to mean
	ledgerHours  float64 // bus.ledger
}

// need is what the load needs at its peak, a second where nothing else is said.
type need struct {
	load
	events, objects, parts float64

	in, posted    float64 // bytes from S3, and to Azure as sent
	json          float64 // bytes to Azure as rules count them
	calls         float64
	queueOps      float64 // requests to SQS
	cores         services
	busCores      float64 // over the nodes
	busMessages   float64 // stored
	ledgerEvents  float64
	raw, rows     float64 // bytes of the streams
	ledgerObjects float64 // remembered, at the day's mean
	busWrites     float64 // bytes to the disk of each node
	busNetwork    float64 // bytes sent by the leaders
	replayADay    float64 // bytes of raw and rows that a day's replay keeps, one copy
	inFlight      float64 // messages of a queue, at usualLag
}

// usualLag is how long an object is on its way under full load, in seconds:
// what the load harness measures while its queue is never empty, rounded up.
const usualLag = 5

// queueBatch is how many messages a request to SQS carries.
const queueBatch = 10

func (l load) need() need {
	f := l.format
	n := need{load: l}
	mean := l.bytes / f.log / day
	n.events = mean * l.peak
	n.objects = n.events / l.objectEvents
	partsOfObject := math.Max(1, math.Ceil(l.objectEvents/f.partEvents))
	n.parts = n.objects * partsOfObject

	n.in = n.events*f.object + n.objects*f.objectFixed
	n.raw = n.events*f.raw + n.parts*f.rawFixed
	n.rows = n.events*f.rows + n.parts*f.rowsFixed
	n.json = n.events * f.json
	n.posted = n.events * f.posted
	n.calls = n.json / (f.callFill * megabyte)
	n.queueOps = 2 * n.objects / queueBatch // receive, delete

	ofObject := float64(ledgerWhole)
	if partsOfObject > 1 {
		ofObject = ledgerSplit + partsOfObject
	}
	n.ledgerEvents = n.objects * ofObject
	n.busMessages = n.objects + 2*n.parts + n.ledgerEvents
	n.cores = f.perEvent.times(n.events).plus(perObject().times(n.objects)).times(1e-6)
	n.busCores = (n.busMessages*busMessageCPU + (n.raw+n.rows)/megabyte*busMegabyteCPU) * 1e-6
	n.ledgerObjects = mean / l.objectEvents * l.ledgerHours * 60 * 60
	n.busWrites = n.raw + n.rows
	n.busNetwork = (n.raw + n.rows) * busCopies // two followers and a consumer
	n.replayADay = (n.raw + n.rows) / l.peak * day
	n.inFlight = n.objects * usualLag
	return n
}

// wall is a limit and how much of it the load needs: 3.2 is as much as three
// shards take, and a little.
type wall struct {
	limit
	used float64
}

// shards is how many there must be so that none is fuller than planned.
func (w wall) shards() float64 { return math.Max(1, math.Ceil(w.used/planned)) }

// walls are all limits that replicas do not move, the first to be hit first.
func (n need) walls() []wall {
	all := []wall{
		{dcrBytes(), n.json / dcrBytes().value},
		{dcrCalls(), n.calls / dcrCalls().value},
		{ledgerRate(), n.ledgerEvents / ledgerRate().value},
		{ledgerSize(), n.ledgerObjects * ledgerMemory / ledgerSize().value},
		{streamBytes("RAW"), n.raw / streamBytes("RAW").value},
		{streamBytes("ROWS"), n.rows / streamBytes("ROWS").value},
		{sqsInFlight(), n.inFlight / sqsInFlight().value},
		{s3Gets(), n.objects / s3Gets().value},
	}
	slices.SortStableFunc(all, func(a, b wall) int { return cmp.Compare(b.used, a.used) })
	return all
}

// installations is how many whole Logferrys there must be side by side: the
// most shards of what one has only one of.
func (n need) installations() float64 {
	most := 1.0
	for _, w := range n.walls() {
		switch w.name {
		case ledgerRate().name, ledgerSize().name, streamBytes("RAW").name, streamBytes("ROWS").name:
			most = math.Max(most, w.shards())
		}
	}
	return most
}

// rules is how many data collection rules share the rows.
func (n need) rules() float64 {
	return math.Max(wall{used: n.json / dcrBytes().value}.shards(), wall{used: n.calls / dcrCalls().value}.shards())
}
