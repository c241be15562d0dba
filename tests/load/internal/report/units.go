package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// none stands where nothing was measured.
const none = "–"

// count is n with its thousands parted: 1,234,567.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// number is v as exactly as a reader wants it: whole from 100 on, three digits
// below.
func number(v float64) string {
	if math.Abs(v) >= 100 && math.Abs(v) < 1e15 {
		return count(int64(math.Round(v)))
	}
	return digits(v)
}

// digits is v in three digits.
func digits(v float64) string {
	abs := math.Abs(v)
	switch {
	case math.IsNaN(v), math.IsInf(v, 0):
		return none
	case abs >= 1e6 || abs > 0 && abs < 0.001:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case abs >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 9.995:
		return trimmed(v, 1)
	case abs >= 0.1:
		return trimmed(v, 2)
	}
	return trimmed(v, 4)
}

func trimmed(v float64, places int) string {
	s := strconv.FormatFloat(v, 'f', places, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// short is v in three digits and a prefix: 101k, 1.24M.
func short(v float64) string { return prefixed(v, "", "k", "M", "G", "T", "P", "E") }

// size is v bytes, decimal as disks and rules count them: 1.24 GB.
func size(v float64) string { return prefixed(v, " B", " kB", " MB", " GB", " TB", " PB", " EB") }

func prefixed(v float64, units ...string) string {
	for len(units) > 1 && math.Abs(v) >= 999.5 {
		v, units = v/1000, units[1:]
	}
	s := digits(v)
	if s == none {
		return s
	}
	return s + units[0]
}

// millis is a span given in milliseconds; 0 is one that was not measured.
func millis(ms float64) string {
	switch {
	case ms == 0 || math.IsNaN(ms) || math.IsInf(ms, 0):
		return none
	case ms < 999.5:
		return digits(ms) + " ms"
	case ms < 999_500:
		return digits(ms/1000) + " s"
	case ms < 3_600_000:
		return pair(ms/1000, "min", "s")
	case ms < 1e12:
		return pair(ms/60_000, "h", "min")
	}
	return digits(ms/3_600_000) + " h"
}

// delay is a span in milliseconds on an axis, where 0 is a place like others.
func delay(ms float64) string {
	if ms == 0 {
		return "0"
	}
	return millis(ms)
}

// pair is v sixtieths in two units: 2 min 5 s.
func pair(v float64, large, small string) string {
	whole := int64(math.Round(v))
	s := fmt.Sprintf("%d %s", whole/60, large)
	if rest := whole % 60; rest != 0 {
		s += fmt.Sprintf(" %d %s", rest, small)
	}
	return s
}

// micros is CPU time, which means nothing when it is 0.
func micros(us float64) string {
	if us == 0 {
		return none
	}
	return fixed(us) + " µs"
}

// fixed keeps the decimals that digits drops, so that columns line up.
func fixed(v float64) string {
	switch abs := math.Abs(v); {
	case math.IsNaN(v), math.IsInf(v, 0):
		return none
	case abs >= 1e6:
		return digits(v)
	case abs >= 100:
		return number(v)
	case abs >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// percent is a share of a whole.
func percent(share float64) string {
	if !shown(share) {
		return none
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
}

// clock is a time since the start of the run: 1:30, and 1:00:00 from an hour on.
func clock(seconds float64) string {
	s := int64(math.Round(seconds))
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// plain drops what would move a terminal's cursor: the text comes from users
// and from profiles.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// clipped is s in at most n characters.
func clipped(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}
