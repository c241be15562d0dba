package jsontext

import (
	"encoding/binary"
	"math/bits"
)

// quoted passes a string.
func (s *Scanner) quoted(i int) int {
	if i = special(s.text, i+1); s.at(i) == '"' {
		return i + 1
	}
	return s.escapes(i)
}

// escapes passes the rest of a string, from where it is not plain.
func (s *Scanner) escapes(i int) int {
	for {
		switch c := s.at(i); {
		case c == '"':
			return i + 1
		case c != '\\':
			return s.fail(i, "control character in a string")
		}
		n := escape(s.text[i:])
		if n == 0 {
			return s.fail(i, "bad escape in a string")
		}
		i = special(s.text, i+n)
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns the index of the first byte, from index i on, that is a
// quote, a backslash or a control character, or the length of the text. It
// looks at eight bytes at a time: subtracting from every byte borrows into its
// high bit when the byte is less, and the lowest such bit is exact. A quote
// with its second bit turned is a space, which takes it and all control
// characters below '!', and nothing else.
func special(text []byte, i int) int {
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		hits := ((w ^ ones*2 - ones*'!') | (w ^ ones*'\\' - ones)) &^ w & highs
		if hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for i < len(text) && text[i] >= ' ' && text[i] != '"' && text[i] != '\\' {
		i++
	}
	return i
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
