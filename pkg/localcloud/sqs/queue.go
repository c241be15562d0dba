package sqs

import (
	"container/heap"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Limits of the service.
const (
	maxVisibility = 12 * time.Hour // from the first receive of a delivery on
	maxInFlight   = 120_000
	maxWait       = 20 * time.Second
	maxBatch      = 10
	maxBody       = 1 << 20
)

// state is where a message is.
type state int

const (
	ready    state = iota // can be received
	inFlight              // received, neither deleted nor visible again
	delayed               // sent with a delay
	states
)

// message is one message of a queue.
type message struct {
	id         string
	body       string
	attributes map[string]attribute
	source     string // ARN of the queue it is a dead letter of
	sent       time.Time

	number        uint64 // unique in the queue, ascending
	state         state
	due           time.Time // when it became or becomes visible
	receives      int
	received      time.Time // last receive
	firstReceived time.Time
	index         int // in its heap
}

// queue holds the messages of one queue: those that can be received in one
// heap, the others in a second one, both by the time they are visible from, so
// that no operation looks at more than a logarithm of them.
type queue struct {
	name string
	arn  string
	url  string

	mu         sync.Mutex
	visibility time.Duration
	delay      time.Duration
	wait       time.Duration
	redrive    *redrive
	settings   map[string]string // attributes as they were set
	created    time.Time
	modified   time.Time

	messages map[uint64]*message
	visible  byDue
	hidden   byDue
	counts   [states]int
	last     uint64
	// changed is closed, and replaced, when there may be more to receive.
	changed chan struct{}
}

// redrive moves a message that was received too often to another queue.
type redrive struct {
	to          *queue
	maxReceives int
}

func newQueue(name, arn, url string) *queue {
	now := time.Now()
	return &queue{
		name: name, arn: arn, url: url, visibility: 30 * time.Second, settings: map[string]string{},
		created: now, modified: now, messages: map[uint64]*message{}, changed: make(chan struct{}),
	}
}

// byDue is a heap of messages by the time they are visible from.
type byDue []*message

func (h byDue) Len() int { return len(h) }
func (h byDue) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].number < h[j].number
	}
	return h[i].due.Before(h[j].due)
}
func (h byDue) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *byDue) Push(x any) {
	m := x.(*message)
	m.index = len(*h)
	*h = append(*h, m)
}
func (h *byDue) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return m
}

func (q *queue) heapOf(s state) *byDue {
	if s == ready {
		return &q.visible
	}
	return &q.hidden
}

// putLocked enters a message into the heap of the state.
func (q *queue) putLocked(m *message, s state, due time.Time) {
	m.state, m.due = s, due
	q.counts[s]++
	heap.Push(q.heapOf(s), m)
}

// takeLocked takes a message out of its heap.
func (q *queue) takeLocked(m *message) {
	q.counts[m.state]--
	heap.Remove(q.heapOf(m.state), m.index)
}

func (q *queue) wakeLocked() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// add enters a new message, visible after the delay.
func (q *queue) add(m *message, delay time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last++
	m.number = q.last
	q.messages[m.number] = m
	now := time.Now()
	if delay > 0 {
		q.putLocked(m, delayed, now.Add(delay))
	} else {
		q.putLocked(m, ready, now)
	}
	q.wakeLocked()
}

// received is one message as a receive hands it out.
type received struct {
	message // a copy
	receipt string
}

// receive returns up to limit messages and hides them for the visibility
// timeout. It waits for the first one until wait is over or ctx ends. again
// leaves the messages visible, so that they are delivered twice.
func (q *queue) receive(ctx context.Context, limit int, visibility, wait time.Duration, again bool) ([]received, error) {
	deadline := time.Now().Add(wait)
	for {
		got, dead, next, err := q.poll(limit, visibility, again)
		q.bury(dead)
		left := time.Until(deadline)
		if err != nil || len(got) > 0 || left <= 0 {
			return got, err
		}
		timer := time.NewTimer(min(left, next.pause))
		select {
		case <-timer.C:
		case <-next.changed:
		case <-ctx.Done():
			timer.Stop()
			return nil, nil
		}
		timer.Stop()
	}
}

// wakeUp says when it is worth to look again.
type wakeUp struct {
	changed <-chan struct{}
	pause   time.Duration
}

