package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/bus/bustest"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
	"github.com/logferry/logferry/services/logferry/internal/bucket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bucketName = "org-logs"
	first      = "AWSLogs/1/CloudTrail/eu-west-1/2026/11/01/"
	second     = "AWSLogs/1/CloudTrail/eu-west-1/2026/11/02/"
)

// world is a bucket and a bus on which nobody works.
type world struct {
	t     *testing.T
	cloud *localcloud.Cloud
	bus   *bus.Bus
	conn  connection.Connection
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cloud := cloudtest.Start(t, localcloud.Options{})
	if err := cloud.S3.CreateBucket(bucketName); err != nil {
		t.Fatal(err)
	}
	config := bus.DefaultConfig()
	config.Store = t.TempDir()
	b := bustest.Open(t, config, bus.Topology{Destinations: map[string][]string{"sentinel": {"AWSCloudTrail"}}})
	return &world{t: t, cloud: cloud, bus: b, conn: cloud.Connection("org-trail", "http://localhost/1/feed", "sentinel")}
}

// put stores an object and returns it as it is listed.
func (w *world) put(key string) (o bucket.Object) {
	w.t.Helper()
	if _, err := w.cloud.S3.PutQuietly(bucketName, key, []byte(key)); err != nil {
		w.t.Fatal(err)
	}
	lister := bucket.New(awscred.New(slog.New(slog.DiscardHandler)), w.conn)
	err := lister.Keys(w.t.Context(), bucketName, strings.NewReader(key), func(found bucket.Object) error { o = found; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// done enters an object in the history.
func (w *world) done(o bucket.Object, e ledger.Entry) {
	w.t.Helper()
	e.Object = ledger.KeyOf(o.ID(w.conn.Name))
	if err := w.bus.Ledger().Append(w.t.Context(), w.conn.Name, []ledger.Entry{e}); err != nil {
		w.t.Fatal(err)
	}
}

// seen enters an object in the ledger, and as many of its two parts as settled.
func (w *world) seen(o bucket.Object, settled int, dead uint64) {
	w.t.Helper()
	id := o.ID(w.conn.Name)
	events := []*logferryv1.LedgerEvent{ledger.Seen(&logferryv1.Object{Id: id, Connection: w.conn.Name}), ledger.Fetched(w.conn.Name, id, &logferryv1.Fetched{Parts: 2, Records: 20})}
	for n := range settled {
		events = append(events, ledger.Part(w.conn.Name, id, &logferryv1.PartSettled{Part: uint32(n), Delivered: 10 - dead, Dead: dead}))
	}
	for _, e := range events {
		if _, err := w.bus.Ledger().Record(w.t.Context(), e); err != nil {
			w.t.Fatal(err)
		}
	}
}

// bury stores a dead letter.
func (w *world) bury(l stage.DeadLetter) {
	w.t.Helper()
	l.Stage, l.Connection, l.Reason, l.Error, l.Body = "parser", w.conn.Name, fault.BadRecord, "it is broken", []byte("x")
	if err := w.bus.Graveyard().Bury(w.t.Context(), l); err != nil {
		w.t.Fatal(err)
	}
}

// audit audits November.
func (w *world) audit(change func(*Options)) (sum Count, out, notes string, err error) {
	w.t.Helper()
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var written, told bytes.Buffer
	o := Options{
		Connection: w.conn, Bucket: bucketName, Span: bucket.Span{From: from, To: from.AddDate(0, 0, 20)},
		Carry: "logferry backfill", List: "logferry dead list", Out: &written, Notes: &told,
	}
	change(&o)
	env := &app.Env{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Bus: w.bus}
	sum, err = Run(w.t.Context(), env, o)
	return sum, written.String(), told.String(), err
}

// states returns what the JSON lines say of each object that is not delivered.
func states(t *testing.T, out string) map[string]State {
	t.Helper()
	got := map[string]State{}
	for line := range strings.Lines(out) {
		var l objectLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Type == "object" {
			got[l.Key] = l.State
		}
	}
	return got
}

func asJSON(o *Options) { o.JSON = true }

// Each object is what the history, the ledger and the letters say of it.
func TestStates(t *testing.T) {
	w := newWorld(t)
	want := map[string]State{}
	f := func(name string, state State, prepare func(o bucket.Object)) {
		t.Helper()
		prepare(w.put(first + name))
		if state != Delivered {
			want[first+name] = state
		}
	}
	letter := func(o bucket.Object) stage.DeadLetter {
		return stage.DeadLetter{ID: o.Key, Object: o.ID(w.conn.Name), Bucket: bucketName, Key: o.Key}
	}
	// by the history
	f("delivered", Delivered, func(o bucket.Object) { w.done(o, ledger.Entry{Delivered: 7}) })
	f("twice", Delivered, func(o bucket.Object) { w.done(o, ledger.Entry{Delivered: 1}); w.done(o, ledger.Entry{Delivered: 1}) })
	f("empty", Delivered, func(o bucket.Object) { w.done(o, ledger.Entry{}) })
	// by the letters: open, dismissed, of an object that was tried again
	f("bad-record", Dead, func(o bucket.Object) { w.done(o, ledger.Entry{Delivered: 5, Dead: 1}); w.bury(letter(o)) })
	f("rejected", Dead, func(o bucket.Object) { w.done(o, ledger.Entry{Rejected: true}); w.bury(letter(o)) })
	f("dismissed", Delivered, func(o bucket.Object) { w.done(o, ledger.Entry{Delivered: 5, Dead: 1}) })
	f("redriven", Dead, func(o bucket.Object) {
		w.done(o, ledger.Entry{Rejected: true})
		l := letter(o)
		l.Object, l.ETag = "another", o.ETag
		w.bury(l)
	})
	f("redriven-part", Dead, func(o bucket.Object) {
		w.done(o, ledger.Entry{Dead: 1})
		l := letter(o)
		l.Object = "another"
		w.bury(l)
	})
	f("older-version", Delivered, func(o bucket.Object) {
		w.done(o, ledger.Entry{Delivered: 1})
		l := letter(o)
		l.Object, l.ETag = batch.ObjectID(w.conn.Name, bucketName, o.Key, "", "old"), "old"
		w.bury(l)
	})
	f("never-read", Dead, func(o bucket.Object) { w.bury(letter(o)) })
	// by the ledger
	f("seen", InFlight, func(o bucket.Object) { w.seen(o, 0, 0) })
	f("half", InFlight, func(o bucket.Object) { w.seen(o, 1, 0) })
	f("half-dead", Dead, func(o bucket.Object) { w.seen(o, 1, 1); w.bury(letter(o)) })
	f("complete", Delivered, func(o bucket.Object) { w.seen(o, 2, 0) })
	f("complete-dead", Dead, func(o bucket.Object) { w.seen(o, 2, 1); w.bury(letter(o)) })
	f("complete-dismissed", Delivered, func(o bucket.Object) { w.seen(o, 2, 1) })
	// by none
	f("missing", Missing, func(bucket.Object) {})
	f("folder/", Delivered, func(bucket.Object) {}) // ignored
	w.put("AWSLogs/1/CloudTrail/eu-west-1/2026/10/31/before")

	for range 2 { // what is repaired is in the history the second time
		sum, out, _, err := w.audit(asJSON)
		if err != nil {
			t.Fatal(err)
		}
		got := states(t, out)
		for key := range got {
			if got[key] != want[key] {
				t.Errorf("%s is %s; want %q", key, got[key], want[key])
			}
		}
		if len(got) != len(want) || !slices.IsSorted(keysOf(out, Dead, Missing)[:3]) {
			t.Errorf("got %v; want %v", got, want)
		}
		if want := (Count{Objects: 17, Delivered: 7, Dead: 7, InFlight: 2, Missing: 1, Rows: 7 + 1 + 5 + 5 + 1 + 20 + 18 + 18, Ignored: 1}); sum != want {
			t.Errorf("got %+v; want %+v", sum, want)
		}
	}
	if repaired, err := w.bus.Ledger().Event(t.Context(), w.conn.Name, w.put(first+"complete").ID(w.conn.Name), ledger.EventDone); repaired == nil || err != nil {
		t.Errorf("what was complete is %v, %v in the ledger; want done", repaired, err)
	}
}

// keysOf returns the keys of the states in the order of the lines.
func keysOf(out string, of ...State) (keys []string) {
	for line := range strings.Lines(out) {
		var l objectLine
		if json.Unmarshal([]byte(line), &l) == nil && slices.Contains(of, l.State) {
			keys = append(keys, l.Key)
		}
	}
	return keys
}

// What was in flight is waited for, and what died meanwhile is dead.
func TestWait(t *testing.T) {
	w := newWorld(t)
	good, bad, stuck := w.put(first+"good"), w.put(first+"bad"), w.put(first+"stuck")
	for _, o := range []bucket.Object{good, bad, stuck} {
		w.seen(o, 0, 0)
	}
	sum, _, _, err := w.audit(func(*Options) {})
	if want := (Count{Objects: 3, InFlight: 3}); err != nil || sum != want {
		t.Fatalf("got %+v, %v; want %+v", sum, err, want)
	}
	told := &onWrite{do: func() {
		w.seen(good, 2, 0)
		w.bury(stage.DeadLetter{ID: "bad", Object: bad.ID(w.conn.Name), Bucket: bucketName, Key: bad.Key})
		w.seen(bad, 2, 1)
	}}
	sum, out, _, err := w.audit(func(o *Options) { o.JSON, o.Wait, o.Notes = true, 2500*time.Millisecond, told })
	if want := (Count{Objects: 3, Delivered: 1, Dead: 1, InFlight: 1, Rows: 38}); err != nil || sum != want {
		t.Errorf("got %+v, %v; want %+v", sum, err, want)
	}
	if got := states(t, out); len(got) != 2 || got[bad.Key] != Dead || got[stuck.Key] != InFlight {
		t.Errorf("got %v", got)
	}
	if !strings.HasPrefix(told.text, "audit: waiting for 3 objects in flight\naudit: waiting for 1 objects in flight\n\nsee what is dead: logferry dead list") {
		t.Errorf("told %q", told.text)
	}
}

// onWrite does something when it is first written to.
type onWrite struct {
	do   func()
	text string
}

// Write takes the text.
func (w *onWrite) Write(p []byte) (int, error) {
	if w.text == "" {
		w.do()
	}
	w.text += string(p)
	return len(p), nil
}

// The table has days, the sum, and the first of what is missing or dead.
func TestTable(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.done(w.put(fmt.Sprint(first, i)), ledger.Entry{Delivered: 10})
	}
	for i := range tableObjects + 2 {
		if _, err := w.cloud.S3.PutQuietly(bucketName, fmt.Sprintf("%s%03d", second, i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	f := func(change func(*Options), missing int, wanted ...string) {
		t.Helper()
		_, out, _, err := w.audit(change)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out, "missing  2026-11-02  s3://org-logs/"+second); n != missing {
			t.Errorf("%d objects are listed; want %d:\n%s", n, missing, out)
		}
		text := strings.Join(strings.Fields(out), " ")
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				t.Errorf("printed\n%s\nwant %q", out, want)
			}
		}
	}
	hint := "carry what is missing: logferry backfill"
	f(func(*Options) {}, 100, "2026-11-01 3 3 0 0 0 30 2026-11-02 102 0 0 0 102 0 all 105 3 0 0 102 30",
		"and 2 more: --all lists them", hint, "the history begins at ", "may have been delivered before")
	f(func(o *Options) { o.All = true }, 102, hint)
	f(func(o *Options) { o.Span = bucket.Span{From: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)} }, 0, "all 0 0 0 0 0 0")
	w.put(second + "a/\u202egz")
	f(func(o *Options) { o.Prefix = second + "a" }, 0, `missing 2026-11-02 "s3://org-logs/`+second+`a/\u202egz"`)
	_, out, _, err := w.audit(func(o *Options) { o.Prefix = first })
	if err != nil || strings.Contains(out, "missing:") || strings.Contains(out, "history") {
		t.Errorf("nothing is missing, but it printed\n%s%v", out, err)
	}
}

// JSON lines have every object, the days and the sum; hints go elsewhere.
func TestLines(t *testing.T) {
	w := newWorld(t)
	w.done(w.put(first+"a"), ledger.Entry{Delivered: 10})
	missing := w.put(second + "<b>&")
	w.put("loose")
	_, out, notes, err := w.audit(func(o *Options) { o.JSON, o.Span.To = true, time.Time{} })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		fmt.Sprintf(`{"type":"object","state":"missing","day":"2026-11-02","bucket":"org-logs","key":"%s<b>&","etag":"%s","size":%d,"last_modified":"%s","object":"%s"}`,
			second, missing.ETag, missing.Size, "?", missing.ID(w.conn.Name)),
		"", `{"type":"day","day":"2026-11-01","objects":1,"delivered":1,"dead":0,"in_flight":0,"missing":0,"rows":10}`,
		`{"type":"day","day":"2026-11-02","objects":1,"delivered":0,"dead":0,"in_flight":0,"missing":1,"rows":0}`, "", "",
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %d lines:\n%s", len(lines), out)
	}
	for i, line := range lines {
		if i == 0 {
			before, rest, _ := strings.Cut(line, `"last_modified":"`)
			_, after, _ := strings.Cut(rest, `"`)
			line = before + `"last_modified":"?"` + after
		}
		if want[i] != "" && line != want[i] {
			t.Errorf("got  %s\nwant %s", line, want[i])
		}
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, `{"type":"total","objects":3,"delivered":1,"dead":0,"in_flight":0,"missing":2,"rows":10,"history_begin":"`) || !strings.HasSuffix(last, `"uncertain":true}`) {
		t.Errorf("the last line is %s", last)
	}
	if !strings.Contains(notes, "carry what is missing: logferry backfill") {
		t.Errorf("told %q", notes)
	}
}

// An error of the listing comes out.
func TestListingFails(t *testing.T) {
	w := newWorld(t)
	if _, _, _, err := w.audit(func(o *Options) { o.Bucket = "none" }); err == nil || !strings.Contains(err.Error(), "audit: list s3://none/: the bucket none does not exist") {
		t.Errorf("got %v", err)
	}
}
