package samplelog

import (
	"bytes"
	"fmt"
)

// Kind is a way in which an object is broken, or odd.
type Kind string

// The kinds. Of the first group no record, or not all, can be read; the
// objects of the second are odd and fine.
const (
	// Truncated is gzip that ends too early.
	Truncated Kind = "truncated"
	// BadChecksum is gzip with a wrong checksum at its end.
	BadChecksum Kind = "bad_checksum"
	// Garbage is noise under a CloudTrail key.
	Garbage Kind = "garbage"
	// WrongType is a picture under a CloudTrail key.
	WrongType Kind = "wrong_type"
	// BadRecord has one record that is no JSON among good ones, the second of
	// five lines of GuardDuty findings.
	BadRecord Kind = "bad_record"

	// ZeroBytes is an object of no bytes.
	ZeroBytes Kind = "zero_bytes"
	// EmptyGzip is gzip of nothing.
	EmptyGzip Kind = "empty_gzip"
	// NoRecords is a CloudTrail document with an empty list.
	NoRecords Kind = "no_records"
	// Digest is a CloudTrail digest.
	Digest Kind = "digest"
	// Plain is JSON that is not compressed, under a key that ends in .gz.
	Plain Kind = "plain"
	// TwiceZipped is gzip in gzip.
	TwiceZipped Kind = "twice_zipped"
	// Members is gzip of several members.
	Members Kind = "members"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{Truncated, BadChecksum, Garbage, WrongType, BadRecord,
		ZeroBytes, EmptyGzip, NoRecords, Digest, Plain, TwiceZipped, Members}
}

// Broken makes an object of that kind. Its Records are those that can be read
// from it if an object that is damaged anywhere counts for nothing.
func (g *Generator) Broken(kind Kind) Object {
	if kind == BadRecord {
		return g.badRecord()
	}
	good := g.CloudTrail(20)
	none := good
	none.Records = 0
	switch kind {
	case Truncated:
		none.Body = good.Body[:len(good.Body)/2]
	case BadChecksum:
		none.Body[len(none.Body)-8] ^= 0xff
	case Garbage:
		none.Body = make([]byte, 4096)
		fillBytes(g.random, none.Body)
		none.Body[0] = 0xfe // nothing begins so
	case WrongType:
		none.Body = append([]byte("\x89PNG\r\n\x1a\n"), none.Body...)
	case ZeroBytes:
		none.Body = []byte{}
	case EmptyGzip:
		none.Body = g.pack(nil)
	case NoRecords:
		none.Body = g.pack([]byte(`{"Records":[]}`))
	case Digest:
		return g.digest()
	case Plain:
		good.Body = bytes.Clone(g.raw)
		return good
	case TwiceZipped:
		good.Body = g.pack(good.Body)
		return good
	case Members:
		half := len(g.raw) / 2
		good.Body = append(g.pack(g.raw[:half]), g.pack(g.raw[half:])...)
		return good
	default:
		panic(fmt.Sprintf("samplelog: there is no kind %q", kind))
	}
	return none
}

func (g *Generator) badRecord() Object {
	good := g.GuardDuty(5)
	lines := bytes.SplitAfter(g.raw, []byte("\n"))
	lines[1] = bytes.Replace(bytes.Clone(lines[1]), []byte(`"partition":"aws"`), []byte(`"partition":aws`), 1)
	raw := bytes.Join(lines, nil)
	good.Body, good.RawBytes, good.Records = g.pack(raw), len(raw), 4
	return good
}

func (g *Generator) digest() Object {
	g.begin()
	g.next()
	t := compile(`{"awsAccountId":"${account}","digestStartTime":"${earlier}","digestEndTime":"${time}","digestS3Bucket":"logs",` +
		`"digestS3Object":"AWSLogs/${account}/CloudTrail-Digest/${region}/digest.json.gz","digestPublicKeyFingerprint":"${hex32}",` +
		`"digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":null,` +
		`"previousDigestS3Object":null,"previousDigestHashValue":null,"previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[]}`)
	g.raw = g.write(g.raw, t)
	key := fmt.Sprintf("AWSLogs/%s/CloudTrail-Digest/%s/%s/%s_CloudTrail-Digest_%s_main_%s_%s.json.gz", g.account, g.region,
		g.now.Format("2006/01/02"), g.account, g.region, g.region, g.now.Format("20060102T150405Z"))
	return g.finish(key, "AWSCloudTrail", 0)
}
