package azure

import "time"

// This file is the border between the Write of a part, which may be told to
// end, and the worker that posts its rows. A row is doubled when the Write says
// that it failed although the service took the row; so the Write leaves a part
// only while none of its rows is accepted or on its way.

// leave gives the part up for a Write that is told to end and reports whether
// it did; if not, the part is settled. It returns at once when no row of the
// part is accepted or on its way, and within lastAnswer else: a part of which
// some rows are accepted has that time to be finished.
func (p *part) leave() bool {
	late := time.NewTimer(lastAnswer)
	defer late.Stop()
	for !p.tryLeave(false) {
		select {
		case <-p.done:
			return false
		case <-p.landed:
		case <-late.C:
			return p.tryLeave(true)
		}
	}
	return true
}

// tryLeave leaves the part if it is not settled and either nothing stands
// against it or it must be.
func (p *part) tryLeave(must bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if closed(p.done) || !must && (p.flying || p.accepted > 0) {
		return false
	}
	close(p.gone)
	return true
}

// depart reports whether rows of the part may go on a call, which then is on
// its way. A part whose Write is told to end goes only when a row of it is
// accepted already.
func (p *part) depart() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A call may have several runs of the part: what holds for one holds for all.
	p.flying = p.flying || !closed(p.gone) && (p.accepted > 0 || !closed(p.ended))
	return p.flying
}

// land ends a call with n rows of the part.
func (p *part) land(n int, accepted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying = false
	if accepted {
		p.left -= n
		p.accepted += n
	}
	p.finishLocked()
	signal(p.landed)
}

// refuse rejects a row of the part after the service refused it.
func (p *part) refuse(row int, v verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reject(row, v.reason, v.err)
	p.finishLocked()
}

// finishLocked settles the part once it has no rows left: what becomes of the
// others of a call is not its Write's affair.
func (p *part) finishLocked() {
	if p.left == 0 && !closed(p.gone) {
		close(p.done)
	}
}

// settle ends the worker's business with the part, if it has not ended. It
// returns the number of rows that the service took and the Write does not know
// of: they will be posted again.
func (p *part) settle(err error) (doubled int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if closed(p.done) {
		return 0
	}
	p.err = err
	close(p.done)
	if closed(p.gone) || p.outcome() != nil {
		return p.accepted
	}
	return 0
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
