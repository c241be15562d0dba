package dead

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
)

// What every stage has given up is carried once its cause is mended; what dies
// again is in a new letter.
func TestRedrive(t *testing.T) {
	w := newWorld(t)
	w.beside(func(ctx context.Context, env *app.Env) {
		a := w.put("AWSLogs/vpcflowlogs/a.log", flows("10.0.0.1", "10.0.0.2", "10.0.0.3"))
		b := w.put("AWSLogs/vpcflowlogs/b.log", flows("10.0.1.1"))
		done := w.put("AWSLogs/vpcflowlogs/done.log", flows("10.0.1.9"))
		w.bury(ctx, env,
			objectLetter("AWSLogs/vpcflowlogs/a.log", a, 1), // one record was sent on
			objectLetter("AWSLogs/vpcflowlogs/gone.log", "e", 0),
			recordLetter("good", flow("10.0.2.1")), recordLetter("bad", "no flow log"),
			w.rawLetter("raw", flow("10.0.3.1"), flow("10.0.3.2"), "no"),
			w.rowsLetter("rows", flow("10.0.4.1"), flow("10.0.4.2")),
			messageLetter("m", [3]string{"logs", "AWSLogs/vpcflowlogs/b.log", b}, [3]string{"logs", "AWSLogs/vpcflowlogs/done.log", done}),
		)
		// the history has long known one object of the message
		key := ledger.KeyOf(batch.ObjectID("acme", "logs", "AWSLogs/vpcflowlogs/done.log", "", done))
		if err := env.Bus.Ledger().Append(ctx, "acme", []ledger.Entry{{Object: key, Delivered: 1}}); err != nil {
			t.Fatal(err)
		}
		var notes strings.Builder
		got, err := Redrive(ctx, env, Choice{}, &notes)
		want := Outcome{Closed: 7, Delivered: 8, Dead: 2, Rejected: 1}
		if err != nil || got != want {
			t.Errorf("outcome = %+v, %v; want %+v\n%s", got, err, want, notes.String())
		}
		left := w.left(ctx, env)
		if slices.Sort(left); !slices.Equal(left, []string{"bad_record", "bad_record", "object_missing"}) {
			t.Errorf("left are letters of %q", left)
		}
		if n, seconds := lag(t, env); n == 0 || seconds > 60 {
			t.Errorf("the lag of %d parts is %v s; want that of the redrive", n, seconds)
		}
	})
	want := []string{"10.0.0.2", "10.0.0.3", "10.0.1.1", "10.0.2.1", "10.0.3.1", "10.0.3.2", "10.0.4.1", "10.0.4.2"}
	if got := w.rows(); !slices.Equal(got, want) {
		t.Errorf("rows = %q; want %q", got, want)
	}
}

// lag returns how many parts were measured, and the sum of their lags.
func lag(t *testing.T, env *app.Env) (parts uint64, seconds float64) {
	t.Helper()
	families, err := env.Metrics.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "logferry_lag_seconds" {
				parts += m.GetHistogram().GetSampleCount()
				seconds += m.GetHistogram().GetSampleSum()
			}
		}
	}
	return parts, seconds
}

