package poller

import "sync"

// doubt is whether a queue may hold messages that nobody knows of: until it
// has answered, and while it does not. A process in doubt is not idle.
type doubt struct {
	hold func() (release func())

	mu      sync.Mutex
	release func() // nil without doubt
}

func (d *doubt) is() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.release != nil
}

func (d *doubt) set(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case is && d.release == nil:
		d.release = d.hold()
	case !is && d.release != nil:
		d.release()
		d.release = nil
	}
}
