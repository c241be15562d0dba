package vpcflow

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"testing"
)

// The words find the same spaces as a look at each byte does.
func FuzzSpaces(f *testing.F) {
	for n := range 18 {
		f.Add([]byte(strings.Repeat("x", n)))
		f.Add([]byte(strings.Repeat(" ", n)))
		f.Add([]byte(strings.Repeat("ab ! \xa0\x00", n)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want, got []int
		for i, c := range append(bytes.Clone(text), ' ') {
			if c == ' ' {
				want = append(want, i)
			}
		}
		for base := 0; base <= len(text); base += 8 {
			for found := spaces(text, base); found != 0; found &= found - 1 {
				got = append(got, base+bits.TrailingZeros64(found)/8)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got spaces at %d; want %d", text, got, want)
		}
	})
}

// Eight digits at a time make the same numbers as one at a time, whatever
// stands before them.
func FuzzNumber(f *testing.F) {
	for _, number := range []string{
		"0", "7", "-", "1x", "00000000000000000000000000000000012", "12345678", "123456789", "1234567890123456", "12345678901234567",
		"9223372036854775807", "9223372036854775808", "99999999999999999999", "/", ":", "1234567:", "/2345678", "1234567\xb9", "\x001",
	} {
		f.Add([]byte(""), []byte(number))
		f.Add([]byte("eni-0123456789abcdef "), []byte(number))
		f.Add([]byte("99999999999999999999"), []byte(number))
	}
	f.Fuzz(func(t *testing.T, before, number []byte) {
		if len(number) == 0 {
			return
		}
		got, ok := parseNumber(slices.Concat(before, number), len(number))
		want, wantOK := anyDigits(number)
		if ok != wantOK || ok && got != want {
			t.Errorf("%q: got %d, %t; want %d, %t", number, got, ok, want, wantOK)
		}
	})
}
