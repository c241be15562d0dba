package azure

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink"
	"github.com/logferry/logferry/pkg/table"
)

// write writes b and expects every row to be accepted.
func write(t testing.TB, s *Sink, b *batch.Batch) {
	t.Helper()
	defer b.Release()
	rejected, err := s.Write(t.Context(), b)
	if err != nil || len(rejected) > 0 {
		t.Errorf("write: rejected %v, error %v; want neither", rejected, err)
	}
}

func expect(t testing.TB, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v; want %v", what, got, want)
	}
}

// expectWaits checks the time between the calls, within a tenth.
func expectWaits(t testing.TB, calls []post, want ...time.Duration) {
	t.Helper()
	if len(calls) != len(want)+1 {
		t.Fatalf("got %d calls; want %d", len(calls), len(want)+1)
	}
	for i, w := range want {
		if got := calls[i+1].at.Sub(calls[i].at); got < w*9/10 || got > w*11/10 {
			t.Errorf("wait %d: got %v; want %v", i, got, w)
		}
	}
}

// bubble runs the test with a clock of its own.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

func TestOnePartGoesOutSoon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var svc service
		s := svc.start(t)
		start := time.Now()
		write(t, s, numbered("A", 0, 10, 100))
		if took := time.Since(start); took > 0 {
			t.Errorf("an idle sink held a part back for %v", took)
		}
		expect(t, "rows", svc.got("Custom-A"), count(0, 10))
	})
}

func TestBusyCallsAreFilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{takes: 300 * time.Millisecond}
		s := svc.start(t, func(o *Options) { o.Calls = 1 })
		var writers conc.WaitGroup
		const parts = 40 // of 100 KB
		for i := range parts {
			writers.Go(func() { write(t, s, numbered("A", i*10, 10, 10_000)) })
		}
		writers.Wait()
		expect(t, "rows", svc.got("Custom-A"), count(0, parts*10))
		calls := svc.calls("Custom-A")
		if len(calls) > 6 {
			t.Errorf("%d parts of 100 KB took %d calls; want at most 6", parts, len(calls))
		}
		for i, c := range calls {
			if len(c.rows)%10 != 0 {
				t.Errorf("call %d has %d rows: parts are not whole", i, len(c.rows))
			}
		}
	})
}

func TestLongLingerWhileBusy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{takes: 10 * time.Second}
		s := svc.start(t)
		var writers conc.WaitGroup
		for i := range 3 {
			writers.Go(func() { write(t, s, numbered("A", i, 1, 1)) })
			synctest.Wait()
			<-time.After(500 * time.Millisecond)
		}
		writers.Wait()
		calls := svc.calls("Custom-A")
		if len(calls) != 2 || len(calls[1].rows) != 2 {
			t.Fatalf("got %d calls; want a second with two parts", len(calls))
		}
		// at once, and a second after the second part
		expectWaits(t, calls, 1500*time.Millisecond)
	})
}

func TestPartLargerThanACall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var svc service
		s := svc.start(t)
		write(t, s, numbered("A", 0, 50, 50_000))
		expect(t, "rows", svc.got("Custom-A"), count(0, 50))
		if n := len(svc.calls("Custom-A")); n != 3 {
			t.Errorf("2.5 MB went in %d calls; want 3", n)
		}
	})
}

func TestThrottlingPausesTheRule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		first := true
		svc := service{answer: func(post) reply {
			if first {
				first = false
				return retryIn(http.StatusTooManyRequests, "90")
			}
			return reply{}
		}}
		s := svc.start(t)
		start := time.Now()
		var writers conc.WaitGroup
		writers.Go(func() { write(t, s, numbered("A", 0, 1, 1)) })
		<-time.After(time.Second)
		writers.Go(func() { write(t, s, numbered("B", 0, 1, 1)) }) // same rule
		write(t, s, numbered("C", 0, 1, 1))                        // another
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("another rule was held back for %v", took)
		}
		writers.Wait()
		expectWaits(t, svc.calls("Custom-A"), 90*time.Second)
		if b := svc.calls(streamB); len(b) != 1 || b[0].at.Sub(start) < 90*time.Second {
			t.Errorf("the rule's other stream was not held back")
		}
	})
}

