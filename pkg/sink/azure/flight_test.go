package azure

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/sink/sinktest"
)

// writeUntil writes b under a context that ends after so long, and expects
// Write to return at a time with an error, or nil.
func writeUntil(t *testing.T, s *Sink, b *batch.Batch, end, returns time.Duration, want error) {
	t.Helper()
	defer b.Release()
	ctx, cancel := context.WithTimeout(t.Context(), end)
	defer cancel()
	start := time.Now()
	rejected, err := s.Write(ctx, b)
	if !errors.Is(err, want) || len(rejected) > 0 {
		t.Errorf("write: rejected %v, error %v; want none, %v", rejected, err, want)
	}
	if took := time.Since(start).Round(time.Second); took != returns {
		t.Errorf("Write returned after %v; want after %v", took, returns)
	}
}

// expectDoubles checks the two counters of what may be at the service twice.
func expectDoubles(t *testing.T, m *Metrics, table string, unknown, reposted float64) {
	t.Helper()
	if got := testutil.ToFloat64(m.unknown.WithLabelValues(three.Name, table)); got != unknown {
		t.Errorf("%v calls of unknown outcome were counted; want %v", got, unknown)
	}
	if got := testutil.ToFloat64(m.reposted.WithLabelValues(three.Name, table)); got != reposted {
		t.Errorf("%v rows posted again were counted; want %v", got, reposted)
	}
}

// metered returns metrics, and the option that makes a sink use them.
func metered() (*Metrics, func(*Options)) {
	m := NewMetrics(prometheus.NewRegistry())
	return m, func(o *Options) { o.Metrics = m }
}

// A call on its way when the context ends is awaited, and what it answers
// counts; no other is begun.
func TestCallOnItsWayIsAwaited(t *testing.T) {
	f := func(name string, takes time.Duration, a reply, returns time.Duration, want error, rows []int, unknown, reposted float64) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := service{takes: takes, answer: func(post) reply { return a }}
				m, with := metered()
				s := svc.start(t, with, func(o *Options) { o.Calls = 1 })
				var writers conc.WaitGroup
				writers.Go(func() { writeUntil(t, s, numbered("A", 0, 3, 1), 2*time.Second, returns, want) })
				<-time.After(time.Second)
				// a part that no worker has taken is left at once
				writeUntil(t, s, numbered("A", 3, 3, 1), time.Second, time.Second, context.DeadlineExceeded)
				writers.Wait()
				<-time.After(time.Hour)
				expect(t, "accepted", svc.got("Custom-A"), rows)
				if n := len(svc.calls("Custom-A")); n > 1 {
					t.Errorf("%d calls were made; want one", n)
				}
				expectDoubles(t, m, "A", unknown, reposted)
			})
		})
	}
	const s = time.Second
	ended := context.DeadlineExceeded
	f("accepted", 6*s, reply{}, 6*s, nil, count(0, 3), 0, 0)
	f("refused", 6*s, reply{status: 503}, 6*s, ended, nil, 0, 0)
	f("throttled", 6*s, retryIn(429, "90"), 6*s, ended, nil, 0, 0)
	f("too large", 6*s, reply{status: 413}, 6*s, ended, nil, 0, 0)
	f("a gateway's answer", 6*s, reply{status: 504}, 6*s, ended, nil, 1, 3)
	f("no answer", time.Hour, reply{}, 2*s+lastAnswer, ended, nil, 1, 3)
}

// A call goes on for the parts that are still awaited. The rows of the part
// that could not wait are counted: they are there, and will be posted again.
func TestCallIsNotBrokenOffForOneOfItsParts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{takes: 30 * time.Second}
		m, with := metered()
		s := svc.start(t, with)
		s.shared("A")
		var writers conc.WaitGroup
		writers.Go(func() {
			writeUntil(t, s, numbered("A", 0, 3, 1), 5*time.Second, 5*time.Second+lastAnswer, context.DeadlineExceeded)
		})
		writers.Go(func() {
			writeUntil(t, s, numbered("A", 3, 2, 1), 25*time.Second, 30*time.Second, nil)
		})
		writers.Go(func() { write(t, s, numbered("A", 5, 1, 1)) })
		writers.Wait()
		if calls := svc.calls("Custom-A"); len(calls) != 1 {
			t.Fatalf("got %d calls; want one with all parts", len(calls))
		}
		expect(t, "accepted", svc.got("Custom-A"), count(0, 6))
		synctest.Wait()
		expectDoubles(t, m, "A", 0, 3)
	})
}