// What cannot be redriven says why, and stays.
func TestRedriveRefuses(t *testing.T) {
	f := func(want string, l func(*world) stage.DeadLetter) {
		t.Helper()
		w := newWorld(t)
		w.run(nil, func(ctx context.Context, env *app.Env) {
			w.bury(ctx, env, l(w))
			var out strings.Builder
			if refused, err := DryRun(ctx, env, Choice{}, &out); refused != 1 || err != nil || !strings.Contains(out.String(), want) {
				t.Errorf("a dry run refuses %d, %v: %s; want %q", refused, err, out.String(), want)
			}
			env.Metrics = prometheus.NewRegistry()
			var notes strings.Builder
			got, err := Redrive(ctx, env, Choice{}, &notes)
			if got != (Outcome{Refused: 1}) || err != nil || !strings.Contains(notes.String(), want) {
				t.Errorf("outcome = %+v, %v: %s; want %q", got, err, notes.String(), want)
			}
			if left := w.left(ctx, env); len(left) != 1 {
				t.Errorf("left are %q; want the letter", left)
			}
		})
	}
	// the letter does not hold the whole
	f("it lies in s3://logs/k#2@120", func(*world) stage.DeadLetter {
		l := recordLetter("cut", "abc")
		l.BodySize = 2_000_000
		return l
	})
	// it holds what cannot be read
	f("decode batch", func(*world) stage.DeadLetter {
		l := recordLetter("broken", "abc")
		l.ContentType = arrowStream
		return l
	})
	f(`format "syslog" is not known`, func(*world) stage.DeadLetter {
		l := recordLetter("format", "abc")
		l.Format = "syslog"
		return l
	})
	f("none of the known shapes", func(*world) stage.DeadLetter {
		l := messageLetter("m")
		l.Body = []byte(`{}`)
		return l
	})
	f("cannot be carried", func(*world) stage.DeadLetter {
		l := recordLetter("what", "abc")
		l.ContentType = "text/plain"
		return l
	})
	// the configuration does not let it pass
	f("add it to connections[].buckets", func(*world) stage.DeadLetter { return messageLetter("m", [3]string{"other", "k", "e"}) })
	f("connection gone is not in the configuration", func(*world) stage.DeadLetter {
		l := objectLetter("k", "e", 0)
		l.Connection = "gone"
		return l
	})
	f(`destination "gone" has no rule`, func(w *world) stage.DeadLetter {
		l := w.rowsLetter("rows", flow("10.0.0.1"))
		l.Destination = "gone"
		return l
	})
}

// A redrive that was interrupted is gone on with; two at a time are one.
func TestRedriveIsOnce(t *testing.T) {
	w := newWorld(t)
	var letters []stage.DeadLetter
	var want []string
	for i := range 40 {
		letters = append(letters, recordLetter(fmt.Sprint(i), flow(fmt.Sprintf("10.1.0.%d", 100+i))))
		want = append(want, fmt.Sprintf("10.1.0.%d", 100+i))
	}
	w.run(nil, func(ctx context.Context, env *app.Env) { // nobody carries anything
		w.bury(ctx, env, letters...)
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := Redrive(ctx, env, Choice{}, new(strings.Builder))
		if err == nil || !strings.Contains(err.Error(), "interrupted with 40 letters left") {
			t.Errorf("err = %v; want that it was interrupted", err)
		}
		if left := w.left(context.WithoutCancel(ctx), env); len(left) != 40 {
			t.Errorf("%d letters left; want all", len(left))
		}
	})
	w.beside(func(ctx context.Context, env *app.Env) {
		both := conc.NewWaitGroup()
		for range 2 {
			own := *env
			own.Metrics = prometheus.NewRegistry()
			both.Go(func() {
				if o, err := Redrive(ctx, &own, Choice{}, new(strings.Builder)); err != nil || o.Dead != 0 {
					t.Errorf("outcome = %+v, %v", o, err)
				}
			})
		}
		both.Wait()
		if left := w.left(ctx, env); len(left) != 0 {
			t.Errorf("left are %q; want none", left)
		}
	})
	if got := w.rows(); !slices.Equal(got, want) {
		t.Errorf("rows = %q; want each once", got)
	}
}

// An object that dies before its records are reached again keeps what it knows
// of those that were sent.
func TestRedriveKeepsWhatWasSent(t *testing.T) {
	w := newWorld(t)
	key := "AWSLogs/vpcflowlogs/late.log"
	w.beside(func(ctx context.Context, env *app.Env) {
		w.bury(ctx, env, objectLetter(key, "", 2))
		o, err := Redrive(ctx, env, Choice{}, new(strings.Builder))
		if err != nil || o.Rejected != 1 {
			t.Fatalf("outcome = %+v, %v; want that it is missing", o, err)
		}
		w.put(key, flows("10.2.0.1", "10.2.0.2", "10.2.0.3"))
		env.Metrics = prometheus.NewRegistry()
		o, err = Redrive(ctx, env, Choice{Filter: bus.LetterFilter{Reason: "object_missing"}}, new(strings.Builder))
		if err != nil || o != (Outcome{Closed: 1, Delivered: 1}) {
			t.Errorf("outcome = %+v, %v; want one record delivered", o, err)
		}
	})
	if got := w.rows(); !slices.Equal(got, []string{"10.2.0.3"}) {
		t.Errorf("rows = %q; want those that were not sent", got)
	}
}