func TestWaits(t *testing.T) {
	f := func(name string, answers []reply, want ...time.Duration) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				left := answers
				svc := service{answer: func(post) (a reply) {
					if len(left) > 0 {
						a, left = left[0], left[1:]
					}
					return a
				}}
				s := svc.start(t)
				write(t, s, numbered("A", 0, 3, 1))
				expect(t, "rows", svc.got("Custom-A"), count(0, 3))
				expectWaits(t, svc.calls("Custom-A"), want...)
			})
		})
	}
	const s, m = time.Second, time.Minute
	forbidden := reply{status: 403, code: "OperationFailed", message: "AccessGranted: False"}
	// what a person must mend: slowly, for ever
	f("forbidden", slices.Repeat([]reply{forbidden}, 7), 30*s, m, 2*m, 4*m, 5*m, 5*m, 5*m)
	f("not found", []reply{{status: 404}}, 30*s)
	f("stream", []reply{{status: 400, code: "InvalidStream"}, {status: 400, code: "InvalidStream"}}, 30*s, m)
	f("transform", []reply{{status: 400, code: "InvalidTransformOutput", message: "a record of the payload"}}, 30*s)
	f("unknown 400", []reply{{status: 400, code: "Whatever"}}, 30*s)
	f("unknown 4xx", []reply{{status: 451}}, 30*s)
	f("redirect", []reply{{status: 307, header: http.Header{"Location": {"https://elsewhere.test/"}}}}, 30*s)
	// a token is renewed at once, then slowly
	f("unauthorized", []reply{{status: 401}, {status: 401}, {status: 401}}, 0, 30*s, m)
	// throttling: seconds, or a date; the bubble's clock starts in 2000
	f("throttled", []reply{retryIn(429, "7")}, 7*s)
	f("throttled twice", []reply{retryIn(429, "7"), retryIn(429, "70")}, 7*s, 70*s)
	f("throttled for days", []reply{retryIn(429, "999999999999")}, time.Hour)
	f("throttled until", []reply{retryIn(429, "Sat, 01 Jan 2000 00:01:00 GMT")}, m)
	// troubles that pass, with the wait they ask for
	f("server error", []reply{retryIn(503, "20"), retryIn(500, "200")}, 20*s, 200*s)
	f("timeout", []reply{retryIn(408, "20")}, 20*s)
	// each kind of trouble counts for itself
	f("mixed", []reply{forbidden, forbidden, retryIn(503, "20"), forbidden}, 30*s, m, 20*s, 30*s)
	// every 2xx is good
	f("200", []reply{{status: 200}})
	f("202", []reply{{status: 202}})
}

func TestBackOffWithoutRetryAfter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{answer: func(post) reply {
			if n++; n <= 12 {
				return reply{status: 503}
			}
			return reply{}
		}}
		s := svc.start(t)
		write(t, s, numbered("A", 0, 1, 1))
		calls := svc.calls("Custom-A")
		for i := 1; i < len(calls); i++ {
			wait := calls[i].at.Sub(calls[i-1].at)
			most := min(500*time.Millisecond<<(i-1), time.Minute)
			if wait < most/2 || wait > most {
				t.Errorf("wait %d: got %v; want %v to %v", i, wait, most/2, most)
			}
		}
	})
}

func TestPoisonIsFound(t *testing.T) {
	f := func(name string, a reply, poison []int, want fault.Reason) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := service{answer: func(p post) reply {
					if slices.ContainsFunc(poison, p.has) {
						return a
					}
					return reply{}
				}}
				s := svc.start(t)
				var writers conc.WaitGroup
				var refused []int
				for part := range 4 { // 0..99, 100..199, ...
					writers.Go(func() {
						b := numbered("A", part*100, 100, 10)
						defer b.Release()
						rejected, err := s.Write(t.Context(), b)
						if err != nil {
							t.Errorf("write: %v", err)
						}
						for _, r := range rejected {
							if !fault.IsPermanent(r.Err) || fault.ReasonOf(r.Err) != want {
								t.Errorf("row %d: rejected with %v, reason %s; want %s", r.Row, r.Err, fault.ReasonOf(r.Err), want)
							}
							svc.mu.Lock()
							refused = append(refused, part*100+r.Row)
							svc.mu.Unlock()
						}
					})
				}
				writers.Wait()
				slices.Sort(refused)
				expect(t, "rejected", refused, poison)
				good := slices.DeleteFunc(count(0, 400), func(n int) bool { return slices.Contains(poison, n) })
				expect(t, "accepted", svc.got("Custom-A"), good)
			})
		})
	}
	malformed := reply{status: 400, code: "InvalidPayload", message: "malformed JSON"}
	tooLarge := reply{status: 413, code: "ContentLengthLimitExceeded"}
	f("one", malformed, []int{123}, fault.RowRejected)
	f("some", malformed, []int{0, 57, 58, 399}, fault.RowRejected)
	f("too large", tooLarge, []int{311}, fault.RowTooLarge)
	f("too large as 400", reply{status: 400, code: "ContentLengthLimitExceeded"}, []int{3}, fault.RowTooLarge)
	f("a whole part", malformed, count(200, 100), fault.RowRejected)
}

