package bucket

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is the time from From up to but not including To. Its ends are usually
// the beginnings of days, in UTC. A zero To is open.
type Span struct{ From, To time.Time }

func (s Span) check() error {
	if s.From.IsZero() {
		return errors.New("the span has no beginning: say from which day on")
	}
	if !s.To.IsZero() && !s.To.After(s.From) {
		return fmt.Errorf("the span ends at %s, before it begins at %s", s.To.Format(time.RFC3339), s.From.Format(time.RFC3339))
	}
	return nil
}

// has reports whether the time is within the span.
func (s Span) has(t time.Time) bool {
	return !t.Before(s.From) && (s.To.IsZero() || t.Before(s.To))
}

// touches reports whether something of the time from from up to to is within
// the span.
func (s Span) touches(from, to time.Time) bool {
	return to.After(s.From) && (s.To.IsZero() || from.Before(s.To))
}

// The years that a folder of four digits can stand for: S3 is from 2006.
const firstYear, lastYear = 2006, 2100

// date is what a path has told of its date so far: nothing, a year, a month of
// it, or a day of that. What is not told is 0.
type date struct {
	year, month, day int
	// sure is set when the year cannot be anything else: year=2026, or 2026
	// with a month below it.
	sure bool
}

// dateOf reads the folders of a path that ends in a slash, or is empty.
func dateOf(path string) date {
	var d date
	for folder := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		d = d.enter(folder)
	}
	return d
}

// enter returns the date of a folder inside that of d. A folder that does not
// go on with the date begins anew, so that an application's id of four digits
// is no year. Below a day all is of that day.
func (d date) enter(folder string) date {
	switch {
	case d.day != 0:
		return d
	case d.month != 0:
		if n, ok := number(folder, "day=", 2); ok && n >= 1 && n <= daysOf(d.year, d.month) {
			d.day = n
			return d
		}
	case d.year != 0:
		if n, ok := number(folder, "month=", 2); ok && n >= 1 && n <= 12 {
			d.month, d.sure = n, true
			return d
		}
	}
	if n, ok := number(folder, "year=", 4); ok && n >= firstYear && n <= lastYear {
		return date{year: n, sure: strings.HasPrefix(folder, "year=")}
	}
	return date{}
}

// number reads the number of a folder: so many digits, or the Hive name before
// at most as many.
func number(folder, name string, digits int) (int, bool) {
	value, hive := strings.CutPrefix(folder, name)
	if len(value) > digits || len(value) < digits && !hive || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(value)
	return n, err == nil
}

func daysOf(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// begin returns the first moment of the year, month or day.
func (d date) begin() time.Time {
	return time.Date(d.year, time.Month(max(d.month, 1)), max(d.day, 1), 0, 0, 0, 0, time.UTC)
}

// end returns the first moment after it.
func (d date) end() time.Time {
	switch {
	case d.day != 0:
		return d.begin().AddDate(0, 0, 1)
	case d.month != 0:
		return d.begin().AddDate(0, 1, 0)
	}
	return d.begin().AddDate(1, 0, 0)
}

// outside reports whether nothing of the date can be within the span. A date
// that is not sure never is.
func (d date) outside(s Span) bool { return d.sure && !s.touches(d.begin(), d.end()) }
