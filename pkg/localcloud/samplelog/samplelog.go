// Package samplelog makes log objects as AWS writes them: CloudTrail events,
// VPC flow records and GuardDuty findings, in the right containers under the
// right keys, and broken ones. The same seed makes the same objects. It is
// fast enough to feed a load test: records are put together from templates.
package samplelog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// span is how far back from now the records of an object reach.
	span = 15 * time.Minute
	// chunk is how much is packed at once: all of an object that is broken on
	// purpose.
	chunk = 256 << 10
)

// Object is one object of a bucket.
type Object struct {
	Key  string
	Body []byte
	// Records can be read from the object, each of which is a row of Table.
	Records int
	Table   string
	// RawBytes is the size of the content before compression.
	RawBytes int
}

// Generator makes objects. It is not safe for concurrent use: give each
// goroutine one with a seed of its own.
type Generator struct {
	now    time.Time
	random *rand.Rand
	gzip   *gzip.Writer

	// Of the current object.
	account, region string
	callers         [callersAtOnce]*caller
	record          record
	mark            mark
	raw             []byte // what is not yet packed
	rawBytes        int    // what is
	packed          bytes.Buffer

	trail trail
	guard []template
}

// New returns a Generator whose records lie in the quarter of an hour before
// now. Generators with different seeds make different event ids.
func New(seed uint64, now time.Time) *Generator {
	g := &Generator{
		now: now.UTC(), random: rand.New(rand.NewPCG(seed, 0x10f)),
		trail: newTrail(), guard: compileFindings(),
	}
	g.Level(gzip.BestSpeed)
	return g
}

// Level packs the objects from now on with another level of gzip than the
// fastest; it panics on one that does not exist.
func (g *Generator) Level(level int) {
	w, err := gzip.NewWriterLevel(&g.packed, level)
	if err != nil {
		panic(fmt.Sprintf("samplelog: there is no level %d", level))
	}
	g.gzip = w
}

// begin starts an object: an account, a region, no callers, no content.
func (g *Generator) begin() {
	g.account, g.region = g.pick(accounts), g.pick(regions)
	g.callers, g.record = [callersAtOnce]*caller{}, record{}
	g.mark.record = 0
	g.raw, g.rawBytes = g.raw[:0], 0
	g.packed.Reset()
	g.gzip.Reset(&g.packed)
}

// CloudTrail makes an object of so many events.
func (g *Generator) CloudTrail(events int) Object {
	g.begin()
	g.raw = append(g.raw, `{"Records":[`...)
	for i := range events {
		if i > 0 {
			g.raw = append(g.raw, ',')
		}
		g.raw = g.event(g.raw)
		g.flush()
	}
	g.raw = append(g.raw, "]}"...)
	return g.finish(g.trailKey(), "AWSCloudTrail", events)
}

func (g *Generator) trailKey() string {
	return fmt.Sprintf("AWSLogs/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%s.json.gz", g.account, g.region,
		g.now.Format("2006/01/02"), g.account, g.region, g.now.Format("20060102T1504Z"), g.letters(16))
}

// VPCFlow makes an object of so many flow records, below a header line: of
// the default format, or of a custom one.
func (g *Generator) VPCFlow(lines int) Object {
	g.begin()
	layout := layouts()[g.random.IntN(len(layouts()))]
	if g.mark.set {
		layout = layouts()[0]
	}
	g.raw = append(g.raw, layout.header...)
	for range lines {
		g.raw = g.flow(append(g.raw, '\n'), layout)
		g.flush()
	}
	g.raw = append(g.raw, '\n')
	key := fmt.Sprintf("AWSLogs/%s/vpcflowlogs/%s/%s/%s_vpcflowlogs_%s_fl-%s_%s_%s.log.gz", g.account, g.region,
		g.now.Format("2006/01/02"), g.account, g.region, g.digits(17), g.now.Format("20060102T1504Z"), g.digits(8))
	return g.finish(key, "AWSVPCFlow", lines)
}

// GuardDuty makes an object of so many findings, one a line.
func (g *Generator) GuardDuty(findings int) Object {
	g.begin()
	for range findings {
		g.next()
		g.raw = g.write(g.raw, g.guard[g.random.IntN(len(g.guard))])
		g.raw = append(g.raw, '\n')
		g.flush()
	}
	key := fmt.Sprintf("AWSLogs/%s/GuardDuty/%s/%s/%s.jsonl.gz", g.account, g.region,
		g.now.Format("2006/01/02"), g.appendUUID(nil))
	return g.finish(key, "AWSGuardDuty", findings)
}

// flush packs what has been written, once it is much: an object of gigabytes
// is never in memory as it is.
func (g *Generator) flush() {
	if len(g.raw) >= chunk {
		_, _ = g.gzip.Write(g.raw) // a bytes.Buffer takes all
		g.rawBytes += len(g.raw)
		g.raw = g.raw[:0]
	}
}

// finish packs the rest of the content.
func (g *Generator) finish(key, table string, records int) Object {
	_, _ = g.gzip.Write(g.raw)
	_ = g.gzip.Close()
	return Object{
		Key: key, Body: bytes.Clone(g.packed.Bytes()), Records: records, Table: table, RawBytes: g.rawBytes + len(g.raw),
	}
}

// pack compresses a content.
func (g *Generator) pack(raw []byte) []byte {
	g.packed.Reset()
	g.gzip.Reset(&g.packed)
	_, _ = g.gzip.Write(raw)
	_ = g.gzip.Close()
	return bytes.Clone(g.packed.Bytes())
}