// A connection that broke looks like a call that was too large: the call is
// halved, but no row is given up.
func TestBrokenConnectionCostsNoRow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{answer: func(post) reply {
			if n++; n <= 3 {
				return reply{status: 408, code: "TimeoutExpired", message: "ReadyBody_ClientConnectionAbort"}
			}
			return reply{}
		}}
		s := svc.start(t)
		write(t, s, numbered("A", 0, 4, 1)) // halves 4, 2, 1, and that one again
		expect(t, "rows", svc.got("Custom-A"), count(0, 4))
	})
}

func TestRowsOverTheLimitAreNeverSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var svc service
		s := svc.start(t)
		b := wide(16, 3) // a mega byte and more, in the middle row
		defer b.Release()
		rejected, err := s.Write(t.Context(), b)
		if err != nil || len(rejected) != 1 || rejected[0].Row != 1 || fault.ReasonOf(rejected[0].Err) != fault.RowTooLarge {
			t.Fatalf("got %v, %v; want row 1 rejected as too large", rejected, err)
		}
		expect(t, "rows", svc.got("Custom-A"), []int{0, 2})
	})
}

// wide returns a batch whose middle row has columns of 64 KB each, beyond what
// a call carries.
func wide(columns, n int) *batch.Batch {
	schema := []table.Column{{Name: "N", Type: table.Int}}
	for i := range columns {
		schema = append(schema, table.Column{Name: "W" + strings.Repeat("x", i), Type: table.String})
	}
	rows := table.NewRows(table.Schema("Test_CL", schema))
	text := []byte(strings.Repeat("w", table.MaxValueBytes))
	for i := range n {
		rows.Int(0, int64(i))
		for c := range columns {
			if i == n/2 {
				rows.Text(c+1, text)
			}
		}
		rows.Commit()
	}
	record, _ := rows.Take()
	return &batch.Batch{Meta: batch.Meta{Table: "A"}, Record: record}
}

func TestTimeSpanIsCut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{answer: func(p post) reply {
			first, last := p.rows[0].TimeGenerated, p.rows[0].TimeGenerated
			for _, r := range p.rows {
				if r.TimeGenerated.Before(first) {
					first = r.TimeGenerated
				}
				if r.TimeGenerated.After(last) {
					last = r.TimeGenerated
				}
			}
			if last.Sub(first) > 30*time.Minute {
				return reply{status: 400, code: "RecordsTimeRangeIsMoreThan30Minutes"}
			}
			return reply{}
		}}
		s := svc.start(t)
		write(t, s, numbered("A", 0, 100, 1)) // a minute apart
		expect(t, "rows", svc.got("Custom-A"), count(0, 100))
		if n := len(svc.calls("Custom-A")); n != 5 { // the refused one and four groups
			t.Errorf("got %d calls; want 5", n)
		}
	})
}

func TestAlarmsAreFew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{answer: func(post) reply {
			if n++; n <= 40 {
				return reply{status: 403, code: "OperationFailed", message: "no access"}
			}
			return reply{}
		}}
		var out logs
		s := svc.start(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&out, nil)); o.Calls = 1 })
		var writers conc.WaitGroup
		start := time.Now()
		for _, to := range []string{"A", "B"} { // of one rule
			writers.Go(func() { write(t, s, numbered(to, 0, 1, 1)) })
		}
		writers.Wait()
		minutes := int(time.Since(start).Minutes())
		if got := strings.Count(out.String(), "level=ERROR"); got == 0 || got > minutes+1 {
			t.Errorf("%d errors in %d minutes; want at most one a minute", got, minutes)
		}
		for _, part := range []string{"Monitoring Metrics Publisher", "request_id=", "rule=" + ruleAB, "no access", "calls are accepted again"} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("the log does not say %q:\n%s", part, out.String())
			}
		}
	})
}

func TestContextEndsWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{answer: func(p post) reply {
			if p.stream == "Custom-A" {
				return reply{status: 403}
			}
			return reply{}
		}}
		s := svc.start(t, func(o *Options) { o.Calls = 1 })
		// one in the slow retry, and one that no worker takes
		var writers conc.WaitGroup
		for i := range 2 {
			writers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
				defer cancel()
				b := numbered("A", i, 1, 1)
				defer b.Release()
				start := time.Now()
				if _, err := s.Write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got error %v; want the context's", err)
				}
				if took := time.Since(start); took != 45*time.Second {
					t.Errorf("returned after %v; want at the deadline", took)
				}
			})
			synctest.Wait()
			<-time.After(time.Second)
		}
		writers.Wait()
		synctest.Wait()
		before := len(svc.calls("Custom-A"))
		<-time.After(time.Hour)
		if after := len(svc.calls("Custom-A")); after != before {
			t.Errorf("%d calls were made that nobody waits for", after-before)
		}
		expect(t, "accepted", svc.got("Custom-A"), nil)
	})
}

