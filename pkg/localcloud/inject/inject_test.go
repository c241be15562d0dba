package inject

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestMatch(t *testing.T) {
	call := Call{S3, "GetObject", "logs/a/b"}
	f := func(m Match, want bool) {
		t.Helper()
		if got := m.matches(call); got != want {
			t.Errorf("%+v: got %t; want %t", m, got, want)
		}
	}
	// Empty fields match everything.
	f(Match{}, true)
	f(Match{Service: S3}, true)
	f(Match{Service: S3, Operation: "GetObject", Resource: "logs/a/b"}, true)
	// A star matches by the beginning.
	f(Match{Resource: "logs/*"}, true)
	f(Match{Resource: "*"}, true)
	f(Match{Resource: "logs/"}, false)
	f(Match{Resource: "other/*"}, false)
	f(Match{Service: SQS}, false)
	f(Match{Operation: "PutObject"}, false)
}

func TestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table Table
		call := Call{S3, "GetObject", "k"}
		f := func(want string) {
			t.Helper()
			if got := table.Next(call).Code; got != want {
				t.Errorf("got fault %q; want %q", got, want)
			}
		}
		f("")
		// The last one added happens first; Times counts.
		all := table.Fail(Match{}, Fault{Code: "all"})
		twice := table.Fail(Match{Service: S3}, Fault{Code: "twice", Times: 2})
		table.Fail(Match{Service: SQS}, Fault{Code: "other"})
		f("twice")
		f("twice")
		f("all")
		all.Stop()
		f("")
		all.Stop()
		if all.Hits() != 1 || twice.Hits() != 2 {
			t.Errorf("got %d and %d hits; want 1 and 2", all.Hits(), twice.Hits())
		}
		// For ends by time.
		table.Fail(Match{}, Fault{Code: "minute", For: time.Minute})
		time.Sleep(59 * time.Second)
		f("minute")
		time.Sleep(time.Second)
		f("")
		if got := table.Calls(S3, "GetObject"); got != 7 {
			t.Errorf("got %d calls; want 7", got)
		}
		table.Fail(Match{}, Fault{Code: "cleared"})
		table.Clear()
		f("")
	})
}

func TestRate(t *testing.T) {
	var table Table
	rule := table.Fail(Match{}, Fault{Code: "x", Rate: 0.25})
	for range 10_000 {
		table.Next(Call{})
	}
	if got := rule.Hits(); got < 2000 || got > 3000 {
		t.Errorf("got %d hits in 10000; want about a quarter", got)
	}
}
