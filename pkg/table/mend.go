package table

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// isASCII reports whether text is ASCII, which is UTF-8 and nearly all that
// logs hold. For the short values of columns it is faster than utf8.Valid.
func isASCII(text []byte) bool {
	const high = 0x8080808080808080
	n := len(text)
	if n < 8 {
		var all byte
		for _, c := range text {
			all |= c
		}
		return all < utf8.RuneSelf
	}
	all := binary.LittleEndian.Uint64(text[n-8:])
	for i := 0; i < n-8; i += 8 {
		all |= binary.LittleEndian.Uint64(text[i:])
	}
	return all&high == 0
}

// appendFit appends a text that fits its column: mended, and cut if it is too
// long. It counts what it did.
func (f *Flaws) appendFit(dst, v []byte, layout layout) []byte {
	begin := len(dst)
	if utf8.Valid(v) {
		dst = append(dst, v...)
	} else {
		f.BadText++
		dst = appendMended(dst, v)
	}
	text := dst[begin:]
	if layout == asJSON && mendSurrogates(text) {
		f.BadText++
	}
	if len(text) <= MaxValueBytes {
		return dst
	}
	f.Cut++
	if layout == asJSON {
		return append(dst[:begin], cutJSON(text)...)
	}
	return dst[:begin+runeCut(text, MaxValueBytes)]
}

// runeCut returns the largest n <= limit at which text can be cut without
// splitting a rune.
func runeCut(text []byte, limit int) int {
	if len(text) <= limit {
		return len(text)
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return limit
}

// appendMended appends text with every byte that is no UTF-8 replaced by
// U+FFFD.
func appendMended(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		dst = utf8.AppendRune(dst, r)
		text = text[size:]
	}
	return dst
}

// cutJSON returns a JSON string that holds the beginning of value, which is
// UTF-8, at most MaxValueBytes long with its quotes and escapes.
func cutJSON(value []byte) []byte {
	dst := append(make([]byte, 0, MaxValueBytes), '"')
	for len(value) > 0 {
		r, size := utf8.DecodeRune(value)
		if r < ' ' {
			r = utf8.RuneError
		}
		need := utf8.RuneLen(r)
		if r == '"' || r == '\\' {
			need = 2
		}
		if len(dst)+need+1 > MaxValueBytes {
			break
		}
		if need == 2 && r < utf8.RuneSelf {
			dst = append(dst, '\\')
		}
		dst = utf8.AppendRune(dst, r)
		value = value[size:]
	}
	return append(dst, '"')
}

// mendSurrogates puts \ufffd in place of every escape in a JSON text that is
// half of a surrogate pair, and reports whether there was one: the grammar
// allows it, but it stands for no character, and strict readers refuse it.
func mendSurrogates(text []byte) (mended bool) {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 || len(text)-i < len(`\ud800`) {
			return mended
		}
		text = text[i:]
		switch n := surrogate(text); {
		case n == 0:
			text = text[2:] // another escape
		case n == 'h' && surrogate(text[6:]) == 'l':
			text = text[12:]
		default:
			copy(text, `\ufffd`)
			mended = true
			text = text[6:]
		}
	}
}

// surrogate tells whether text begins with the escape of a high ('h') or a low
// ('l') surrogate, or neither (0).
func surrogate(text []byte) byte {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' || text[2]|0x20 != 'd' {
		return 0
	}
	switch c := text[3] | 0x20; {
	case c == '8' || c == '9' || c == 'a' || c == 'b':
		return 'h'
	case c >= 'c' && c <= 'f':
		return 'l'
	}
	return 0
}
