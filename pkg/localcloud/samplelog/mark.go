package samplelog

import (
	"encoding/hex"
	"strconv"
)

// mark is what the next record is marked with.
type mark struct {
	set    bool
	object uint32
	record uint32
}

// maxRecord bounds the number of a record: 24 bits are left for it.
const maxRecord = 1<<24 - 1

// Mark numbers the next object, and with it each of its records, so that a
// row tells which record it is, see [TrailMark], [FlowMark] and [FindingMark]. Flow
// records are then of the default format and all carry IPv4 data, as others
// have no place for the number. A marked object has at most 16 million records.
func (g *Generator) Mark(object uint32) { g.mark = mark{set: true, object: object} }

// nextMark returns the number of the record.
func (g *Generator) nextMark() (object, record uint32) {
	record = g.mark.record
	g.mark.record++
	return g.mark.object, record & maxRecord
}

// appendEventID appends a UUID. A marked one begins with the object's number
// and ends with the record's; between them it is random like others.
func (g *Generator) appendEventID(b []byte) []byte {
	start := len(b)
	b = g.appendUUID(b)
	if g.mark.set {
		object, record := g.nextMark()
		appendHex(b[start:start], uint64(object), 8)
		appendHex(b[start+30:start+30], uint64(record), 6)
	}
	return b
}

// TrailMark reads the mark of a CloudTrail event from its event id.
func TrailMark(eventID []byte) (object, record uint32, ok bool) {
	if len(eventID) != 36 {
		return 0, 0, false
	}
	return ends(eventID)
}

// appendFindingID appends 32 hexadecimal digits, marked as those of an event.
func (g *Generator) appendFindingID(b []byte) []byte {
	start := len(b)
	b = appendHex(appendHex(b, g.random.Uint64(), 16), g.random.Uint64(), 16)
	if g.mark.set {
		object, record := g.nextMark()
		appendHex(b[start:start], uint64(object), 8)
		appendHex(b[start+26:start+26], uint64(record), 6)
	}
	return b
}

// FindingMark reads the mark of a GuardDuty finding from its id.
func FindingMark(id []byte) (object, record uint32, ok bool) {
	if len(id) != 32 {
		return 0, 0, false
	}
	return ends(id)
}

// ends reads the first eight and the last six hexadecimal digits.
func ends(id []byte) (object, record uint32, ok bool) {
	var first, last [4]byte
	var tail [8]byte
	copy(tail[:], "00")
	copy(tail[2:], id[len(id)-6:])
	if _, err := hex.Decode(first[:], id[:8]); err != nil {
		return 0, 0, false
	}
	if _, err := hex.Decode(last[:], tail[:]); err != nil {
		return 0, 0, false
	}
	return be(first), be(last), true
}

func be(b [4]byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// A flow's interface begins with the object's number, and its destination ends
// with the record's, scattered by the multiplication with scatter so that
// addresses vary as those of strangers do; gather undoes it.
const (
	scatter = 0x9e3779 | 1
	network = 52 << 24
)

// markFlow puts the mark of the next record into a flow. A network interface
// has its own address and talks to many.
func (g *Generator) markFlow(f *flow) {
	object, record := g.nextMark()
	one := uint64(g.random.Uint32N(interfaces))
	f.status, f.v6 = "OK", false
	f.eni = uint64(object)<<32 | one
	f.src, f.dst = 10<<24|uint32(one)<<4|5, network|record*scatter&maxRecord
}

// interfaces is how many network interfaces the records of one marked object
// are of.
const interfaces = 24

// FlowMark reads the mark of a flow record from its interface and destination.
func FlowMark(interfaceID, destination []byte) (object, record uint32, ok bool) {
	if len(interfaceID) != len("eni-")+17 {
		return 0, 0, false
	}
	id, err := strconv.ParseUint(string(interfaceID[5:]), 16, 64)
	if err != nil {
		return 0, 0, false
	}
	address, ok := parseIP(destination)
	if !ok || address&^maxRecord != network {
		return 0, 0, false
	}
	return uint32(id >> 32), address * gather() & maxRecord, true
}

// gather returns the inverse of scatter modulo 2^32, by Newton's method.
func gather() uint32 {
	const odd = uint32(scatter)
	x := odd
	for range 5 {
		x *= 2 - odd*x
	}
	return x
}

// parseIP reads an IPv4 address as appendIP writes it.
func parseIP(text []byte) (ip uint32, ok bool) {
	dots, octet := 0, uint32(0)
	for _, c := range text {
		switch {
		case c == '.':
			ip, octet = ip<<8|octet, 0
			dots++
		case c >= '0' && c <= '9':
			octet = octet*10 + uint32(c-'0')
		default:
			return 0, false
		}
	}
	return ip<<8 | octet, dots == 3
}
