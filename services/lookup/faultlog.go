package lookup

import (
	"errors"
	"time"

	"github.com/logferry/logferry/pkg/awscred"
)

// logEvery is how often the same kind of failure is logged.
const logEvery = time.Minute

// faultLog remembers what was logged last, and how often it went unsaid.
type faultLog struct {
	kind   string
	at     time.Time
	unsaid int
}

// turn reports whether it is time to log a failure of that kind.
func (l *faultLog) turn(kind string, now time.Time) (unsaid int, ok bool) {
	if kind == l.kind && now.Sub(l.at) < logEvery && !now.Before(l.at) {
		l.unsaid++
		return 0, false
	}
	unsaid = l.unsaid
	*l = faultLog{kind: kind, at: now}
	return unsaid, true
}

// isRole reports whether it is a role, or the process's own credentials, that a
// call failed for.
func isRole(err error) bool {
	_, role := errors.AsType[*awscred.RoleError](err)
	_, base := errors.AsType[*awscred.BaseError](err)
	return role || base
}

// fail logs why a step failed. Where the reader was stays as it is; all is tried
// again.
func (r *reader) fail(err error) {
	kind := kindOf(err)
	if kind == expired {
		r.log.Debug("a page's token has expired; the window is read again, a narrower one", "err", err)
		return
	}
	unsaid, ok := r.faults.turn(kind, r.clock.Now())
	if !ok {
		return
	}
	log := r.log.With("category", r.categoryName(), "err", err, "unsaid", unsaid)
	switch {
	case isRole(err):
		log.Error("the role of the account cannot be assumed; trying again, nothing is skipped")
	case kind == throttled:
		log.Warn("LookupEvents is throttled: its two calls a second are shared with everybody in the account; trying again more slowly")
	case kind == disabled:
		log.Error("the region takes no credentials: it is not enabled in the account, or the role was deleted; trying again, nothing is skipped")
	case kind == denied:
		log.Error("the events may not be read: check that the role has the permission cloudtrail:LookupEvents (AWSCloudTrail_ReadOnlyAccess) and that the clock is right; trying again, nothing is skipped")
	default:
		log.Warn("the event history could not be read; trying again, nothing is skipped")
	}
}
