package ingestion

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a value.
const maxDepth = 500

// kind is the kind of a JSON value.
type kind string

const (
	text   kind = "a string"
	number kind = "a number"
	truth  kind = "a bool"
	null   kind = "null"
	nested kind = "an object or array"
)

// scanner reads JSON value by value, without a copy, and strictly: what it
// accepts, encoding/json does too.
type scanner struct {
	in []byte
	at int
}

var errEnd = errors.New("the JSON ends too early")

func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: "+format, append([]any{s.at}, args...)...)
}

// peek skips white space and returns the next byte without taking it; 0 at the
// end.
func (s *scanner) peek() byte {
	for s.at < len(s.in) {
		switch c := s.in[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// take takes the byte c, after white space.
func (s *scanner) take(c byte) error {
	if got := s.peek(); got != c {
		return s.errorf("found %q; want %q", got, c)
	}
	s.at++
	return nil
}

// value takes a value and returns its text, its kind and how many bytes a
// string has when decoded, or any other value as it is.
func (s *scanner) value(depth int) (raw []byte, k kind, size int, err error) {
	if depth > maxDepth {
		return nil, "", 0, s.errorf("nested deeper than %d", maxDepth)
	}
	c := s.peek()
	start := s.at
	switch {
	case c == '"':
		k = text
		size, err = s.str()
		return s.in[start:s.at], k, size, err
	case c == '{':
		k = nested
		err = s.object(depth, nil)
	case c == '[':
		k = nested
		err = s.array(depth)
	case c == '-' || c >= '0' && c <= '9':
		k = number
		err = s.number()
	case c == 'n':
		k, err = null, s.word("null")
	case c == 't':
		k, err = truth, s.word("true")
	case c == 'f':
		k, err = truth, s.word("false")
	default:
		err = s.errorf("no value begins with %q", c)
	}
	return s.in[start:s.at], k, s.at - start, err
}

// object takes an object and tells member, if it is not nil, of every name
// and value.
func (s *scanner) object(depth int, member func(name, raw []byte, k kind, size int) error) error {
	if err := s.take('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		s.peek()
		start := s.at
		if _, err := s.str(); err != nil {
			return err
		}
		name := s.in[start+1 : s.at-1]
		if err := s.take(':'); err != nil {
			return err
		}
		raw, k, size, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if member != nil {
			if err := member(name, raw, k, size); err != nil {
				return err
			}
		}
		if s.peek() == ',' {
			s.at++
			continue
		}
		return s.take('}')
	}
}

// array takes an array.
func (s *scanner) array(depth int) error {
	if err := s.take('['); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		if _, _, _, err := s.value(depth + 1); err != nil {
			return err
		}
		if s.peek() == ',' {
			s.at++
			continue
		}
		return s.take(']')
	}
}

// str takes a string and returns how many bytes it has when decoded.
func (s *scanner) str() (size int, err error) {
	if s.at >= len(s.in) || s.in[s.at] != '"' {
		return 0, s.errorf("want a string")
	}
	s.at++
	for s.at < len(s.in) {
		n := plain(s.in[s.at:])
		s.at += n
		size += n
		if s.at == len(s.in) {
			break
		}
		switch c := s.in[s.at]; {
		case c == '"':
			s.at++
			return size, nil
		case c == '\\':
			n, err := s.escape()
			if err != nil {
				return 0, err
			}
			size += n
		case c < ' ':
			return 0, s.errorf("control character %q in a string", c)
		default:
			s.at++
			size++
		}
	}
	return 0, errEnd
}

// plain returns how many bytes from the first on are text that a string holds
// as it is. It looks at eight bytes at a time, and may stop early: the others
// are looked at one by one.
func plain(in []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	at := 0
	for ; at+8 <= len(in); at += 8 {
		word := binary.LittleEndian.Uint64(in[at:])
		quote, slash := word^ones*'"', word^ones*'\\'
		// The high bit of a byte is set where it is below the space, or the
		// byte searched for; or by a borrow from such a byte before it.
		special := ((word-ones*' ')&^word | (quote-ones)&^quote | (slash-ones)&^slash) & highs
		if special != 0 {
			return at + bits.TrailingZeros64(special)/8
		}
	}
	return at
}

// escape takes an escape sequence and returns how many bytes it stands for.
func (s *scanner) escape() (size int, err error) {
	if s.at+1 >= len(s.in) {
		return 0, errEnd
	}
	c := s.in[s.at+1]
	s.at += 2
	if strings.IndexByte(`"\/bfnrt`, c) >= 0 {
		return 1, nil
	}
	if c != 'u' {
		return 0, s.errorf("unknown escape %q", c)
	}
	if s.at+4 > len(s.in) {
		return 0, errEnd
	}
	var r rune
	for _, h := range s.in[s.at : s.at+4] {
		digit := strings.IndexByte("0123456789abcdef", h|0x20)
		if digit < 0 || h < '0' {
			return 0, s.errorf("%q is no hexadecimal digit", h)
		}
		r = r<<4 | rune(digit)
	}
	s.at += 4
	if r >= 0xd800 && r < 0xe000 {
		return 2, nil // half of a pair, which has four bytes
	}
	return utf8.RuneLen(r), nil
}

// digits takes one digit or more.
func (s *scanner) digits() error {
	start := s.at
	for s.at < len(s.in) && s.in[s.at] >= '0' && s.in[s.at] <= '9' {
		s.at++
	}
	if s.at == start {
		return s.errorf("want a digit")
	}
	return nil
}

func (s *scanner) at1(set string) bool {
	return s.at < len(s.in) && strings.IndexByte(set, s.in[s.at]) >= 0
}

func (s *scanner) number() error {
	if s.at1("-") {
		s.at++
	}
	if s.at1("0") {
		s.at++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.at1(".") {
		s.at++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.at1("eE") {
		s.at++
		if s.at1("+-") {
			s.at++
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.in[s.at:], []byte(w)) {
		return s.errorf("want %s", w)
	}
	s.at += len(w)
	return nil
}