// poll takes what can be received now, and what has been received too often.
func (q *queue) poll(limit int, visibility time.Duration, again bool) (got []received, dead []*message, next wakeUp, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.surfaceLocked(now)
	for len(got) < limit && len(q.visible) > 0 {
		if q.counts[inFlight] >= maxInFlight {
			if len(got) == 0 {
				err = fmt.Errorf("%d messages are in flight", maxInFlight)
			}
			break
		}
		m := q.visible[0]
		q.takeLocked(m)
		if q.redrive != nil && m.receives >= q.redrive.maxReceives {
			delete(q.messages, m.number)
			dead = append(dead, m)
			continue
		}
		got = append(got, q.handOutLocked(m, now, visibility))
	}
	if again {
		for _, r := range got {
			q.moveLocked(q.messages[r.number], 0, now)
		}
	}
	next = wakeUp{q.changed, maxWait}
	if len(q.hidden) > 0 {
		next.pause = max(q.hidden[0].due.Sub(now), 0)
	}
	return got, dead, next, err
}

func (q *queue) handOutLocked(m *message, now time.Time, visibility time.Duration) received {
	m.receives++
	m.received = now
	if m.firstReceived.IsZero() {
		m.firstReceived = now
	}
	if visibility > 0 {
		q.putLocked(m, inFlight, now.Add(visibility))
	} else {
		q.putLocked(m, ready, now)
	}
	return received{*m, q.receipt(m)}
}

// surfaceLocked makes the messages visible whose time has come.
func (q *queue) surfaceLocked(now time.Time) {
	for len(q.hidden) > 0 && !q.hidden[0].due.After(now) {
		m := q.hidden[0]
		due := m.due
		q.takeLocked(m)
		q.putLocked(m, ready, due)
	}
}

// bury moves messages to the dead-letter queue. They keep their id, their
// times and their count.
func (q *queue) bury(dead []*message) {
	if len(dead) == 0 {
		return
	}
	q.mu.Lock()
	to := q.redrive
	q.mu.Unlock()
	for _, m := range dead {
		m.source = q.arn
		if to != nil {
			to.to.add(m, 0)
		}
	}
}

// moveLocked makes a message visible after the timeout.
func (q *queue) moveLocked(m *message, timeout time.Duration, now time.Time) {
	q.takeLocked(m)
	if timeout > 0 {
		q.putLocked(m, inFlight, now.Add(timeout))
		return
	}
	q.putLocked(m, ready, now)
	q.wakeLocked()
}

// remove deletes the message of the receipt. A receipt that is not the latest
// of its message deletes nothing, and that is no error.
func (q *queue) remove(receipt string) error {
	number, generation, ok := q.parse(receipt)
	if !ok {
		return errReceipt(receipt)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.messages[number]
	if m == nil || m.receives != generation {
		return nil
	}
	q.takeLocked(m)
	delete(q.messages, number)
	return nil
}

// hide changes when a message that is in flight is visible again.
func (q *queue) hide(receipt string, timeout time.Duration) error {
	number, generation, ok := q.parse(receipt)
	if !ok {
		return errReceipt(receipt)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.surfaceLocked(now)
	m := q.messages[number]
	if m == nil || m.receives != generation || m.state != inFlight {
		return errNotInFlight(receipt)
	}
	if now.Add(timeout).Sub(m.received) > maxVisibility {
		return errBeyondLimit(timeout)
	}
	q.moveLocked(m, timeout, now)
	return nil
}

// purge deletes all messages.
func (q *queue) purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.messages)
	q.visible, q.hidden, q.counts = nil, nil, [states]int{}
}

// depth returns how many messages are in each state.
func (q *queue) depth() [states]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.surfaceLocked(time.Now())
	return q.counts
}

// receipt names a message and which of its receives it belongs to.
func (q *queue) receipt(m *message) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "AQEB:%d:%d:%s", m.number, m.receives, q.name))
}

func (q *queue) parse(receipt string) (number uint64, generation int, ok bool) {
	text, err := base64.StdEncoding.DecodeString(receipt)
	if err != nil {
		return 0, 0, false
	}
	head, name, ok := cutLast(string(text), ":")
	if !ok || name != q.name {
		return 0, 0, false
	}
	_, err = fmt.Sscanf(head, "AQEB:%d:%d", &number, &generation)
	return number, generation, err == nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
