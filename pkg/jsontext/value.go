package jsontext

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendText appends to dst what the inside of a string says: its escapes
// become the characters they stand for. Half a surrogate pair becomes U+FFFD.
// The string must be valid.
func AppendText(dst, inside []byte) []byte {
	for len(inside) > 0 {
		n := special(inside, 0)
		dst = append(dst, inside[:n]...)
		inside = inside[n:]
		if len(inside) < 2 {
			break
		}
		switch c := inside[1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, n := unicodeEscape(inside)
			dst = utf8.AppendRune(dst, r)
			inside = inside[n:]
			continue
		default:
			dst = append(dst, c)
		}
		inside = inside[2:]
	}
	return dst
}

// unicodeEscape reads the \u escape that text begins with, or the two that are
// a surrogate pair, and returns their length.
func unicodeEscape(text []byte) (r rune, n int) {
	r, _ = hex4(text[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
		low, _ := hex4(text[8:])
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// AppendCompact appends a valid value to dst without the white space outside
// its strings.
func AppendCompact(dst, value []byte) []byte {
	s := NewScanner(value)
	for i := 0; i < len(value); {
		start := i
		switch c := value[i]; {
		case c == '"':
			i = s.quoted(i)
		case isSpace(c):
			i = s.space(i)
			continue
		default:
			i++
		}
		if s.err != nil {
			break
		}
		dst = append(dst, value[start:i]...)
	}
	return dst
}

// Int reads a valid number as an integer, cutting off its fraction. It is not
// ok if the value is no number or does not fit.
func Int(value []byte) (n int64, ok bool) {
	if !bytes.ContainsAny(value, ".eE") {
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return n, true
		}
		return 0, false
	}
	f, ok := Float(value)
	// As a float64, MaxInt64 is rounded up: it is out of range itself.
	if !ok || f < math.MinInt64 || f >= math.MaxInt64 {
		return 0, false
	}
	return int64(f), true
}

// Float reads a valid number. It is not ok if the value is no number or does
// not fit.
func Float(value []byte) (f float64, ok bool) {
	if len(value) == 0 || value[0] != '-' && value[0]-'0' > 9 {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(value), 64)
	return f, err == nil
}

// Bool reads true or false, also as a string, which some AWS services write.
// It is not ok for anything else.
func Bool(value []byte) (is, ok bool) {
	switch string(value) {
	case "true", `"true"`:
		return true, true
	case "false", `"false"`:
		return false, true
	}
	return false, false
}
