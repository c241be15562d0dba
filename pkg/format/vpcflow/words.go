package vpcflow

import (
	"encoding/binary"
	"math"
)

// The functions below look at eight bytes at once, as one word whose lowest
// byte comes first.
const (
	every = 0x0101010101010101 // times a byte: that byte eight times
	high  = 0x80 * every
)

// spaces finds the spaces in text[base:base+8], and one behind the text's end:
// it sets the highest bit of their bytes and no other. base is at most the
// text's length.
func spaces(text []byte, base int) uint64 {
	x := wordAt(text, base) ^ ' '*every
	// Only a byte that is zero but for its highest bit does not carry into it.
	return ^(x&^high + 0x7f*every | x) & high
}

// wordAt returns the eight bytes at base, with a space behind the end of the
// text, and zeros behind that.
func wordAt(text []byte, base int) uint64 {
	rest := text[base:]
	if len(rest) >= 8 {
		return binary.LittleEndian.Uint64(rest)
	}
	word := uint64(' ') << (8 * len(rest))
	for i, c := range rest {
		word |= uint64(c) << (8 * i)
	}
	return word
}

// tooLarge stands for a number that no column can hold.
const tooLarge = -1

// parseNumber reads a number without sign: the last digits of text.
func parseNumber(text []byte, digits int) (number int64, ok bool) {
	end := len(text)
	switch {
	case digits <= 8 && end >= 8:
		return eightDigits(text[end-8:], digits)
	case digits <= 16 && end >= 16:
		upper, ok1 := eightDigits(text[end-16:], digits-8)
		lower, ok2 := eightDigits(text[end-8:], 8)
		return upper*1e8 + lower, ok1 && ok2
	}
	return anyDigits(text[end-digits:])
}

// eightDigits reads a number that is the last of the first eight bytes of
// text, and at most these.
func eightDigits(text []byte, digits int) (number int64, ok bool) {
	before := 8 * (8 - digits) // bits of what comes before the digits
	x := (binary.LittleEndian.Uint64(text) ^ '0'*every) >> before << before
	if (x+0x76*every|x)&high != 0 {
		return 0, false // a byte above 9
	}
	x = x * (1 + 10<<8) >> 8 & 0x00ff00ff00ff00ff    // pairs of digits
	x = x * (1 + 100<<16) >> 16 & 0x0000ffff0000ffff // fours
	return int64(x * (1 + 10_000<<32) >> 32), true
}

// anyDigits reads a number of any length.
func anyDigits(text []byte) (number int64, ok bool) {
	for _, c := range text {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 {
			return 0, false
		}
		if number == tooLarge || number > (math.MaxInt64-digit)/10 {
			number = tooLarge
			continue
		}
		number = number*10 + digit
	}
	return number, true
}
