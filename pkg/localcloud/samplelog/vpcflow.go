package samplelog

import (
	"strconv"
	"strings"
	"sync"
)

// The formats of flow logs that occur: the default one, one with all fields up
// to version 5, and a short one in an order of its own.
const (
	defaultLayout = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
	fullLayout    = defaultLayout + " vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
	shortLayout   = "start end action interface-id srcaddr dstaddr dstport protocol flow-direction bytes packets log-status tcp-flags vpc-id account-id"
)

// layout is a format of flow logs.
type layout struct {
	header string
	fields []field
}

// field appends a value of a flow; data tells whether it is absent from
// records without data.
type field struct {
	data   bool
	append func(f *flow, b []byte) []byte
}

var layouts = sync.OnceValue(func() []layout {
	var all []layout
	for _, header := range []string{defaultLayout, fullLayout, shortLayout} {
		l := layout{header: header}
		for name := range strings.FieldsSeq(header) {
			l.fields = append(l.fields, flowFields(name, version(header)))
		}
		all = append(all, l)
	}
	return all
})

// version is the highest version of the header's fields.
func version(header string) string {
	switch {
	case strings.Contains(header, "flow-direction"):
		return "5"
	case strings.Contains(header, "vpc-id"):
		return "3"
	}
	return "2"
}

// flow is one record.
type flow struct {
	account, region  string
	eni              uint64
	src, dst         uint32
	v6               bool
	srcPort, dstPort uint32
	protocol         uint32
	packets, bytes   uint64
	start, end       int64
	action, status   string
	flags            uint64
	egress           bool
}

// flow appends a record.
func (g *Generator) flow(b []byte, l layout) []byte {
	f := g.nextFlow()
	noData := f.status != "OK"
	for i, field := range l.fields {
		if i > 0 {
			b = append(b, ' ')
		}
		if noData && field.data {
			b = append(b, '-')
			continue
		}
		b = field.append(f, b)
	}
	return b
}

func (g *Generator) nextFlow() *flow {
	r := g.random
	end := g.now.Unix() - r.Int64N(int64(span.Seconds())-60)
	packets := 1 + uint64(r.Uint32N(400))
	if r.IntN(200) == 0 {
		packets = 3_000_000_000 // more than an int column holds
	}
	f := &flow{
		account: g.account, region: g.region, eni: r.Uint64(),
		src: r.Uint32(), dst: 10<<24 | r.Uint32()&0xffff, v6: r.IntN(10) == 0,
		srcPort: 1024 + r.Uint32N(64000), dstPort: [...]uint32{443, 443, 443, 80, 22, 53, 5432, 3389}[r.IntN(8)],
		protocol: 6, packets: packets, bytes: packets * uint64(40+r.Uint32N(1400)),
		start: end - 60, end: end, action: "ACCEPT", status: "OK", flags: 2, egress: r.IntN(2) == 0,
	}
	switch r.IntN(20) {
	case 0:
		f.protocol, f.srcPort, f.dstPort, f.flags = 1, 0, 0, 0
	case 1, 2, 3:
		f.protocol, f.flags = 17, 0
	}
	if r.IntN(8) == 0 {
		f.action = "REJECT"
	}
	switch r.IntN(100) {
	case 0, 1:
		f.status = "NODATA"
	case 2:
		f.status = "SKIPDATA"
	}
	if g.mark.set {
		g.markFlow(f)
	}
	return f
}

func appendAddress(b []byte, v6 bool, ip uint32) []byte {
	if !v6 {
		return appendIP(b, ip)
	}
	b = append(b, "2001:db8:"...)
	b = strconv.AppendUint(b, uint64(ip>>16|1), 16)
	b = append(b, "::"...)
	return strconv.AppendUint(b, uint64(ip&0xffff|1), 16)
}

// flowFields returns the field of that name. It panics on one that the
// layouts do not use.
func flowFields(name, version string) field {
	constant := func(s string) field {
		return field{false, func(_ *flow, b []byte) []byte { return append(b, s...) }}
	}
	text := func(get func(*flow) string) func(*flow, []byte) []byte {
		return func(f *flow, b []byte) []byte { return append(b, get(f)...) }
	}
	number := func(get func(*flow) uint64) func(*flow, []byte) []byte {
		return func(f *flow, b []byte) []byte { return strconv.AppendUint(b, get(f), 10) }
	}
	id := func(prefix string) func(*flow, []byte) []byte {
		return func(f *flow, b []byte) []byte { return appendHex(append(b, prefix...), f.eni, 17) }
	}
	source := func(f *flow, b []byte) []byte { return appendAddress(b, f.v6, f.src) }
	destination := func(f *flow, b []byte) []byte { return appendAddress(b, f.v6, f.dst) }
	switch name {
	case "version":
		return constant(version)
	case "account-id":
		return field{false, text(func(f *flow) string { return f.account })}
	case "interface-id":
		return field{false, id("eni-")}
	case "srcaddr", "pkt-srcaddr":
		return field{true, source}
	case "dstaddr", "pkt-dstaddr":
		return field{true, destination}
	case "srcport":
		return field{true, number(func(f *flow) uint64 { return uint64(f.srcPort) })}
	case "dstport":
		return field{true, number(func(f *flow) uint64 { return uint64(f.dstPort) })}
	case "protocol":
		return field{true, number(func(f *flow) uint64 { return uint64(f.protocol) })}
	case "packets":
		return field{true, number(func(f *flow) uint64 { return f.packets })}
	case "bytes":
		return field{true, number(func(f *flow) uint64 { return f.bytes })}
	case "start":
		return field{false, number(func(f *flow) uint64 { return uint64(f.start) })}
	case "end":
		return field{false, number(func(f *flow) uint64 { return uint64(f.end) })}
	case "action":
		return field{true, text(func(f *flow) string { return f.action })}
	case "log-status":
		return field{false, text(func(f *flow) string { return f.status })}
	case "tcp-flags":
		return field{true, number(func(f *flow) uint64 { return f.flags })}
	case "type":
		return field{true, text(func(f *flow) string {
			if f.v6 {
				return "IPv6"
			}
			return "IPv4"
		})}
	case "vpc-id":
		return constant("vpc-0a1b2c3d4e5f60718")
	case "subnet-id":
		return field{false, id("subnet-")}
	case "instance-id":
		return field{false, id("i-")}
	}
	return moreFields(name)
}

// moreFields are those from version 4 on.
func moreFields(name string) field {
	absent := field{true, func(_ *flow, b []byte) []byte { return append(b, '-') }}
	switch name {
	case "region":
		return field{false, func(f *flow, b []byte) []byte { return append(b, f.region...) }}
	case "az-id":
		return field{false, func(_ *flow, b []byte) []byte { return append(b, "use1-az2"...) }}
	case "sublocation-type", "sublocation-id", "pkt-dst-aws-service":
		return absent
	case "pkt-src-aws-service":
		return field{true, func(f *flow, b []byte) []byte {
			if f.dstPort == 443 {
				return append(b, "S3"...)
			}
			return append(b, '-')
		}}
	case "flow-direction":
		return field{true, func(f *flow, b []byte) []byte {
			if f.egress {
				return append(b, "egress"...)
			}
			return append(b, "ingress"...)
		}}
	case "traffic-path":
		return field{true, func(f *flow, b []byte) []byte {
			if f.egress {
				return append(b, '8')
			}
			return append(b, '-')
		}}
	}
	panic("samplelog: there is no flow field " + name)
}
