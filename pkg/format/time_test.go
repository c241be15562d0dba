package format

import (
	"fmt"
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		micros, ok := Time([]byte(text))
		if !ok {
			t.Errorf("%s: not taken; want %s", text, want)
			return
		}
		if got := time.UnixMicro(micros).UTC().Format(time.RFC3339Nano); got != want {
			t.Errorf("%s: got %s; want %s", text, got, want)
		}
	}
	bad := func(text string) {
		t.Helper()
		if micros, ok := Time([]byte(text)); ok {
			t.Errorf("%q: got %s; want it refused", text, time.UnixMicro(micros).UTC())
		}
	}

	// What AWS writes.
	f("2026-03-01T10:02:33Z", "2026-03-01T10:02:33Z")
	f("2026-03-01T10:02:33.123Z", "2026-03-01T10:02:33.123Z")
	f("20131102T010628Z", "2013-11-02T01:06:28Z")
	// What other tools make of it.
	f("2019-10-29 18:36:31", "2019-10-29T18:36:31Z")
	f("2019-10-29 18:36:31.000000000", "2019-10-29T18:36:31Z")
	f("2019-10-29T18:36:31.123456789Z", "2019-10-29T18:36:31.123456Z")
	f("2026-03-01T10:02:33+02:00", "2026-03-01T08:02:33Z")
	f("2026-03-01T10:02:33.5-0530", "2026-03-01T15:32:33.5Z")
	// The edges of the calendar.
	f("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z")
	f("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z")
	f("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z")

	// No times, or none of these forms.
	bad("")
	bad("2026")
	bad("2026-03-01")
	bad("2026-03-01T10:02Z")
	bad("2026-3-1T10:02:33Z")
	bad("2026-03-01X10:02:33Z")
	bad("2026-03-01T10:02:33.Z")
	bad("2026-03-01T10:02:33Zulu")
	bad("2026-03-01T10:02:33+2")
	bad("2026-03-01T10:02:33+24:00")
	bad("2026-02-29T00:00:00Z")
	bad("2026-00-01T00:00:00Z")
	bad("2026-13-01T00:00:00Z")
	bad("2026-04-31T00:00:00Z")
	bad("2026-03-01T24:00:00Z")
	bad("2026-03-01T10:60:33Z")
	bad("2026-03-01T10:02:60Z")
	bad("1772359353")
	bad("Nov 1, 2023 9:10:00 AM")
}

// Every date around three turns of a century, and those that there are not.
func TestTimeCalendar(t *testing.T) {
	for day := time.Date(1890, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2110; day = day.AddDate(0, 0, 1) {
		if got, ok := Time([]byte(day.Format("20060102T150405"))); !ok || got != day.UnixMicro() {
			t.Fatalf("%v: got %d, %t; want %d", day, got, ok, day.UnixMicro())
		}
		next := day.AddDate(0, 0, 1)
		if next.Day() > 1 {
			continue
		}
		for n := day.Day() + 1; n < 100; n++ {
			if _, ok := Time(fmt.Appendf(nil, "%s%02dT000000", day.Format("200601"), n)); ok {
				t.Fatalf("%v has a day %d", day, n)
			}
		}
	}
}

// Where the standard library takes a time, it is the same time.
func FuzzTime(f *testing.F) {
	f.Add("2026-03-01T10:02:33.123Z")
	f.Add("2024-02-29T23:59:59-05:30")
	f.Fuzz(func(t *testing.T, text string) {
		micros, ok := Time([]byte(text))
		want, err := time.Parse(time.RFC3339Nano, text)
		if ok && err == nil && micros != want.UnixMicro() {
			t.Errorf("%s: got %s; want %s", text, time.UnixMicro(micros).UTC(), want)
		}
	})
}

func BenchmarkTime(b *testing.B) {
	text := []byte("2026-03-01T10:02:33Z")
	for b.Loop() {
		Time(text)
	}
}
