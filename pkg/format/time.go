package format

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
	p := timeParser{ok: true} // of what is behind the second
	var month, day, hour, minute, second int
	switch {
	case len(text) >= 19 && text[4] == '-' && text[7] == '-' && text[13] == ':' && text[16] == ':' && isT(text[10]):
		month, day, hour, minute, second = pair(text[5:]), pair(text[8:]), pair(text[11:]), pair(text[14:]), pair(text[17:])
		p.rest = text[19:]
	case len(text) >= 15 && isT(text[8]):
		month, day, hour, minute, second = pair(text[4:]), pair(text[6:]), pair(text[9:]), pair(text[11:]), pair(text[13:])
		p.rest = text[15:]
	default:
		return 0, false
	}
	century, year := pair(text), pair(text[2:])
	fraction := p.fraction()
	offset := p.zone()
	days, ok := days(century*100+year, month, day)
	if !ok || !p.ok || len(p.rest) > 0 || century > 99 || year > 99 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return int64(((days*24+hour)*60+minute)*60+second-offset)*1e6 + fraction, true
}

// isT reports whether c can stand between a date and a time of day.
func isT(c byte) bool { return c == 'T' || c == ' ' }

// pair reads the two digits that text begins with; 100 if they are none.
func pair(text []byte) int {
	tens, units := text[0]-'0', text[1]-'0'
	if tens > 9 || units > 9 {
		return 100
	}
	return int(tens)*10 + int(units)
}

// days returns the days from 1970 to a date. It is not ok if there is no such
// date. Its year is taken to begin in March, so that the leap day is its last,
// and the months have 31, 30, 31, 30, 31 days and so on: 153 in five.
func days(year, month, day int) (days int, ok bool) {
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	switch {
	case month < 1 || month > 12 || day < 1 || day > 31,
		day > 30 && (month == 4 || month == 6 || month == 9 || month == 11),
		day > 29 && month == 2,
		day > 28 && month == 2 && !leap:
		return 0, false
	}
	y, m := year+400, month-3 // the calendar repeats every 400 years
	if m < 0 {
		y, m = y-1, m+12
	}
	const to1970 = 719468 + 146097 // from 1 March 400 years before the year 0
	return 365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + day - 1 - to1970, true
}

// timeParser reads the end of a time. ok is false once something was not there
// that must be.
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
