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

// deliver posts the runs until each row is accepted or rejected, for as long as
// ctx allows and somebody waits for them. ctx breaks off waits, and calls only
// as post says.
func (s *stream) deliver(ctx context.Context, runs []run) {
	var tries tries
	for {
		l, err := s.lane(ctx, &tries)
		if err != nil {
			return
		}
		if runs = depart(runs); len(runs) == 0 {
			return
		}
		v := s.call(ctx, l, runs)
		land(runs, v.step == accepted)
		switch {
		case v.step == accepted:
			if refused := s.lanes.accept(l); tries.lane == l {
				l.log.Info("calls are accepted again", "after", string(tries.outcome))
			} else if refused {
				l.log.Info("calls are accepted again", "after", string(misconfigured))
			}
			return
		case ctx.Err() != nil:
			return
		case v.step == split && countRows(runs) > 1:
			s.each(ctx, halves(runs))
			return
		case v.step == split && v.reason != "":
			r := runs[0]
			r.part.refuse(r.part.rows[r.from].index, v)
			return
		case v.step == regroup:
			if groups := timeGroups(runs); len(groups) > 1 {
				s.each(ctx, groups)
				return
			}
		}
		if !s.recover(ctx, l, v, &tries) {
			return
		}
	}
}

// lane returns the lane of the next try, once it may be made: any, or that of
// the last try if its outcome cannot be known.
func (s *stream) lane(ctx context.Context, t *tries) (*lane, error) {
	if t.unknown {
		return s.lanes.stay(ctx, s.metrics, t.lane)
	}
	return s.lanes.choose(ctx, s.metrics)
}

func (s *stream) each(ctx context.Context, groups [][]run) {
	for _, runs := range groups {
		s.deliver(ctx, runs)
	}
}

// tries counts how often in a row the same thing went wrong.
type tries struct {
	outcome outcome
	n       int
	lane    *lane // of the last try; nil: there was none
	unknown bool  // whether the outcome of the last try cannot be known
}

func (t *tries) count(l *lane, v verdict) int {
	if t.outcome != v.outcome {
		*t = tries{outcome: v.outcome}
	}
	t.n++
	t.lane, t.unknown = l, v.unknown
	return t.n
}

// call makes one call with the runs and judges the answer.
func (s *stream) call(ctx context.Context, l *lane, runs []run) verdict {
	id := requestID()
	body, err := s.client.compress(runs)
	if err != nil {
		return verdict{outcome: noAnswer, err: err, id: id}
	}
	s.metrics.inFlight.Inc()
	start, sent := time.Now(), body.Len()
	err = s.client.post(ctx, l.rule.id, s.name, id, body)
	s.metrics.inFlight.Dec()
	v := judge(err)
	v.id = id
	s.metrics.call(v, runs, sent, time.Since(start))
	return v
}

// recover does what the verdict asks for before the next call: it waits, holds
// the whole rule back or leaves it to others, or drops a token. It reports
// whether ctx still allows a call.
func (s *stream) recover(ctx context.Context, l *lane, v verdict, t *tries) bool {
	n := t.count(l, v)
	wait := waitFor(v, n)
	if v.outcome == unauthorized || v.outcome == noToken {
		s.client.renew()
	}
	if v.outcome == misconfigured {
		if d, closed := s.lanes.close(l); closed {
			l.report(v, d)
			return ctx.Err() == nil
		}
	}
	l.report(v, wait)
	if v.outcome == throttled {
		l.rule.pause(ctx, wait)
		return ctx.Err() == nil
	}
	return fault.Sleep(ctx, wait) == nil
}

// waitFor returns how long to wait before the next call after the same
// verdict n times in a row.
func waitFor(v verdict, n int) time.Duration {
	if v.outcome == unauthorized {
		if n == 1 {
			return 0 // once with a new token, at once
		}
		n--
	}
	if v.step == slow || v.step == regroup {
		return slowly(n)
	}
	if v.outcome == throttled && v.wait > 0 {
		return v.wait
	}
	return max(v.wait, fault.Wait(v.err, n))
}

// slowly returns the wait before the next call after n that only a person can
// help.
func slowly(n int) time.Duration { return min(minSlow<<min(n-1, 5), maxSlow) }

// report logs a failed call: an error that a person must act on, or a warning.
// Each is said once a minute per rule.
func (l *lane) report(v verdict, wait time.Duration) {
	alarm, level, message := &l.rule.warnings, slog.LevelWarn, "call failed; trying again"
	if v.advice != "" {
		alarm, level, message = &l.rule.errors, slog.LevelError, "calls are refused; trying again until this is mended"
	}
	unsaid, ok := alarm.ring(time.Now())
	if !ok {
		return
	}
	l.log.Log(context.Background(), level, message, "outcome", string(v.outcome), "err", v.err,
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
