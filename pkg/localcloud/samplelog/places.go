package samplelog

import (
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// The world the logs are about.
var (
	accounts = []string{"123456789012", "210987654321", "345678901234"}
	regions  = []string{"us-east-1", "eu-west-1", "eu-central-1", "us-west-2", "ap-southeast-2"}
	users    = []string{"alice", "bob", "carol.jones", "deploy-bot", "svc-backup", "dave@example.com", "eve", "zoë"}
	roles    = []string{"web-server", "OrganizationAccountAccessRole", "lambda-orders", "eks-node", "ci-runner", "AWSReservedSSO_AdministratorAccess_1a2b3c4d5e6f7081"}
	buckets  = []string{"acme-invoices", "acme-web-assets", "acme-backup-2026", "acme-ml-training"}
	objects  = []string{"2026/11/report.csv", "img/logo%402x.png", "backup/db-0001.dump", "train/part-00017.parquet", "a folder/with spaces & signs.txt"}
	agents   = []string{
		"aws-cli/2.15.30 Python/3.11.8 Linux/6.5.0-1014-aws exe/x86_64.ubuntu.22 prompt/off command/ec2.describe-instances",
		"Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#5.10.210 md/arch#x86_64 lang/python#3.9.16 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.69",
		"aws-sdk-go-v2/1.26.0 os/linux lang/go#1.22.1 md/GOOS#linux md/GOARCH#amd64 api/s3#1.53.0",
		"APN/1.0 HashiCorp/1.0 Terraform/1.7.5 (+https://www.terraform.io) terraform-provider-aws/5.42.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Safari/537.36",
		"console.amazonaws.com",
	}
	countries = []string{`"countryName":"Germany"},"city":{"cityName":"Frankfurt am Main"},"geoLocation":{"lat":50.1155,"lon":8.6842}`,
		`"countryName":"Russia"},"city":{"cityName":"Moscow"},"geoLocation":{"lat":55.7386,"lon":37.6068}`,
		`"countryName":"Brazil"},"city":{"cityName":"São Paulo"},"geoLocation":{"lat":-23.5475,"lon":-46.6361}`}
)

// A file has few callers at a time, and each stays for a while.
const (
	callersAtOnce = 6
	callerStays   = 100 // records of the object, on average
	callerRepeats = 4   // records of its own in a row, on average
)

// caller is who acts: the same user in the ARN and in the name, with the same
// ids, as long as it stays.
type caller struct {
	identity          []byte // as events have it
	user, role        string
	session, instance uint64
	agent             string
	ip                uint32
	since             time.Time
	calls             [4]int // what it does most, of the trail's calls
}

// record is what the places of one record share.
type record struct {
	*caller
	at             time.Time
	bucket, object string
}

// next starts a record.
func (g *Generator) next() {
	r := g.random
	g.record = record{
		caller: g.nextCaller(), at: g.now.Add(-time.Duration(r.Int64N(int64(span)))),
		bucket: g.pick(buckets), object: g.pick(objects),
	}
}

// nextCaller returns who acts next: mostly who did before.
func (g *Generator) nextCaller() *caller {
	r := g.random
	if g.record.caller != nil && r.IntN(callerRepeats) > 0 {
		return g.record.caller
	}
	c := &g.callers[r.IntN(callersAtOnce)]
	if *c == nil || r.IntN(callerStays/callersAtOnce) == 0 {
		*c = g.newCaller()
	}
	return *c
}

func (g *Generator) newCaller() *caller {
	r := g.random
	c := &caller{
		user: g.pick(users), role: g.pick(roles), session: r.Uint64(), instance: r.Uint64(), agent: g.pick(agents),
		ip: r.Uint32(), since: g.now.Add(-span - time.Duration(r.Int64N(int64(8*time.Hour)))),
	}
	for i := range c.calls {
		c.calls[i] = r.IntN(len(g.trail.calls))
	}
	g.record.caller = c
	c.identity = g.write(nil, g.trail.identity(r))
	return c
}

func (g *Generator) pick(from []string) string { return from[g.random.IntN(len(from))] }

// places are the names that a template can use.
var places = sync.OnceValue(func() map[string]fill {
	return map[string]fill{
		"account":  func(g *Generator, b []byte) []byte { return append(b, g.account...) },
		"region":   func(g *Generator, b []byte) []byte { return append(b, g.region...) },
		"user":     func(g *Generator, b []byte) []byte { return append(b, g.record.user...) },
		"role":     func(g *Generator, b []byte) []byte { return append(b, g.record.role...) },
		"bucket":   func(g *Generator, b []byte) []byte { return append(b, g.record.bucket...) },
		"object":   func(g *Generator, b []byte) []byte { return append(b, g.record.object...) },
		"agent":    func(g *Generator, b []byte) []byte { return append(b, g.record.agent...) },
		"country":  func(g *Generator, b []byte) []byte { return append(b, g.pick(countries)...) },
		"time":     func(g *Generator, b []byte) []byte { return g.record.at.AppendFormat(b, "2006-01-02T15:04:05Z") },
		"millis":   func(g *Generator, b []byte) []byte { return g.record.at.AppendFormat(b, "2006-01-02T15:04:05.000Z") },
		"earlier":  func(g *Generator, b []byte) []byte { return g.record.since.AppendFormat(b, "2006-01-02T15:04:05Z") },
		"unix":     func(g *Generator, b []byte) []byte { return strconv.AppendInt(b, g.record.at.Unix(), 10) },
		"ip":       func(g *Generator, b []byte) []byte { return appendIP(b, g.record.ip) },
		"uuid":     func(g *Generator, b []byte) []byte { return g.appendUUID(b) },
		"event":    func(g *Generator, b []byte) []byte { return g.appendEventID(b) },
		"finding":  func(g *Generator, b []byte) []byte { return g.appendFindingID(b) },
		"identity": func(g *Generator, b []byte) []byte { return append(b, g.record.identity...) },
		// The ids of the caller stay as long as it does.
		"session":  func(g *Generator, b []byte) []byte { return appendID(b, g.record.session) },
		"instance": func(g *Generator, b []byte) []byte { return appendHex(b, g.record.instance, 17) },
		// Others are new each time.
		"id":  func(g *Generator, b []byte) []byte { return appendID(b, g.random.Uint64()) },
		"hex": func(g *Generator, b []byte) []byte { return appendHex(b, g.random.Uint64(), 17) },
		"hex32": func(g *Generator, b []byte) []byte {
			return appendHex(appendHex(b, g.random.Uint64(), 16), g.random.Uint64(), 16)
		},
		"private": func(g *Generator, b []byte) []byte { return appendIP(b, 10<<24|g.random.Uint32()&0xffff) },
		"port": func(g *Generator, b []byte) []byte {
			return strconv.AppendUint(b, uint64(1024+g.random.Uint32N(64000)), 10)
		},
		"small": func(g *Generator, b []byte) []byte { return strconv.AppendUint(b, uint64(1+g.random.Uint32N(40)), 10) },
		"bytes": func(g *Generator, b []byte) []byte { return strconv.AppendUint(b, uint64(g.random.Uint32()), 10) },
	}
})

// appendUUID appends a random UUID.
func (g *Generator) appendUUID(b []byte) []byte {
	var id [16]byte
	fillBytes(g.random, id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, id[[...]int{0, 4, 6, 8, 10}[i]:end])
	}
	return b
}

