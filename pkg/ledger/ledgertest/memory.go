// Package ledgertest has a ledger in memory, for tests of what enters events
// in it and of what follows them.
package ledgertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/ledger"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Memory is a ledger in memory. It implements [ledger.Store]; the zero value is
// ready for use.
type Memory struct {
	mu        sync.Mutex
	events    []*logferryv1.LedgerEvent
	history   map[string][]ledger.Entry
	progress  ledger.Progress
	followers map[*follower]struct{}
	err       error
}

type follower struct {
	connection string
	events     chan *logferryv1.LedgerEvent
	broken     chan error
}

// followerRoom is how many events a follower may be behind.
const followerRoom = 1024

// Fail makes every call end with err, until it is nil again.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// SetProgress says how far the stages are. Before that there is work in front of
// all of them, for ever.
func (m *Memory) SetProgress(p ledger.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress = p
}

// Break ends the following of everybody who follows now, with err. Events that
// are on their way to them are lost.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range m.followers {
		delete(m.followers, f)
		f.broken <- err
	}
}

// Lose forgets every event, as a bus does that lost its data.
func (m *Memory) Lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = nil
}

// Record implements [ledger.Store].
func (m *Memory) Record(_ context.Context, e *logferryv1.LedgerEvent) (first bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return false, m.err
	}
	if m.find(e.GetConnection(), e.GetObjectId(), ledger.Name(e)) != nil {
		return false, nil
	}
	e = proto.CloneOf(e)
	m.events = append(m.events, e)
	for f := range m.followers {
		if f.connection == e.GetConnection() {
			f.events <- e
		}
	}
	return true, nil
}

func (m *Memory) find(connection, object, name string) *logferryv1.LedgerEvent {
	for _, e := range m.events {
		if e.GetConnection() == connection && e.GetObjectId() == object && ledger.Name(e) == name {
			return e
		}
	}
	return nil
}

// Event implements [ledger.Store].
func (m *Memory) Event(_ context.Context, connection, object, name string) (*logferryv1.LedgerEvent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(connection, object, name), m.err
}

// Events implements [ledger.Store].
func (m *Memory) Events(_ context.Context, connection, object string) (events []*logferryv1.LedgerEvent, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if e.GetConnection() == connection && e.GetObjectId() == object {
			events = append(events, e)
		}
	}
	return events, m.err
}

// Follow implements [ledger.Store].
func (m *Memory) Follow(ctx context.Context, connection string, begun func(), each func(*logferryv1.LedgerEvent)) error {
	f := &follower{connection, make(chan *logferryv1.LedgerEvent, followerRoom), make(chan error, 1)}
	m.mu.Lock()
	if m.err != nil {
		defer m.mu.Unlock()
		return m.err
	}
	if m.followers == nil {
		m.followers = map[*follower]struct{}{}
	}
	m.followers[f] = struct{}{}
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.followers, f)
	}()
	begun()
	for {
		select {
		case e := <-f.events:
			each(e)
		case err := <-f.broken:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// Forget implements [ledger.Store].
func (m *Memory) Forget(_ context.Context, connection, object string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = slices.DeleteFunc(m.events, func(e *logferryv1.LedgerEvent) bool {
		return e.GetConnection() == connection && e.GetObjectId() == object && e.GetDone() == nil
	})
	return m.err
}

// Append implements [ledger.Store].
func (m *Memory) Append(_ context.Context, connection string, entries []ledger.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if m.history == nil {
		m.history = map[string][]ledger.Entry{}
	}
	for _, e := range entries {
		e.Time = time.Now()
		m.history[connection] = append(m.history[connection], e)
	}
	return nil
}

// History implements [ledger.Store].
func (m *Memory) History(_ context.Context, connection string, since time.Time, each func(ledger.Entry)) error {
	m.mu.Lock()
	entries, err := slices.Clone(m.history[connection]), m.err
	m.mu.Unlock()
	for _, e := range entries {
		if !e.Time.Before(since) {
			each(e)
		}
	}
	return err
}

// Progress implements [ledger.Store].
func (m *Memory) Progress(context.Context, string) (ledger.Progress, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.progress.Streams) == 0 {
		busy := ledger.StreamProgress{Last: 1}
		return ledger.Progress{Epoch: "memory", Streams: []ledger.StreamProgress{busy, busy, busy}}, m.err
	}
	return m.progress, m.err
}
