package status

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/health"
)

// Word says in a word or two how the line is: ok, no rows yet, paused, or the
// reason code of what fails.
func (l Line) Word() string {
	switch {
	case l.Status == health.Failing:
		return string(l.Reason)
	case l.Paused:
		return "paused"
	case l.Status == health.Success:
		return "ok"
	}
	return "no rows yet"
}

// Name is the line's name; that of a table without its destination's.
func (l Line) Name() string {
	if l.Subject.Table != "" {
		return l.Subject.Table
	}
	return l.Subject.Name
}

// Number writes a number in at most 5 characters: 950, 12.3k, 4.1M. Below ten
// it has a tenth, if it is no whole number. Unknown is -.
func Number(n float64) string {
	switch {
	case n < 0:
		return "-"
	case n == 0:
		return "0"
	case n < 0.05:
		return "<0.1"
	case n < 9.95 && n != float64(int64(n)):
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return scaled(n, 1000, []string{"", "k", "M", "G", "T"})
}

// Bytes writes a number of bytes: 12.3 MB.
func Bytes(n float64) string {
	if n < 0 {
		return "-"
	}
	return scaled(n, 1000, []string{" B", " kB", " MB", " GB", " TB"})
}

func scaled(n, base float64, units []string) string {
	i := 0
	for ; n >= base-0.5 && i < len(units)-1; i++ {
		n /= base
	}
	digits := 0
	if i > 0 && n < 99.95 {
		digits = 1
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + units[i]
}

// Span writes a duration in at most 6 characters: 16ms, 2.1s, 45s, 12m, 3h20m,
// 4d. None for 0.
func Span(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Age writes how long ago that was; - for the zero time.
func Age(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return Span(max(now.Sub(then), time.Millisecond))
}

// Visible returns text on one line, without what would move the cursor of a
// terminal: services answer what they like.
func Visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}
