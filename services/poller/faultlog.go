package poller

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/awscred"
)

// logEvery is how often the same kind of fault is logged.
const logEvery = time.Minute

// faultLog counts and logs what goes wrong with a queue; each kind is logged
// once a minute, with the number of times it went unsaid.
type faultLog struct {
	log     *slog.Logger
	metrics *queueMetrics

	mu    sync.Mutex
	kinds map[string]*said // by operation and kind: a handful
}

type said struct {
	at     time.Time
	unsaid int
}

// report logs err, which came of the operation op, unless its kind was logged
// a moment ago.
func (l *faultLog) report(op string, err error) {
	kind := kindOf(err)
	switch kind {
	case throttled:
		l.metrics.throttled.Inc()
	case denied:
		l.metrics.denied.Inc()
	}
	if unsaid, ok := l.turn(op + kind); ok {
		log := l.log.With("operation", op, "err", err, "unsaid", unsaid)
		_, role := errors.AsType[*awscred.RoleError](err)
		_, base := errors.AsType[*awscred.BaseError](err)
		switch {
		case base:
			log.Error("the process has no AWS credentials; trying again")
			return
		case role:
			log.Error("the role of the connection cannot be assumed; trying again")
			return
		}
		switch kind {
		case missing:
			log.Error("the queue does not exist: check the queue URL, its region and its account; trying again")
		case denied:
			log.Error("access to the queue is denied: check the role, its permissions sqs:ReceiveMessage, " +
				"sqs:ChangeMessageVisibility and sqs:DeleteMessage, and the queue's policy and key; trying again")
		case throttled:
			log.Warn("the queue is throttled; trying again")
		default:
			log.Warn("a call to the queue failed; trying again")
		}
	}
}

// turn reports whether it is time to log the kind, and how often it was not.
func (l *faultLog) turn(kind string) (unsaid int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kinds == nil {
		l.kinds = map[string]*said{}
	}
	s := l.kinds[kind]
	if s == nil {
		s = new(said)
		l.kinds[kind] = s
	}
	if now := time.Now(); now.Sub(s.at) >= logEvery {
		unsaid, s.at, s.unsaid = s.unsaid, now, 0
		return unsaid, true
	}
	s.unsaid++
	return 0, false
}
