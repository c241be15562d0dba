package cloud

import (
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
)

// counter knows of every row that was fed whether it has arrived.
type counter struct {
	// began is where the seconds are counted from.
	began time.Time
	// done gets an object when the last of its rows has arrived.
	done func(arrivedObject)

	mu      sync.Mutex
	objects []announced // by number
	totals  totals
	seconds []second
	// changed is closed, and replaced, when rows arrived or objects were fed.
	changed chan struct{}
	marks   sync.Pool // of *[]mark
}

// arrivedObject is an object whose rows have all arrived.
type arrivedObject struct {
	key  string
	size int64
}

// announced is an object that was fed, the zero value one that was not.
type announced struct {
	arrivedObject               // to be; empty again when it is
	at            time.Duration // since the counter began
	events        uint32
	left          uint32
	seen          []uint64 // a bit for each record; nil when all have arrived
}

// totals are counted from the beginning on.
type totals struct {
	fed, arrived, doubled, unknown int64
	objects, arrivedObjects        int64
	logBytes, objectBytes          int64
	first, last                    time.Time
	lag                            Histogram
}

// second is what happened in one second.
type second struct {
	fed, arrived int64
	lag          Histogram
}

func newCounter(began time.Time, done func(arrivedObject)) *counter {
	return &counter{
		began: began, done: done, changed: make(chan struct{}),
		marks: sync.Pool{New: func() any { return new([]mark) }},
	}
}

// feed notes that an object is announced now.
func (c *counter) feed(o item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := int(o.number) + 1; n > len(c.objects) {
		c.objects = append(c.objects, make([]announced, n-len(c.objects))...)
	}
	now := time.Now()
	events := uint32(o.events)
	c.objects[o.number] = announced{
		arrivedObject: arrivedObject{o.object.Key, o.object.Size}, at: now.Sub(c.began),
		events: events, left: events, seen: make([]uint64, (events+63)/64),
	}
	t := &c.totals
	t.fed += o.events
	t.objects++
	t.logBytes += o.logBytes
	t.objectBytes += o.object.Size
	if t.first.IsZero() {
		t.first = now
	}
	c.secondLocked(now).fed += o.events
	c.wakeLocked()
}

// mark is what a row says of itself.
type mark struct {
	object, record uint32
	ok             bool
}

// rows notes the rows of an accepted call.
func (c *counter) rows(table string, rows []ingestion.Row) {
	pooled := c.marks.Get().(*[]mark)
	defer c.marks.Put(pooled)
	marks := (*pooled)[:0]
	for _, row := range rows {
		marks = append(marks, readMark(table, row))
	}
	*pooled = marks
	for _, object := range c.arrive(marks) {
		c.done(object)
	}
}

// readMark reads the mark of a row from the columns that carry it.
func readMark(table string, row ingestion.Row) (m mark) {
	switch table {
	case "AWSCloudTrail":
		m.object, m.record, m.ok = samplelog.TrailMark(unquote(row.Value("AwsEventId")))
	case "AWSVPCFlow":
		m.object, m.record, m.ok = samplelog.FlowMark(unquote(row.Value("InterfaceId")), unquote(row.Value("DstAddr")))
	case "AWSGuardDuty":
		m.object, m.record, m.ok = samplelog.FindingMark(unquote(row.Value("Id")))
	}
	return m
}

// unquote takes the quotes off a JSON string without escapes.
func unquote(text []byte) []byte {
	if len(text) < 2 {
		return nil
	}
	return text[1 : len(text)-1]
}

// arrive counts the rows and returns the objects that are complete with them.
func (c *counter) arrive(marks []mark) (complete []arrivedObject) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	s := c.secondLocked(now)
	for len(marks) > 0 {
		n := 1 // rows of one object, which mostly come together
		for n < len(marks) && marks[n].ok == marks[0].ok && marks[n].object == marks[0].object {
			n++
		}
		if o := c.arriveLocked(marks[:n], now, s); o != nil {
			complete = append(complete, o.arrivedObject)
			o.arrivedObject = arrivedObject{}
		}
		marks = marks[n:]
	}
	c.totals.last = now
	c.wakeLocked()
	return complete
}

// arriveLocked counts rows of one object, and returns it if it is complete
// with them.
func (c *counter) arriveLocked(marks []mark, now time.Time, s *second) *announced {
	number := marks[0].object
	if !marks[0].ok || int(number) >= len(c.objects) || c.objects[number].events == 0 {
		c.totals.unknown += int64(len(marks))
		return nil
	}
	o := &c.objects[number]
	before := o.left
	for _, m := range marks {
		switch {
		case m.record >= o.events:
			c.totals.unknown++
		case o.seen == nil || o.seen[m.record/64]&(1<<(m.record%64)) != 0:
			c.totals.doubled++
		default:
			o.seen[m.record/64] |= 1 << (m.record % 64)
			o.left--
		}
	}
	arrived := int64(before - o.left)
	c.totals.arrived += arrived
	s.arrived += arrived
	if arrived > 0 {
		lag := now.Sub(c.began) - o.at
		c.totals.lag.add(lag, arrived)
		s.lag.add(lag, arrived)
	}
	if o.left > 0 || before == 0 {
		return nil
	}
	o.seen = nil
	c.totals.arrivedObjects++
	return o
}

func (c *counter) secondLocked(at time.Time) *second {
	i := int(at.Sub(c.began) / time.Second)
	for len(c.seconds) <= i {
		c.seconds = append(c.seconds, second{})
	}
	return &c.seconds[i]
}

func (c *counter) wakeLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// now returns the totals, and a channel that is closed when they change.
func (c *counter) now() (totals, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.totals
	t.lag.Buckets = append([]int64(nil), t.lag.Buckets...)
	return t, c.changed
}

// left returns how many events were fed and have not arrived, and a channel
// that is closed when that changes.
func (c *counter) left() (int64, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.totals.fed - c.totals.arrived, c.changed
}
