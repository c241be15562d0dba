package bucket

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/connection"
)

// day reads a date, of the empty text the zero time.
func day(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "" {
		return time.Time{}
	}
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func span(t *testing.T, from, to string) Span { return Span{day(t, from), day(t, to)} }

// walked returns the keys of a walk, with their versions, and its pages.
func walked(t *testing.T, l *Lister, in Walk) (keys []string, pages []Page) {
	t.Helper()
	in.Bucket = "logs"
	err := l.Walk(t.Context(), in, func(p Page) error {
		for _, o := range p.Objects {
			keys = append(keys, name(o.Key, o.VersionID))
			if !strings.HasPrefix(o.Key, p.Folder) {
				t.Errorf("object %s is not of its folder %s", o.Key, p.Folder)
			}
		}
		pages = append(pages, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys, pages
}

func name(key, version string) string {
	if version == "" {
		return key
	}
	return key + "#" + version
}

// Each line of a bucket is a key, after a + when it is wanted, and when it was
// written, for those whose path has no date.
func TestLayouts(t *testing.T) {
	f := func(prefix, from, to, lines string) {
		t.Helper()
		var s shelf
		var want []string
		for line := range strings.Lines(lines) {
			mark, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			key, written, dated := strings.Cut(rest, " @")
			if !dated {
				written = "1999-01-01"
			}
			s.objects = append(s.objects, stored{key: key, modified: day(t, written)})
			if mark == "+" {
				want = append(want, key)
			}
		}
		slices.Sort(want)
		l := s.place(t, connection.Connection{})
		if got, _ := walked(t, l, Walk{Prefix: prefix, Span: span(t, from, to)}); !slices.Equal(got, want) {
			t.Errorf("%q from %s to %s: got\n%s\nwant\n%s", prefix, from, to, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}

	// CloudTrail of accounts, of an organization, and other services' folders
	f("", "2026-11-23", "2026-11-25", `- AWSLogs/123456789012/CloudTrail/eu-west-1/2025/11/23/a.json.gz
		- AWSLogs/123456789012/CloudTrail/eu-west-1/2026/11/22/a.json.gz
		+ AWSLogs/123456789012/CloudTrail/eu-west-1/2026/11/23/a.json.gz
		+ AWSLogs/123456789012/CloudTrail/eu-west-1/2026/11/24/a b+c%2F.json.gz
		- AWSLogs/123456789012/CloudTrail/eu-west-1/2026/11/25/a.json.gz
		+ AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/23/b.json.gz
		- AWSLogs/123456789012/CloudTrail/us-east-1/2026/12/23/b.json.gz
		+ AWSLogs/o-exampleorgid/210987654321/CloudTrail/us-east-1/2026/11/23/c.json.gz
		- AWSLogs/o-exampleorgid/210987654321/CloudTrail-Digest/us-east-1/2026/10/23/d.json.gz
		+ AWSLogs/123456789012/GuardDuty/eu-west-1/2026/11/23/e.jsonl.gz
		- AWSLogs/123456789012/GuardDuty/eu-west-1/2026/11/01/e.jsonl.gz
		+ AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/23/f.log.gz
		- AWSLogs/123456789012/vpcflowlogs/eu-west-1/2024/11/23/f.log.gz`)
	// hours below the day, plain and Hive, with and without leading zeros
	f("flow/", "2026-11-23", "2026-11-24", `+ flow/2026/11/23/14/a.log.gz
		+ flow/2026/11/23/00/01/a.log.gz
		- flow/2026/11/24/00/a.log.gz
		+ flow/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day=23/hour=14/b.parquet
		- flow/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day=22/hour=14/b.parquet
		- flow/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2025/month=11/day=23/b.parquet
		- elsewhere/2026/11/23/a.log.gz`)
	f("", "2026-01-05", "2026-01-06", `+ t/year=2026/month=1/day=5/a
		- t/year=2026/month=1/day=15/a
		- t/year=2026/month=11/day=5/a`)
	// over the ends of months and years, and a leap day
	f("", "2026-12-31", "2027-01-02", `- a/2026/12/30/x
		+ a/2026/12/31/x
		+ a/2027/01/01/x
		- a/2027/01/02/x`)
	f("", "2026-10-31", "2026-12-01", `- a/2026/10/30/x
		+ a/2026/10/31/x
		+ a/2026/11/30/x
		- a/2026/12/01/x`)
	f("", "2028-02-29", "2028-03-01", `- a/2028/02/28/x
		+ a/2028/02/29/x
		- a/2028/03/01/x`)
	// an open end
	f("", "2026-11-23", "", `- a/2026/11/22/x
		+ a/2026/11/23/x
		+ a/2027/01/01/x
		+ loose @2027-05-01`)
	// without dates, the time of writing decides
	f("", "2026-11-23", "2026-11-24", `+ access/2026-11-22-00-00-00-0123456789ABCDEF @2026-11-23
		- access/2026-11-23-00-00-00-0123456789ABCDEF @2026-11-24
		+ top @2026-11-23
		- AWSLogs/ @2020-01-01
		+ AWSLogs/123456789012/aws-logs-write-test @2026-11-23
		- AWSLogs/123456789012/old @2020-01-01`)
	// what looks like a date and is none: an account, a port, a day that does not
	// exist, months without days, an id before the date
	f("", "2026-11-23", "2026-11-24", `+ 202611231234/x @2026-11-23
		+ 2020/app/x @2026-11-23
		- 2020/app/y @2026-11-24
		- 2020/11/23/x @2026-11-23
		+ 9999/11/23/x @2026-11-23
		+ 2001/11/23/x @2026-11-23
		+ 2026/13/x @2026-11-23
		+ 2026/11/31/x @2026-11-23
		+ 2026/11/summary @2026-11-23
		- 2026/11/other @2026-11-22
		- 2026/10/summary @2026-11-23
		+ 2025/2026/11/23/x
		- 2025/2026/11/22/x
		+ +026/11/23/x @2026-11-23
		+ a//2026/11/23/x
		+ 2026/+1/22/x @2026-11-23
		+ month=11/day=22/x @2026-11-23`)
	// a prefix that ends inside a date, or inside a name
	f("a/2026/11/", "2026-11-23", "2026-11-24", "+ a/2026/11/23/x\n- a/2026/11/22/x\n- a/2026/12/23/x")
	f("a/2026/1", "2026-11-23", "2026-11-24", "+ a/2026/11/23/x\n- a/2026/11/22/x\n- a/2026/01/23/x")
	f("a/2026/11/23/1", "2026-11-23", "2026-11-24", "+ a/2026/11/23/14/x\n+ a/2026/11/23/1.gz\n- a/2026/11/23/09/x")
	f("a/2026/11/23/14/", "2026-11-23", "2026-11-24", "+ a/2026/11/23/14/x\n+ a/2026/11/23/14/30/x\n- a/2026/11/23/15/x")
	f("a/2026/11/22/14/", "2026-11-23", "2026-11-24", "- a/2026/11/22/14/x @2026-11-23")
	f("a/2026/11/23", "2026-11-23", "2026-11-24", "+ a/2026/11/23/14/x\n- a/2026/11/24/x")
	f("a/2026/10/", "2026-11-23", "2026-11-24", "- a/2026/10/23/x @2026-11-23")
	f("a/year=2025/", "2026-11-23", "2026-11-24", "- a/year=2025/x @2026-11-23")
	f("AWSLogs/12", "2026-11-23", "2026-11-24", "+ AWSLogs/123456789012/CloudTrail/eu-west-1/2026/11/23/x\n- AWSLogs/2/2026/11/23/x")
	// an empty bucket
	f("", "2026-11-23", "2026-11-24", "- x @2020-01-01")
}

// Folders of other years, months and days are not listed.
func TestOtherTimesAreNotListed(t *testing.T) {
	var s shelf
	for year := 2020; year <= 2026; year++ {
		for month := 1; month <= 12; month++ {
			s.objects = append(s.objects,
				stored{key: fmt.Sprintf("plain/%d/%02d/23/x", year, month)},
				stored{key: fmt.Sprintf("hive/year=%d/month=%02d/day=23/x", year, month)})
		}
	}
	l := s.place(t, connection.Connection{})
	walked(t, l, Walk{Span: span(t, "2026-11-23", "2026-11-24")})
	want := []string{"", "hive/", "hive/year=2026/", "hive/year=2026/month=11/", "hive/year=2026/month=11/day=23/", "plain/",
		// a plain year is only known by its months
		"plain/2020/", "plain/2021/", "plain/2022/", "plain/2023/", "plain/2024/", "plain/2025/", "plain/2026/",
		"plain/2026/11/", "plain/2026/11/23/"}
	for i := range want {
		want[i] = "versions " + want[i]
	}
	if got := s.called(); !slices.Equal(got, want) {
		t.Errorf("got calls\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// mixed is a bucket with something of everything, with and without versions.
func mixed(t *testing.T, versioned bool) *shelf {
	s, now := &shelf{versioned: versioned}, day(t, "2026-11-23")
	for _, key := range []string{
		"AWSLogs/", "AWSLogs/1", "AWSLogs/1/CloudTrail/eu/2026/11/22/a", "AWSLogs/1/CloudTrail/eu/2026/11/23/",
		"AWSLogs/1/CloudTrail/eu/2026/11/23/00/a", "AWSLogs/1/CloudTrail/eu/2026/11/23/b", "AWSLogs/1/CloudTrail/eu/2026/11/24/a",
		"AWSLogs/1/CloudTrail/us/2026/11/23/a", "AWSLogs/1/CloudTrail/us/2026/11/230", "AWSLogs/10/x", "AWSLogs/2", "AWSLogs/2/x",
		"AWSLogs0", "a//b", "flat/1", "flat/2", "flat/3", "flat/4", "hive/year=2026/month=11/day=24/hour=00/a", "top",
	} {
		if !versioned {
			s.objects = append(s.objects, stored{key: key, modified: now})
			continue
		}
		s.objects = append(s.objects, stored{key, "v3", strings.HasSuffix(key, "/a"), now}, stored{key, "v2", false, now}, stored{key, "v1", false, now})
	}
	return s
}

// Whatever the size of pages, the walk is the same, and it goes on from each of
// its marks with what is left, without listing again what is done.
func TestGoingOn(t *testing.T) {
	f := func(pageSize int, versioned, denied bool) {
		t.Helper()
		s := mixed(t, versioned)
		in := Walk{Span: span(t, "2026-11-23", "2026-11-25")}
		all, _ := walked(t, s.place(t, connection.Connection{}), in)
		if want := map[bool]int{false: 19, true: 19*3 - 4}[versioned]; len(all) != want {
			t.Fatalf("got %d objects; want %d: %q", len(all), want, all)
		}
		s.pageSize = pageSize
		if denied {
			s.denied = "versions"
		}
		l := s.place(t, connection.Connection{})
		s.called()
		got, pages := walked(t, l, in)
		if !slices.Equal(got, all) {
			t.Fatalf("pages of %d: got %q; want %q", pageSize, got, all)
		}
		whole, marks := len(s.called()), 0
		for i, p := range pages {
			if p.Mark == "" {
				continue
			}
			marks++
			var left, done []string
			for j, q := range pages {
				for _, o := range q.Objects {
					if o.Key > p.Mark {
						left = append(left, name(o.Key, o.VersionID))
					} else if j > i {
						done = append(done, o.Key)
					}
				}
			}
			if len(done) > 0 {
				t.Errorf("pages of %d: mark %q, but later come %q", pageSize, p.Mark, done)
			}
			in.After = p.Mark
			if got, _ := walked(t, l, in); !slices.Equal(got, left) {
				t.Errorf("pages of %d: after %q got %q; want %q", pageSize, p.Mark, got, left)
			}
			if calls := len(s.called()); calls > whole+1 { // one more to see that versions are denied
				t.Errorf("pages of %d: after %q made %d calls, the whole walk %d", pageSize, p.Mark, calls, whole)
			}
		}
		if last := pages[len(pages)-1].Mark; last != "top" || marks < 5 {
			t.Errorf("pages of %d: got %d marks, the last %q", pageSize, marks, last)
		}
	}
	for _, pageSize := range []int{1, 2, 3, 5, 1000} {
		f(pageSize, false, false)
		f(pageSize, true, false)
		f(pageSize, false, true)
	}
}

// Going on behind a day lists only what leads to the next one.
func TestGoingOnIsCheap(t *testing.T) {
	var s shelf
	for account := range 50 {
		for d := 1; d <= 30; d++ {
			s.objects = append(s.objects, stored{key: fmt.Sprintf("%012d/eu/2026/11/%02d/x", account, d)})
		}
	}
	l := s.place(t, connection.Connection{})
	keys, _ := walked(t, l, Walk{Span: span(t, "2026-11-01", ""), After: "000000000049/eu/2026/11/29/x"})
	if want := []string{"000000000049/eu/2026/11/30/x"}; !slices.Equal(keys, want) {
		t.Errorf("got %q; want %q", keys, want)
	}
	if got := s.called(); len(got) != 7 { // five levels, the day, the next day
		t.Errorf("got %d calls: %q; want 7", len(got), got)
	}

	// nor does it list the pages before
	for i := range 5000 {
		s.objects = append(s.objects, stored{key: fmt.Sprintf("flat/%04d", i), modified: day(t, "2026-11-23")})
	}
	keys, _ = walked(t, l, Walk{Prefix: "flat/", Span: span(t, "2026-11-01", ""), After: "flat/4499"})
	if got := s.called(); len(keys) != 500 || len(got) != 1 {
		t.Errorf("got %d keys in %d calls; want 500 in 1", len(keys), len(got))
	}
}

// More objects than a page holds: each once, and no page longer.
func TestManyObjectsOfADay(t *testing.T) {
	f := func(denied string, flat bool) {
		t.Helper()
		s := shelf{denied: denied}
		folder := "AWSLogs/1/vpcflowlogs/eu/2026/11/23/"
		if flat {
			folder = "access/"
		}
		for i := range 2500 {
			s.objects = append(s.objects, stored{key: fmt.Sprintf("%s%05d.gz", folder, i), modified: day(t, "2026-11-23").Add(time.Hour)})
		}
		keys, pages := walked(t, s.place(t, connection.Connection{}), Walk{Span: span(t, "2026-11-23", "2026-11-24")})
		if len(keys) != 2500 || !slices.IsSorted(keys) || len(slices.Compact(keys)) != 2500 || len(pages) != 3 {
			t.Errorf("got %d keys in %d pages; want 2500 in 3", len(keys), len(pages))
		}
		for _, p := range pages {
			if len(p.Objects) > 1000 || p.Folder != folder || p.Mark == "" || p.Day.IsZero() != flat {
				t.Errorf("got a page of %d, folder %s, day %s, mark %q", len(p.Objects), p.Folder, p.Day, p.Mark)
			}
		}
	}
	f("", false)
	f("", true)
	f("versions", false)
	f("versions", true)
}

// A store that gives the same page for ever does not hold the walk for ever.
func TestNoProgress(t *testing.T) {
	f := func(denied string) {
		t.Helper()
		s := mixed(t, false)
		s.pageSize, s.stuck, s.denied = 2, true, denied
		err := s.place(t, connection.Connection{}).Walk(t.Context(), Walk{Bucket: "logs", Span: span(t, "2026-11-23", "")}, func(Page) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "gives the same again") {
			t.Errorf("got %v; want that it gives the same again", err)
		}
	}
	f("")
	f("versions")
}

// Only the first answer decides whether versions are listed: half a walk of each
// kind would be neither.
func TestPermissionLostOnTheWay(t *testing.T) {
	s := mixed(t, false)
	err := s.place(t, connection.Connection{}).Walk(t.Context(), Walk{Bucket: "logs", Span: span(t, "2026-11-23", "")}, func(Page) error {
		s.deny("versions")
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "s3:ListBucketVersions") {
		t.Errorf("got %v; want that the permission is missing", err)
	}
}

// A walk ends with the error of the one who takes the pages.
func TestWalkEnds(t *testing.T) {
	s := mixed(t, false)
	stop, pages := errors.New("enough"), 0
	err := s.place(t, connection.Connection{}).Walk(t.Context(), Walk{Bucket: "logs", Span: span(t, "2026-11-23", "")}, func(Page) error {
		pages++
		return stop
	})
	if !errors.Is(err, stop) || pages != 1 {
		t.Errorf("got %v after %d pages; want %v after one", err, pages, stop)
	}
}