// fillBytes fills p, a multiple of eight, with random bytes.
func fillBytes(r *rand.Rand, p []byte) {
	for i := 0; i < len(p); i += 8 {
		v := r.Uint64()
		for j := range 8 {
			p[i+j] = byte(v >> (8 * j))
		}
	}
}

// appendID appends 16 letters and digits as AWS's ids of users, roles and keys
// have them.
func appendID(b []byte, v uint64) []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	for range 16 {
		b = append(b, letters[v&31])
		v = v>>4 | v<<60
	}
	return b
}

// appendHex appends n hexadecimal digits, the first of them zeros when n is
// above 16.
func appendHex(b []byte, v uint64, n int) []byte {
	const digits = "0123456789abcdef"
	for i := n - 1; i >= 0; i-- {
		b = append(b, digits[v>>(4*i)&15])
	}
	return b
}

func appendIP(b []byte, ip uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		b = strconv.AppendUint(b, uint64(ip>>shift&0xff), 10)
		if shift > 0 {
			b = append(b, '.')
		}
	}
	return b
}

// digits returns n random hexadecimal digits.
func (g *Generator) digits(n int) string { return string(appendHex(nil, g.random.Uint64(), n)) }

// letters returns n random letters and digits, n up to 16.
func (g *Generator) letters(n int) string { return string(appendID(nil, g.random.Uint64())[:n]) }
