package format

import "time"

// Time reads a time as AWS services write it, and gives microseconds since
// 1970, UTC. It takes the forms of ISO 8601 that occur in logs:
//
//	2026-03-01T10:02:33Z
//	2026-03-01 10:02:33.123456789   (finer than microseconds is cut off)
//	2026-03-01T10:02:33+0200, +02:00
//	20260301T100233Z
//
// A time without a zone is UTC. It is not ok for anything else.
func Time(text []byte) (micros int64, ok bool) {
	p := timeParser{rest: text, ok: true}
	year := p.number(4)
	extended := p.accept('-')
	month := p.number(2)
	if extended {
		p.expect('-')
	}
	day := p.number(2)
	if !p.accept('T') {
		p.expect(' ')
	}
	hour := p.number(2)
	if extended {
		p.expect(':')
	}
	minute := p.number(2)
	if extended {
		p.expect(':')
	}
	second := p.number(2)
	fraction := p.fraction()
	offset := p.zone()
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if !p.ok || len(p.rest) > 0 || t.Day() != day || int(t.Month()) != month || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return (t.Unix()-int64(offset))*1e6 + fraction, true
}

// timeParser reads a time from its beginning. ok is false once something was
// not there that must be.
type timeParser struct {
	rest []byte
	ok   bool
}

// number reads exactly that many digits.
func (p *timeParser) number(digits int) (n int) {
	for range digits {
		if len(p.rest) == 0 || p.rest[0]-'0' > 9 {
			p.ok = false
			return 0
		}
		n = n*10 + int(p.rest[0]-'0')
		p.rest = p.rest[1:]
	}
	return n
}

// accept reads c if it is next.
func (p *timeParser) accept(c byte) bool {
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *timeParser) expect(c byte) {
	if !p.accept(c) {
		p.ok = false
	}
}

// fraction reads a fraction of a second, in microseconds.
func (p *timeParser) fraction() (micros int64) {
	if !p.accept('.') {
		return 0
	}
	for unit := int64(1e5); ; unit /= 10 {
		micros += int64(p.number(1)) * unit
		if len(p.rest) == 0 || p.rest[0]-'0' > 9 {
			return micros
		}
	}
}

// zone reads a zone and returns how many seconds it is ahead of UTC.
func (p *timeParser) zone() (seconds int) {
	sign := 1
	switch {
	case len(p.rest) == 0 || p.accept('Z'):
		return 0
	case p.accept('-'):
		sign = -1
	default:
		p.expect('+')
	}
	hours := p.number(2)
	p.accept(':')
	minutes := p.number(2)
	if hours > 23 || minutes > 59 {
		p.ok = false
	}
	return sign * (hours*3600 + minutes*60)
}
