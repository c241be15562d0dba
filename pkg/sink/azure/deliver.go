package azure

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/logferry/logferry/pkg/fault"
)

const (
	// minSlow and maxSlow bound the wait after an answer that only a person
	// can change.
	minSlow = 30 * time.Second
	maxSlow = 5 * time.Minute
)

// deliver posts the rows until each is accepted or rejected, for as long as
// ctx allows and somebody waits for them. ctx breaks off waits, and calls only
// as post says.
func (s *stream) deliver(ctx context.Context, rows []row) {
	var tries tries
	for {
		if s.rule.wait(ctx, s.metrics) != nil {
			return
		}
		if rows = depart(rows); len(rows) == 0 {
			return
		}
		v := s.call(ctx, rows)
		land(rows, v.step == accepted)
		switch {
		case v.step == accepted:
			if tries.n > 0 {
				s.log.Info("calls are accepted again", "after", string(tries.outcome))
			}
			return
		case ctx.Err() != nil:
			return
		case v.step == split && len(rows) > 1:
			s.each(ctx, halves(rows))
			return
		case v.step == split && v.reason != "":
			rows[0].part.refuse(rows[0].index, v)
			return
		case v.step == regroup:
			if groups := timeGroups(rows); len(groups) > 1 {
				s.each(ctx, groups)
				return
			}
		}
		if !s.recover(ctx, v, &tries) {
			return
		}
	}
}

func (s *stream) each(ctx context.Context, groups [][]row) {
	for _, rows := range groups {
		s.deliver(ctx, rows)
	}
}

// tries counts how often in a row the same thing went wrong.
type tries struct {
	outcome outcome
	n       int
}

func (t *tries) count(o outcome) int {
	if t.outcome != o {
		*t = tries{outcome: o}
	}
	t.n++
	return t.n
}

// call makes one call with the rows and judges the answer.
func (s *stream) call(ctx context.Context, rows []row) verdict {
	id := requestID()
	body, err := s.client.compress(rows)
	if err != nil {
		return verdict{outcome: noAnswer, err: err, id: id}
	}
	s.metrics.inFlight.Inc()
	start := time.Now()
	err = s.client.post(ctx, s.rule.id, s.name, id, body)
	s.metrics.inFlight.Dec()
	v := judge(err)
	v.id = id
	s.metrics.call(v, rows, len(body), time.Since(start))
	return v
}

// recover does what the verdict asks for before the next call: it waits, holds
// the whole rule back, or drops a token. It reports whether ctx still allows a
// call.
func (s *stream) recover(ctx context.Context, v verdict, t *tries) bool {
	n := t.count(v.outcome)
	wait := s.waitFor(v, n)
	if v.outcome == unauthorized || v.outcome == noToken {
		s.client.renew()
	}
	s.report(v, wait)
	if v.outcome == throttled {
		s.rule.pause(ctx, wait)
		return ctx.Err() == nil
	}
	return fault.Sleep(ctx, wait) == nil
}

// waitFor returns how long to wait before the next call after the same
// verdict n times in a row.
func (s *stream) waitFor(v verdict, n int) time.Duration {
	if v.outcome == unauthorized {
		if n == 1 {
			return 0 // once with a new token, at once
		}
		n--
	}
	if v.step == slow || v.step == regroup {
		return min(minSlow<<min(n-1, 5), maxSlow)
	}
	if v.outcome == throttled && v.wait > 0 {
		return v.wait
	}
	return max(v.wait, fault.Wait(v.err, n))
}

// report logs a failed call: an error that a person must act on, or a warning.
// Each is said once a minute per rule.
func (s *stream) report(v verdict, wait time.Duration) {
	alarm, level, message := &s.rule.warnings, slog.LevelWarn, "call failed; trying again"
	if v.advice != "" {
		alarm, level, message = &s.rule.errors, slog.LevelError, "calls are refused; trying again until this is mended"
	}
	unsaid, ok := alarm.ring(time.Now())
	if !ok {
		return
	}
	s.log.Log(context.Background(), level, message, "outcome", string(v.outcome), "err", v.err,
		"request_id", v.id, "wait", wait, "advice", v.advice, "unsaid", unsaid)
}

// requestID returns a random GUID, by which the service's own error log names
// the call.
func requestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