// A part of which some rows are accepted is finished, if it can be in time: else
// those are doubled.
func TestHalfAcceptedPartIsFinished(t *testing.T) {
	f := func(name string, takes, returns time.Duration, want error, rows int, unknown, reposted float64) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := service{takes: takes}
				m, with := metered()
				s := svc.start(t, with)
				// three calls, of 20, 20 and 10 rows
				writeUntil(t, s, numbered("A", 0, 50, 49_000), takes+takes/2, returns, want)
				<-time.After(time.Hour)
				expect(t, "accepted", svc.got("Custom-A"), count(0, rows))
				expectDoubles(t, m, "A", unknown, reposted)
			})
		})
	}
	f("in time", 4*time.Second, 12*time.Second, nil, 50, 0, 0)
	// the second call is accepted, the third broken off: all of it comes again
	f("too late", 8*time.Second, 12*time.Second+lastAnswer, context.DeadlineExceeded, 40, 1, 50)
}

// So it is also when its context ends while the next call waits to be made.
func TestHalfAcceptedPartIsFinishedAfterAWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{takes: time.Second, answer: func(post) reply {
			if n++; n == 2 {
				return retryIn(503, "3")
			}
			return reply{}
		}}
		m, with := metered()
		s := svc.start(t, with)
		writeUntil(t, s, numbered("A", 0, 50, 49_000), 3*time.Second, 7*time.Second, nil)
		expect(t, "accepted", svc.got("Custom-A"), count(0, 50))
		expectDoubles(t, m, "A", 0, 0)
	})
}

// A part is settled when its own rows are, whatever holds up the others of its
// call.
func TestPartIsSettledByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{answer: func(p post) reply {
			n++
			switch {
			case len(p.rows) > 1:
				return reply{status: 413}
			case p.has(1) && n < 5:
				return reply{status: 403}
			}
			return reply{}
		}}
		s := svc.start(t)
		s.shared("A")
		var writers conc.WaitGroup
		writers.Go(func() { writeUntil(t, s, numbered("A", 0, 1, 1), time.Hour, 0, nil) })
		synctest.Wait() // it comes first in the call
		writers.Go(func() { writeUntil(t, s, numbered("A", 1, 1, 1), time.Hour, 90*time.Second, nil) })
		writers.Wait()
		expect(t, "accepted", svc.got("Custom-A"), count(0, 2))
	})
}

func TestCloseInHasteAwaitsCalls(t *testing.T) {
	f := func(name string, takes, returns time.Duration, want error, rows []int) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := service{takes: takes}
				s := svc.start(t)
				var writers conc.WaitGroup
				writers.Go(func() { writeUntil(t, s, numbered("A", 0, 3, 1), time.Hour, returns, want) })
				synctest.Wait()
				<-time.After(time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("close: got %v; want the context's error", err)
				}
				writers.Wait()
				expect(t, "accepted", svc.got("Custom-A"), rows)
			})
		})
	}
	f("answered", 7*time.Second, 7*time.Second, nil, count(0, 3))
	f("not answered", time.Hour, 2*time.Second+lastAnswer, ErrClosed, nil)
}

// Against the stand-in, over TLS: a call that is slow, one whose answer is
// lost, and one that never arrives.
func TestDoublesAreCounted(t *testing.T) {
	t.Parallel()
	f := func(fault inject.Fault, patience time.Duration, rows int64, unknown, reposted float64) {
		t.Helper()
		cloud, d := local(t, localcloud.Options{})
		d.Name = three.Name
		cloud.Faults.Fail(inject.Match{Service: inject.Ingestion}, fault)
		m, with := metered()
		o := testOptions()
		with(&o)
		s := openLocal(t, d, o)
		b := sinktest.Batch(t, memory.DefaultAllocator, sinktest.Tables[0], 0, 10)
		defer b.Release()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if _, err := s.Write(ctx, b); err != nil {
			t.Errorf("%+v: write: %v", fault, err)
		}
		if got := cloud.Ingestion.Stats(sinktest.Tables[0]).Rows; got != rows {
			t.Errorf("%+v: got %d rows; want %d", fault, got, rows)
		}
		expectDoubles(t, m, sinktest.Tables[0], unknown, reposted)
	}
	f(inject.Fault{Times: 1, Delay: time.Second}, 700*time.Millisecond, 10, 0, 0)
	f(inject.Fault{Times: 1, ResetAfter: true}, 30*time.Second, 20, 1, 10)
	f(inject.Fault{Times: 1, Status: http.StatusServiceUnavailable}, 30*time.Second, 10, 0, 0)
}

// A call that cannot have arrived is none of unknown outcome.
func TestNothingSentIsKnown(t *testing.T) {
	t.Parallel()
	_, d := local(t, localcloud.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.Name, d.Endpoint = three.Name, "https://"+l.Addr().String()
	l.Close()
	m, with := metered()
	o := testOptions()
	with(&o)
	s := openLocal(t, d, o)
	b := sinktest.Batch(t, memory.DefaultAllocator, sinktest.Tables[0], 0, 10)
	defer b.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := s.Write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("write: got error %v; want the context's", err)
	}
	expectDoubles(t, m, sinktest.Tables[0], 0, 0)
}
