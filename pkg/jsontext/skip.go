package jsontext

import (
	"encoding/binary"
	"math/bits"
)

// space passes white space.
func (s *Scanner) space() {
	if s.pos < len(s.text) && s.text[s.pos] > ' ' {
		return
	}
	for s.pos < len(s.text) && isSpace(s.text[s.pos]) {
		s.pos++
		s.spaced = true
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skip passes the next value.
func (s *Scanner) skip() {
	switch c := s.Peek(); c {
	case '"':
		s.quoted()
	case '{':
		for s.Object(); s.more('}'); {
			s.name()
			s.skip()
		}
	case '[':
		for s.Array(); s.Element(); {
			s.skip()
		}
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

func (s *Scanner) literal(word string) {
	for i := range len(word) {
		if s.pos == len(s.text) || s.text[s.pos] != word[i] {
			s.fail("no value")
			return
		}
		s.pos++
	}
}

// number passes a number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (s *Scanner) number() {
	s.accept('-', '-')
	switch {
	case s.accept('0', '0'):
	case !s.digits():
		s.fail("no value")
		return
	}
	if s.accept('.', '.') && !s.digits() {
		s.fail("no digit after the point of a number")
	}
	if s.accept('e', 'E') {
		s.accept('+', '-')
		if !s.digits() {
			s.fail("no digit in the exponent of a number")
		}
	}
}

// accept passes the next byte if it is a or b.
func (s *Scanner) accept(a, b byte) bool {
	if s.pos < len(s.text) && (s.text[s.pos] == a || s.text[s.pos] == b) {
		s.pos++
		return true
	}
	return false
}

// digits passes decimal digits and reports whether there were any.
func (s *Scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.text) && s.text[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos > start
}

// quoted passes the string at the next byte, which is its opening quote, and
// returns what is between the quotes. It sets escaped.
func (s *Scanner) quoted() []byte {
	text, start := s.text, s.pos+1
	s.escaped = false
	for i := start; ; {
		i += plain(text[i:])
		switch {
		case i == len(text):
			s.pos = i
			s.fail("")
			return nil
		case text[i] == '"':
			s.pos = i + 1
			return text[start:i]
		case text[i] == '\\':
			n := escape(text[i:])
			if n == 0 {
				s.pos = i
				s.fail("bad escape in a string")
				return nil
			}
			s.escaped = true
			i += n
		default:
			s.pos = i
			s.fail("control character in a string")
			return nil
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns how many bytes at the beginning of text are neither a quote,
// nor a backslash, nor a control character. It looks at eight bytes at a time:
// subtracting from every byte borrows into its high bit when the byte is less,
// and the lowest such bit is exact.
func plain(text []byte) int {
	rest := text
	for len(rest) >= 8 {
		w := binary.LittleEndian.Uint64(rest)
		quote, backslash := w^(ones*'"'), w^(ones*'\\')
		hits := ((w - ones*' ') | (quote - ones) | (backslash - ones)) &^ w & highs
		if hits != 0 {
			return len(text) - len(rest) + bits.TrailingZeros64(hits)/8
		}
		rest = rest[8:]
	}
	for len(rest) > 0 && rest[0] >= ' ' && rest[0] != '"' && rest[0] != '\\' {
		rest = rest[1:]
	}
	return len(text) - len(rest)
}

// escape returns the length of the escape that text begins with, 0 if it is
// none.
func escape(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(text[2:]); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads the four hexadecimal digits that text begins with.
func hex4(text []byte) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range text[:4] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
