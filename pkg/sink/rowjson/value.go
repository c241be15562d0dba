package rowjson

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/pkg/table"
)

// appendValue appends the value of a row, or nothing when JSON or the service
// has no way to say it: infinities, years of five digits, a dynamic column
// without text.
func (c *column) appendValue(dst []byte, row int) []byte {
	switch c.kind {
	case table.String:
		return appendString(dst, c.texts.Value(row))
	case table.Dynamic:
		return appendJSON(dst, c.texts.Value(row))
	case table.Int:
		return strconv.AppendInt(dst, int64(c.ints.Value(row)), 10)
	case table.Long:
		return strconv.AppendInt(dst, c.longs.Value(row), 10)
	case table.Real:
		return appendReal(dst, c.reals.Value(row))
	case table.Bool:
		return strconv.AppendBool(dst, c.bools.Value(row))
	default:
		return appendTime(dst, int64(c.times.Value(row)))
	}
}

// appendJSON appends a JSON text as it is, but for line breaks: they can only
// stand between tokens, where a space is as good.
func appendJSON(dst []byte, text string) []byte {
	start := len(dst)
	dst = append(dst, text...)
	if strings.IndexByte(text, '\n') < 0 && strings.IndexByte(text, '\r') < 0 {
		return dst
	}
	for i := start; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}

func appendReal(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dst
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}

// appendTime appends microseconds since 1970 as RFC 3339 in UTC, without
// trailing zeros in the fraction.
func appendTime(dst []byte, micros int64) []byte {
	t := time.UnixMicro(micros).UTC()
	year, month, day := t.Date()
	if year < 1 || year > 9999 {
		return dst
	}
	hour, minute, second := t.Clock()
	dst = append(dst, '"')
	dst = append2(append2(dst, year/100), year%100)
	dst = append2(append(dst, '-'), int(month))
	dst = append2(append(dst, '-'), day)
	dst = append2(append(dst, 'T'), hour)
	dst = append2(append(dst, ':'), minute)
	dst = append2(append(dst, ':'), second)
	if fraction := t.Nanosecond() / 1000; fraction > 0 {
		dst = append(dst, '.')
		dst = append2(append2(append2(dst, fraction/10000), fraction/100%100), fraction%100)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, 'Z', '"')
}

// append2 appends a number below 100 as two digits.
func append2(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// appendString appends a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		n := plain(s)
		dst = append(dst, s[:n]...)
		if s = s[n:]; s == "" {
			return append(dst, '"')
		}
		if c := s[0]; c < utf8.RuneSelf {
			dst = appendEscape(dst, c)
			s = s[1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		dst = utf8.AppendRune(dst, r)
		s = s[size:]
	}
}

func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// plain returns how many bytes at the beginning of s stand for themselves in
// a JSON string: ASCII but for control characters, quote and backslash.
func plain(s string) int {
	n := 0
	for ; len(s)-n >= 8; n += 8 {
		word := binary.LittleEndian.Uint64([]byte(s[n : n+8]))
		if m := special(word); m != 0 {
			return n + bits.TrailingZeros64(m)/8
		}
	}
	for ; n < len(s); n++ {
		if c := s[n]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return n
}

// special marks, by its highest bit, the first byte of a little-endian word
// that is below space, a quote, a backslash or not ASCII. Bytes after the
// first may be marked wrongly.
func special(word uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := word^(ones*'"'), word^(ones*'\\')
	below := (word - ones*' ') &^ word
	return (below | (quote-ones)&^quote | (backslash-ones)&^backslash | word) & highs
}