// Two parts in one call: the one whose writer left is not posted again.
func TestOnlyAwaitedRowsAreTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		svc := service{answer: func(post) reply {
			if n++; n == 1 {
				return retryIn(503, "60")
			}
			return reply{}
		}}
		s := svc.start(t)
		s.shared("A")
		var writers conc.WaitGroup
		writers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			b := numbered("A", 0, 1, 1)
			defer b.Release()
			if _, err := s.Write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got error %v; want the context's", err)
			}
		})
		writers.Go(func() { write(t, s, numbered("A", 1, 1, 1)) })
		writers.Wait()
		if first := svc.calls("Custom-A")[0]; len(first.rows) != 2 {
			t.Fatalf("the first call has %d rows; want both parts", len(first.rows))
		}
		expect(t, "accepted", svc.got("Custom-A"), []int{1})
	})
}

// A call without an answer is made again, and counted: the service may have
// taken it.
func TestCallTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{takes: time.Hour}
		m, with := metered()
		s := svc.start(t, with)
		end := 2*callTimeout + time.Minute // in the third call
		writeUntil(t, s, numbered("A", 0, 2, 1), end, end+lastAnswer, context.DeadlineExceeded)
		synctest.Wait()
		expectDoubles(t, m, "A", 3, 6)
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{takes: 10 * time.Second}
		s := svc.start(t)
		var writers conc.WaitGroup
		writers.Go(func() { write(t, s, numbered("A", 0, 5, 1)) })
		synctest.Wait()
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
		writers.Wait()
		expect(t, "rows written before Close returned", svc.got("Custom-A"), count(0, 5))
		b := numbered("A", 0, 1, 1)
		defer b.Release()
		if _, err := s.Write(t.Context(), b); !errors.Is(err, ErrClosed) {
			t.Errorf("write after close: got %v; want %v", err, ErrClosed)
		}
	})
}

func TestCloseInHaste(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{answer: func(post) reply { return reply{status: 404} }}
		s := svc.start(t)
		var writers conc.WaitGroup
		for _, to := range []string{"A", "B"} {
			writers.Go(func() {
				b := numbered(to, 0, 5, 1)
				defer b.Release()
				if _, err := s.Write(t.Context(), b); !errors.Is(err, ErrClosed) {
					t.Errorf("write: got %v; want %v", err, ErrClosed)
				}
			})
		}
		<-time.After(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: got %v; want the context's error", err)
		}
		writers.Wait()
	})
}

// A part that waits for the next call when the sink ends is settled too.
func TestCloseInHasteWithAPartInHand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{answer: func(post) reply { return reply{status: 404} }}
		s := svc.start(t, func(o *Options) { o.Calls = 1 })
		var writers conc.WaitGroup
		write := func(rows int) {
			writers.Go(func() {
				b := numbered("A", 0, rows, 60_000)
				defer b.Release()
				if _, err := s.Write(context.WithoutCancel(t.Context()), b); !errors.Is(err, ErrClosed) {
					t.Errorf("write: got %v; want %v", err, ErrClosed)
				}
			})
			synctest.Wait()
		}
		write(10)
		write(10) // does not fit the call of the first
		<-time.After(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: got %v; want the context's error", err)
		}
		writers.Wait()
	})
}

// A defect while sending must come back from Write, not hang it.
func TestPanicIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := service{answer: func(post) reply { panic("defect") }}
		s := svc.start(t)
		svc.answer = nil
		s.streams["A"].lanes.all[0].rule.pauses = nil // the next use of it panics
		b := numbered("A", 0, 1, 1)
		defer b.Release()
		if _, err := s.Write(t.Context(), b); err == nil || !strings.Contains(err.Error(), "nil pointer") {
			t.Errorf("got error %v; want the panic", err)
		}
	})
}

func TestWriteRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var svc service
		s := svc.start(t)
		f := func(b *batch.Batch, want fault.Reason) {
			t.Helper()
			defer b.Release()
			var rejected []sink.Rejected
			rejected, err := s.Write(t.Context(), b)
			if len(rejected) > 0 || !fault.IsPermanent(err) || fault.ReasonOf(err) != want {
				t.Errorf("got %v, error %v; want reason %s", rejected, err, want)
			}
		}
		f(numbered("Unknown", 0, 1, 1), fault.NoRule)
		schema := arrow.NewSchema([]arrow.Field{{Name: "N", Type: arrow.PrimitiveTypes.Int64}}, nil)
		builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer builder.Release()
		f(&batch.Batch{Meta: batch.Meta{Table: "A"}, Record: builder.NewRecord()}, fault.Undecodable)
	})
}
