//go:build chaos

package chaos

import (
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/tests/story"
)

// reposted is the window of calls whose answers are lost: the rows that the
// process itself says it has posted again.
func reposted(p *story.Process) func() int64 {
	return func() int64 { return int64(p.Metric("logferry_sink_rows_reposted_total")) }
}

// The service fails in every way that it has, and is tried again. A call that
// was refused doubles nothing; only one that was taken and not answered does,
// and the process counts it.
func TestChaosIngestion(t *testing.T) {
	for _, row := range []struct {
		fault string
		how   inject.Fault
		told  bool // whether every failed call is known not to have been taken
	}{
		// Invariant 6: throttling holds the whole rule back, and nothing is
		// dropped for it.
		{"ingestion answers 429", times(6, ingestion.Throttled(2*time.Second)), true},
		// Invariant 2: what is not accepted is not acknowledged.
		{"ingestion answers 503", times(6, inject.Fault{Status: 503, Code: "ServiceUnavailable"}), true},
		{"ingestion answers 500", times(6, inject.Fault{Status: 500, Code: "InternalServerError"}), true},
		// Invariant 5: a gateway does not know whether the service took it.
		{"ingestion answers 504", times(4, inject.Fault{Status: 504, Code: "GatewayTimeout"}), false},
		// Invariant 6: calls that take long hold back what comes after them.
		{"ingestion is slow", times(10, inject.Fault{Delay: 4 * time.Second}), true},
		{"ingestion resets before it accepts", times(4, inject.Fault{Reset: true}), false},
		{"ingestion closes after it accepted", times(4, inject.Fault{ResetAfter: true}), false},
		// Invariant 2: a configuration that can be mended loses no row.
		{"ingestion answers 401", times(3, ingestion.Unauthorized()), true},
		{"ingestion answers 403", times(3, ingestion.Forbidden()), true},
		{"ingestion answers InvalidStream", times(3, ingestion.NoStream()), true},
	} {
		t.Run(row.fault, func(t *testing.T) {
			s := begin(t)
			s.Config.Writer.Linger = 50 * time.Millisecond // so that there are many calls
			rule := s.Cloud.Faults.Fail(uploads(), row.how)
			p := s.Start("logferry", "run")
			feed(s, 30)
			story.Eventually(t, story.Patience, row.fault, func() bool { return rule.Hits() == row.how.Times })
			over := time.Now()
			window := reposted(p)
			if row.told {
				window = none
			}
			passed(t, s, row.fault, over, window)
			p.Stop()
		})
	}
}

// Invariant 2: a token that cannot be had delays, and loses nothing.
func TestChaosNoToken(t *testing.T) {
	s := begin(t)
	rule := s.Cloud.Faults.Fail(inject.Match{Service: inject.Entra}, times(5, inject.Fault{Status: 503, Code: "temporarily_unavailable"}))
	p := s.Start("logferry", "run")
	feed(s, 30)
	story.Eventually(t, story.Patience, "five tokens refused", func() bool { return rule.Hits() == 5 })
	passed(t, s, "Entra gives no token", time.Now(), none)
	p.Stop()
}

// Invariant 2: calls that hang are given up when the process is told to stop,
// their rows are given back, and another process delivers them. The service
// took none of them.
func TestChaosHangs(t *testing.T) {
	s := begin(t)
	s.Config.Grace = 3 * time.Second
	hang := s.Cloud.Faults.Fail(uploads(), inject.Fault{Hang: true})
	p := s.Start("logferry", "run")
	feed(s, 30)
	story.Eventually(t, story.Patience, "calls that hang", func() bool { return hang.Hits() >= 3 })
	p.Stop()
	hang.Stop()
	over := time.Now()
	p = s.Start("logferry", "run")
	passed(t, s, "ingestion hangs, and the process is stopped", over, none)
	p.Stop()
}

// Both clouds misbehave in every way there is, all at once, for a while; then
// everything is delivered.
func TestChaosOfClouds(t *testing.T) {
	s := begin(t)
	const span = 25 * time.Second
	over := time.Now().Add(span)
	faults := misbehave(s, span)
	s.Mixed()
	p := s.Start("logferry", "run")
	story.Eventually(t, story.Patience, "the end of the faults", func() bool { return time.Now().After(over) })
	passed(t, s, "both clouds misbehave", over, reposted(p))
	for what, rule := range faults {
		if rule.Hits() == 0 {
			t.Errorf("%s never happened", what)
		}
	}
	p.Stop()
}

// misbehave puts the faults in force: to a share of the calls for that long
// where there are many calls, so many times where there are few.
func misbehave(s *story.Story, span time.Duration) map[string]*inject.Rule {
	upload := func(table string) inject.Match {
		to := s.Config.Destinations[0].Tables[table]
		return inject.Match{Service: inject.Ingestion, Operation: "Upload", Resource: to.Rule + "/" + to.Stream}
	}
	get := inject.Match{Service: inject.S3, Operation: "GetObject"}
	receive := inject.Match{Service: inject.SQS, Operation: "ReceiveMessage"}
	deletion := inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch"}
	entry := inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch/entry"}
	fail := s.Cloud.Faults.Fail
	return map[string]*inject.Rule{
		"SQS throttling":         fail(receive, times(10, inject.Fault{Code: "ThrottlingException"})),
		"SQS handing out twice":  fail(receive, times(5, inject.Fault{Duplicate: true})),
		"failing deletes":        fail(deletion, times(5, inject.Fault{Status: 500, Code: "InternalError"})),
		"failing delete entries": fail(entry, rate(0.3, span, inject.Fault{Code: "InternalError"})),
		"S3 503 on HEAD":         fail(inject.Match{Service: inject.S3, Operation: "HeadObject"}, rate(0.8, span, inject.Fault{Status: 503, Code: "SlowDown"})),
		"S3 503":                 fail(get, rate(0.3, span, inject.Fault{Status: 503, Code: "SlowDown"})),
		"broken bodies":          fail(get, rate(0.3, span, inject.Fault{Truncate: 200})),
		"S3 resets":              fail(get, rate(0.1, span, inject.Fault{Reset: true})),
		"throttled calls":        fail(uploads(), times(3, ingestion.Throttled(2*time.Second))),
		"unavailable endpoint":   fail(uploads(), times(3, inject.Fault{Status: 503, Code: "ServiceUnavailable"})),
		"reset before":           fail(uploads(), times(3, inject.Fault{Reset: true})),
		"reset after":            fail(uploads(), times(3, inject.Fault{ResetAfter: true})),
		"missing role":           fail(upload("AWSVPCFlow"), times(2, ingestion.Forbidden())),
		"missing stream":         fail(upload("AWSCloudTrail"), times(2, ingestion.NoStream())),
		"no token":               fail(inject.Match{Service: inject.Entra}, times(4, inject.Fault{Status: 503, Code: "temporarily_unavailable"})),
	}
}
