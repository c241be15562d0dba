package top

import (
	"fmt"
	"math"
	"time"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/health"
	"github.com/logferry/logferry/services/logferry/internal/status"
)

// begin is when scenes begin.
var begin = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

// scene is a made-up Logferry: what it is like after some seconds.
type scene func(second int) status.Snapshot

// scenes are the states in which the screen is looked at.
var scenes = map[string]scene{"load": load, "errors": failures, "idle": idle, "many": many}

// play returns the snapshots of so many seconds, with rates.
func (s scene) play(seconds int) []status.Snapshot {
	history := []status.Snapshot{s(0)}
	for i := 1; i <= seconds; i++ {
		history = append(history, s(i).Since(history[i-1]))
	}
	return history
}

// subject is a line that is well, with totals of so much a second that swells
// and ebbs.
func subject(kind health.Kind, name, table string, second int, objects, rows, bytes float64) status.Line {
	now := begin.Add(time.Duration(second) * time.Second)
	total := func(rate float64) int64 {
		t := float64(second)
		return int64(rate * (t + 7 + 0.4*14*math.Sin(t/14) + 0.15*3*math.Sin(t/3)))
	}
	l := status.Line{State: health.State{
		Subject: health.Subject{Kind: kind, Name: name, Table: table}, Status: health.Success, Since: begin.Add(-3 * time.Hour),
		Counts: health.Counts{Objects: total(objects), Rows: total(rows), Bytes: total(bytes)},
	}}
	if rows > 0 {
		l.LastSuccess, l.Lag = now.Add(-300*time.Millisecond), 76*time.Millisecond
		l.LastObject = "AWSLogs/o-abcdef1234/123456789012/CloudTrail/eu-west-1/2026/11/23/123456789012_CloudTrail_eu-west-1_20261123T1400Z_k3vq7xw2.json.gz"
	}
	return l
}

func fail(l *status.Line, second int, reason fault.Reason, code, message string) {
	l.Status, l.Reason, l.StatusCode, l.Message = health.Failing, reason, code, message
	l.Since = begin.Add(-95 * time.Minute)
	l.Errors = int64(3 * second)
}

func work(l *status.Line, inWork, waiting int64) { l.InWork, l.Waiting = inWork, waiting }

// load is work at full rate.
func load(second int) status.Snapshot {
	lines := []status.Line{
		subject(health.Stage, "poller", "", second, 1920, 0, 0),
		subject(health.Stage, "fetcher", "", second, 1920, 0, 13e6),
		subject(health.Stage, "parser", "", second, 0, 99_900, 134e6),
		subject(health.Stage, "writer", "", second, 0, 99_900, 134e6),
		subject(health.Connection, "org-trail", "", second, 1500, 80_000, 110e6),
		subject(health.Connection, "vpc-flows", "", second, 400, 19_000, 22e6),
		subject(health.Connection, "guardduty", "", second, 20, 900, 2e6),
		subject(health.Destination, "sentinel", "", second, 0, 99_900, 134e6),
		subject(health.Destination, "sentinel", "AWSCloudTrail", second, 0, 80_000, 110e6),
		subject(health.Destination, "sentinel", "AWSVPCFlow", second, 0, 19_000, 22e6),
		subject(health.Destination, "sentinel", "AWSGuardDuty", second, 0, 900, 2e6),
	}
	for i, w := range [][2]int64{{2048, 120_000}, {64, 311}, {8, 42}, {256, 1200}, {2048, 90_000}, {700, 0}, {12, 0}} {
		work(&lines[i], w[0], w[1])
	}
	now := begin.Add(time.Duration(second) * time.Second)
	lines[4].Oldest = now.Add(-70 * time.Second)
	return status.Snapshot{Time: now, Processes: 4, Fullest: "LEDGER", Fill: 0.12, Lines: lines}
}

// failures is a queue that is denied, a table that is refused, and dead letters.
func failures(second int) status.Snapshot {
	s := load(second)
	s.DeadLetters, s.Fill, s.Fullest = 1204, 0.93, "DEAD"
	trail, flows, destination, table, writer := &s.Lines[4], &s.Lines[5], &s.Lines[7], &s.Lines[9], &s.Lines[3]
	fail(trail, second, fault.QueueDenied, "AccessDenied", "access to the queue https://sqs.eu-west-1.amazonaws.com/123456789012/org-trail is denied")
	trail.Counts, trail.Oldest, trail.Lag, trail.Waiting, trail.LastSuccess = health.Counts{}, begin.Add(-95*time.Minute), 0, status.Unknown, begin.Add(-95*time.Minute)
	flows.DeadLetters = 1200
	fail(table, second, fault.Forbidden, "403", "the data collection rule dcr-0123456789abcdef0123456789abcdef refuses calls")
	table.Counts, table.Oldest = health.Counts{}, begin.Add(-80*time.Minute)
	fail(destination, second, fault.Forbidden, "403", "1 of 3 tables is refused")
	fail(writer, second, fault.Forbidden, "403", "calls are refused")
	return s
}

// idle is a Logferry that waits for logs, with a connection that is paused and
// one that has never seen any.
func idle(second int) status.Snapshot {
	s := load(0)
	s.Time = begin.Add(time.Duration(second) * time.Second)
	for i := range s.Lines {
		l := &s.Lines[i]
		l.Counts = health.Counts{Objects: 512, Rows: 71_000, Bytes: 9e7}
		l.LastSuccess, l.Oldest = begin.Add(-40*time.Minute), time.Time{}
		work(l, 0, 0)
	}
	s.Lines[5].Paused = true
	s.Lines[6].State = health.State{Subject: s.Lines[6].Subject, Status: health.Unknown, Since: begin}
	s.Processes = 1
	return s
}

// many is more than a screen holds.
func many(second int) status.Snapshot {
	s := load(second)
	for i := range 40 {
		s.Lines = append(s.Lines, subject(health.Connection, fmt.Sprintf("account-with-a-long-name-%02d", i), "", second, 1, float64(10*i), 1000))
	}
	return s
}
