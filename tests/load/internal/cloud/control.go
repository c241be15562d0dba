package cloud

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/tests/load/internal/report"
)

// control answers what [Client] asks.
func (s *server) control(ctx context.Context) http.Handler {
	type nothing = struct{}
	mux := http.NewServeMux()
	answer(mux, "prepare", s.stock.prepare)
	answer(mux, "feed", func(_ context.Context, f Feed) (nothing, error) {
		s.feeder.start(ctx, f)
		return nothing{}, nil
	})
	answer(mux, "stop", func(context.Context, nothing) (nothing, error) {
		s.feeder.halt()
		return nothing{}, nil
	})
	answer(mux, "snapshot", func(context.Context, nothing) (Snapshot, error) { return s.snapshot() })
	answer(mux, "fed", func(ctx context.Context, _ nothing) (nothing, error) {
		return nothing{}, s.feeder.wait(ctx)
	})
	answer(mux, "drained", s.drained)
	answer(mux, "fault", func(_ context.Context, f Fault) (nothing, error) {
		s.faults.set(f)
		return nothing{}, nil
	})
	answer(mux, "plot", func(_ context.Context, from time.Time) ([]report.Point, error) {
		return s.counter.plot(from, time.Now()), nil
	})
	answer(mux, "floor", func(context.Context, nothing) (report.Floor, error) { return s.sample.floor() })
	return mux
}

// answer serves one question: JSON in, JSON out.
func answer[In, Out any](mux *http.ServeMux, path string, do func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST /"+path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := do(r.Context(), in)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(out)
	})
}

// send announces an object.
func (s *server) send(i item) error {
	s.counter.feed(i)
	i.object.Time = time.Now()
	return s.cloud.SQS.Send(queueName, notification.S3(i.object))
}

// snapshot reads all counts.
func (s *server) snapshot() (Snapshot, error) {
	depth, err := s.cloud.SQS.Depth(queueName)
	if err != nil {
		return Snapshot{}, err
	}
	dead, err := s.cloud.SQS.Depth(deadName)
	if err != nil {
		return Snapshot{}, err
	}
	t, _ := s.counter.now()
	feeding, starved := s.feeder.state()
	stats := s.cloud.Ingestion.Total()
	return Snapshot{
		At: time.Now(), Feeding: feeding, Starved: starved,
		Fed: t.fed, Arrived: t.arrived, Doubled: t.doubled, Unknown: t.unknown,
		FedObjects: t.objects, ArrivedObjects: t.arrivedObjects, FedLogBytes: t.logBytes, FedObjectBytes: t.objectBytes,
		First: t.first, Last: t.last,
		Visible: int64(depth.Visible + depth.Delayed), InFlight: int64(depth.InFlight), Dead: int64(dead.Visible + dead.InFlight),
		Calls: report.Calls{Count: stats.Calls, Refused: stats.Refused, WireBytes: stats.WireBytes},
		Bytes: stats.Bytes, Odd: stats.ColumnsDropped + stats.FieldsCut + stats.TimeReplaced + stats.TimeMissing,
		Lag: t.lag,
	}, nil
}

// drained waits as [Client.WaitDrained] says.
func (s *server) drained(ctx context.Context, idle time.Duration) (Snapshot, error) {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	moved := time.Now()
	var last [3]int64
	for {
		now, err := s.snapshot()
		if err != nil {
			return now, err
		}
		if !now.Feeding && now.Left() == 0 && now.Visible+now.InFlight == 0 {
			return now, nil
		}
		if state := [3]int64{now.Arrived + now.Doubled, now.Visible, now.InFlight}; state != last {
			last, moved = state, time.Now()
		}
		if time.Since(moved) >= idle {
			return now, nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// plot returns the seconds from one moment to another.
func (c *counter) plot(from, to time.Time) []report.Point {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := max(int(from.Sub(c.began)/time.Second), 0)
	last := int(to.Sub(c.began) / time.Second)
	var points []report.Point
	var backlog int64
	for i := range last + 1 {
		var s second
		if i < len(c.seconds) {
			s = c.seconds[i]
		}
		backlog += s.fed - s.arrived
		if i < first {
			continue
		}
		points = append(points, report.Point{
			At: float64(i - first), Fed: float64(s.fed), Arrived: float64(s.arrived), Backlog: float64(backlog),
			LagP50: millis(s.lag.Quantile(0.5)), LagP99: millis(s.lag.Quantile(0.99)),
		})
	}
	return points
}

// faults holds the one fault that is set.
type faults struct {
	options Options
	table   *inject.Table

	mu    sync.Mutex
	rules []*inject.Rule
}

// set puts a fault in the place of the one before; the usual latency of the
// ingestion endpoint comes on top of it.
func (f *faults) set(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		r.Stop()
	}
	f.rules = nil
	post := inject.Match{Service: inject.Ingestion}
	if f.options.PostLatency > 0 {
		f.rules = append(f.rules, f.table.Fail(post, inject.Fault{Delay: f.options.PostLatency}))
	}
	match := inject.Match{Service: fault.Service}
	if fault.Service == "" || fault.Service == inject.Ingestion {
		match = post
		fault.Delay += f.options.PostLatency
	}
	if fault.Delay > 0 {
		f.rules = append(f.rules, f.table.Fail(match, inject.Fault{Delay: fault.Delay}))
	}
	if fault.Status != 0 {
		answer := inject.Fault{Status: fault.Status, RetryAfter: fault.RetryAfter, Message: "injected by the load harness"}
		if fault.Status == http.StatusTooManyRequests && match == post {
			answer = ingestion.Throttled(fault.RetryAfter)
		}
		answer.Delay, answer.Rate = fault.Delay, fault.Rate
		f.rules = append(f.rules, f.table.Fail(match, answer))
	}
}
