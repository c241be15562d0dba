package azure

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// expectRules checks through which rules the calls to D went, by their digit.
func expectRules(t testing.TB, calls []post, want string) {
	t.Helper()
	var got strings.Builder
	for _, c := range calls {
		got.WriteString(strings.TrimPrefix(c.rule, "dcr-d")[:1])
	}
	if got.String() != want {
		t.Errorf("calls went through rules %s; want %s", got.String(), want)
	}
}

// writeD writes the rows from, from+1, ... to D, one after the other.
func writeD(t testing.TB, s *Sink, from, n int) {
	t.Helper()
	for i := range n {
		write(t, s, numbered("D", from+i, 1, 1))
	}
}

func TestCallsAreSpreadOverRules(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var svc service
		s := svc.start(t)
		writeD(t, s, 0, 5)
		expectRules(t, svc.calls("Custom-D"), "12121")
		expect(t, "rows", svc.got("Custom-D"), count(0, 5))
	})
}

// A rule that is throttled pauses by itself; when all are, the first that is not
// any more goes on.
func TestOtherRuleTakesOverFromAThrottledOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{answer: func(p post) reply {
			switch n++; n {
			case 1: // rule 1
				return retryIn(http.StatusTooManyRequests, "90")
			case 4: // rule 2
				return retryIn(http.StatusTooManyRequests, "30")
			}
			return reply{}
		}}
		s := svc.start(t)
		start := time.Now()
		writeD(t, s, 0, 3) // the third waits for rule 2
		if took := time.Since(start).Round(time.Second); took != 30*time.Second {
			t.Errorf("three rows took %v; want 30s", took)
		}
		<-time.After(time.Minute + time.Second) // now rule 1 is open again
		writeD(t, s, 3, 2)
		expectRules(t, svc.calls("Custom-D"), "1222212")
		expect(t, "rows", svc.got("Custom-D"), count(0, 5))
	})
}

// A rule that refuses calls is left to itself and asked now and then; no row
// waits for it, and none is posted twice. Logs and metrics name it.
func TestOtherRuleTakesOverFromABrokenOne(t *testing.T) {
	f := func(name string, a reply) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				broken := true
				svc := service{answer: func(p post) reply {
					if broken && p.rule == ruleD1 {
						return a
					}
					return reply{}
				}}
				var out logs
				m, with := metered()
				s := svc.start(t, with, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&out, nil)) })
				refusing := func(rule string) float64 {
					return testutil.ToFloat64(m.refusing.WithLabelValues(three.Name, "D", rule))
				}
				start := time.Now()
				writeD(t, s, 0, 3)
				if took := time.Since(start); took > time.Second {
					t.Errorf("rows waited for %v though a rule took them", took)
				}
				<-time.After(minSlow)
				writeD(t, s, 3, 2) // asked again, still broken
				<-time.After(minSlow)
				writeD(t, s, 5, 1) // too soon
				if refusing(ruleD1) != 1 || refusing(ruleD2) != 0 {
					t.Errorf("rules refusing: %v, %v; want the first", refusing(ruleD1), refusing(ruleD2))
				}
				broken = false
				<-time.After(minSlow)
				writeD(t, s, 6, 2)
				expectRules(t, svc.calls("Custom-D"), "1222122212")
				expect(t, "rows", svc.got("Custom-D"), count(0, 8))
				expectDoubles(t, m, "D", 0, 0)
				if refusing(ruleD1) != 0 {
					t.Error("the rule is said to refuse calls after it took one")
				}
				if strings.Count(out.String(), "accepted again") != 1 || !strings.Contains(out.String(), "rule="+ruleD1) || strings.Contains(out.String(), "rule="+ruleD2) {
					t.Errorf("the log does not name the broken rule:\n%s", out.String())
				}
			})
		})
	}
	f("forbidden", reply{status: 403})
	f("not found", reply{status: 404})
	f("stream", reply{status: 400, code: "InvalidStream"})
}

// When every rule refuses calls, each is asked after its own wait, for ever.
func TestAllRulesBroken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{answer: func(post) reply {
			if n++; n <= 4 {
				return reply{status: 403}
			}
			return reply{}
		}}
		s := svc.start(t)
		writeD(t, s, 0, 1)
		expectRules(t, svc.calls("Custom-D"), "12121")
		expectWaits(t, svc.calls("Custom-D"), 0, minSlow, 0, 2*minSlow)
	})
}

// Rows of which nobody knows whether they arrived stay with their rule.
func TestUnknownOutcomeStaysWithItsRule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{answer: func(post) reply {
			switch n++; n {
			case 1:
				return reply{status: http.StatusGatewayTimeout}
			case 2:
				return retryIn(http.StatusTooManyRequests, "60")
			}
			return reply{}
		}}
		m, with := metered()
		s := svc.start(t, with)
		writeD(t, s, 0, 1)
		expectRules(t, svc.calls("Custom-D"), "112") // a refusal is known
		expectDoubles(t, m, "D", 1, 1)
	})
}
