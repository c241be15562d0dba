package cloud

import (
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/notification"
)

func fed(number uint32, events int64) item {
	return item{number: number, object: notification.Object{Key: fmt.Sprint(number), Size: 10}, events: events, logBytes: 100}
}

// span returns the marks of records [from,to) of an object.
func span(object uint32, from, to uint32) []mark {
	var marks []mark
	for r := from; r < to; r++ {
		marks = append(marks, mark{object, r, true})
	}
	return marks
}

// TestCounter finds rows that are lost, come twice, or were never fed.
func TestCounter(t *testing.T) {
	c := newCounter(time.Now(), nil)
	for i := range uint32(3) {
		c.feed(fed(i, 100))
	}
	f := func(marks []mark, complete int, want totals) {
		t.Helper()
		if got := len(c.arrive(marks)); got != complete {
			t.Errorf("got %d complete objects; want %d", got, complete)
		}
		got, _ := c.now()
		if got.arrived != want.arrived || got.doubled != want.doubled || got.unknown != want.unknown || got.arrivedObjects != want.arrivedObjects {
			t.Errorf("got %d arrived, %d doubled, %d unknown, %d objects; want %+v", got.arrived, got.doubled, got.unknown, got.arrivedObjects, want)
		}
	}
	f(span(0, 0, 99), 0, totals{arrived: 99})
	f(span(0, 98, 100), 1, totals{arrived: 100, doubled: 1, arrivedObjects: 1})
	f(span(0, 0, 100), 0, totals{arrived: 100, doubled: 101, arrivedObjects: 1}) // after it is complete
	f(append(span(2, 0, 100), span(1, 0, 50)...), 1, totals{arrived: 250, doubled: 101, arrivedObjects: 2})
	f(append(span(1, 0, 1), mark{}, mark{7, 0, true}, mark{1, 100, true}), 0, totals{arrived: 250, doubled: 102, unknown: 3, arrivedObjects: 2})
	if left, _ := c.left(); left != 50 {
		t.Errorf("got %d events left; want the 50 of the second half of object 1", left)
	}
	if got, _ := c.now(); got.fed != 300 || got.objects != 3 || got.logBytes != 300 || got.objectBytes != 30 {
		t.Errorf("got %+v; want 300 events of 3 objects", got)
	}
}

func TestPlot(t *testing.T) {
	began := time.Now().Add(-10 * time.Second)
	c := newCounter(began, nil)
	c.feed(fed(0, 100))
	c.arrive(span(0, 0, 40))
	points := c.plot(began.Add(5*time.Second), time.Now())
	last := points[len(points)-1]
	if len(points) != 6 || last.At != 5 || last.Fed != 100 || last.Arrived != 40 || last.Backlog != 60 {
		t.Errorf("got %d points, the last %+v; want 6 with 100 fed, 40 arrived, 60 left", len(points), last)
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	for i := range 1000 {
		h.add(time.Duration(i+1)*time.Millisecond, 10)
	}
	earlier := Histogram{Buckets: append([]int64(nil), h.Buckets...), Max: h.Max}
	f := func(h Histogram, q float64, want time.Duration) {
		t.Helper()
		if got := h.Quantile(q); got < want*15/16 || got > want*17/16 {
			t.Errorf("got %v for quantile %v; want about %v", got, q, want)
		}
	}
	f(h, 0, time.Millisecond)
	f(h, 0.5, 500*time.Millisecond)
	f(h, 0.99, 990*time.Millisecond)
	f(h, 1, time.Second)
	h.add(20*time.Second, 5)
	later := h.minus(earlier)
	f(later, 0, 20*time.Second)
	f(later, 1, 20*time.Second)
	f(Histogram{}, 0.5, 0)
}

func BenchmarkArrive(b *testing.B) {
	const events = 2000
	var c *counter
	n := 0
	for b.Loop() {
		if n%1000 == 0 {
			c = newCounter(time.Now(), func(arrivedObject) {})
		}
		c.feed(fed(uint32(n%1000), events))
		for at := uint32(0); at < events; at += 500 {
			c.arrive(span(uint32(n%1000), at, at+500))
		}
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/row")
}
