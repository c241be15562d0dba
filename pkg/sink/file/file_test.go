package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/gofrs/flock"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/sink/rowjson"
	"github.com/logferry/logferry/pkg/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var tab = sinktest.Tables[0]

func openSink(t testing.TB, directory, format string) *Sink {
	t.Helper()
	s, err := Open(connection.Destination{Name: "files", Directory: directory, Format: format},
		Options{Linger: time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeSink(t testing.TB, s *Sink) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestConformance(t *testing.T) {
	for format, read := range map[string]func(*testing.T, string) []string{JSONLines: readLines, Parquet: readTables} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			sinktest.Run(t, func(t *testing.T) sinktest.Fixture {
				directory := t.TempDir()
				return sinktest.Fixture{
					Sink:  openSink(t, directory, format),
					Rows:  func(t *testing.T, table string) []string { return read(t, filepath.Join(directory, table)) },
					Break: func(t *testing.T) func() { return breakTable(t, filepath.Join(directory, tab)) },
				}
			})
		})
	}
}

// breakTable puts a file where the table's directory must be.
func breakTable(t *testing.T, directory string) (mend func()) {
	t.Helper()
	if err := os.WriteFile(directory, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(directory); err != nil {
			t.Error(err)
		}
	}
}

func glob(t *testing.T, parts ...string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func readLines(t *testing.T, directory string) (rows []string) {
	t.Helper()
	for _, path := range glob(t, directory, "*.jsonl") {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(body) > 0 && !bytes.HasSuffix(body, []byte("\n")) {
			t.Errorf("%s ends within a line", path)
		}
		s := bufio.NewScanner(bytes.NewReader(body))
		for s.Scan() {
			rows = append(rows, s.Text())
		}
	}
	return rows
}

func readTables(t *testing.T, directory string) (rows []string) {
	t.Helper()
	for _, path := range glob(t, directory, "*.parquet") {
		rows = append(rows, readParquet(t, path)...)
	}
	return rows
}

// readParquet reads a file with its own schema, as any reader would.
func readParquet(t *testing.T, path string) (rows []string) {
	t.Helper()
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reader, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	records, err := reader.GetRecordReader(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Release()
	for records.Next() {
		r, err := rowjson.New(records.Record())
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Len() {
			rows = append(rows, string(r.AppendRow(nil, i)))
		}
	}
	return rows
}

func TestNames(t *testing.T) {
	f := func(format, want string) {
		t.Helper()
		directory := t.TempDir()
		s := openSink(t, directory, format)
		write(t, s, 0, 1)
		closeSink(t, s)
		paths := glob(t, directory, "*", "*")
		if len(paths) != 1 || !regexp.MustCompile(want).MatchString(strings.TrimPrefix(paths[0], directory)) {
			t.Errorf("%s: got %q; want one like %s", format, paths, want)
		}
		if left := glob(t, directory, ".*.lock"); len(left) > 0 {
			t.Errorf("%s: %q is left", format, left)
		}
	}
	f("", `^/AWSVPCFlow/\d{4}-\d\d-\d\dT\d\d-[a-z2-7]{8}\.jsonl$`)
	f(JSONLines, `^/AWSVPCFlow/\d{4}-\d\d-\d\dT\d\d-[a-z2-7]{8}\.jsonl$`)
	f(Parquet, `^/AWSVPCFlow/\d{4}-\d\d-\d\dT\d{6}-[a-z2-7]{8}-000001\.parquet$`)
}

func write(t testing.TB, s *Sink, from, n int) {
	t.Helper()
	b := sinktest.Batch(t, memory.DefaultAllocator, tab, from, n)
	defer b.Release()
	if rejected, err := s.Write(t.Context(), b); err != nil || len(rejected) > 0 {
		t.Errorf("write: rejected %v, error %v; want neither", rejected, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	f := func(d connection.Destination, want string) {
		t.Helper()
		_, err := Open(d, Options{Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: got error %v; want one that begins with %q", d, err, want)
		}
	}
	occupied := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(occupied, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f(connection.Destination{Directory: t.TempDir(), Format: "csv"}, "format: ")
	f(connection.Destination{Directory: occupied}, "directory: ")
}

func TestTableNamesStayBelowTheDirectory(t *testing.T) {
	s := openSink(t, t.TempDir(), JSONLines)
	defer closeSink(t, s)
	for _, name := range []string{"", "..", "a/b", "../up", "a b", ".hidden", strings.Repeat("x", 129)} {
		b := sinktest.Batch(t, memory.DefaultAllocator, tab, 0, 1)
		b.Meta.Table = name
		if _, err := s.Write(t.Context(), b); err == nil {
			t.Errorf("table %q was written", name)
		}
		b.Release()
	}
}

func TestEachHourHasItsFile(t *testing.T) {
	directory := t.TempDir()
	l := &lines{directory: directory, process: "p"}
	hour := time.Date(2026, 11, 23, 14, 59, 59, 0, time.FixedZone("", 3600))
	f := func(at time.Time, body, want string, text string) {
		t.Helper()
		file, end, err := l.append([]byte(body), at)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.sync(file, end); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(directory, want))
		if err != nil || string(got) != text {
			t.Errorf("%s holds %q, error %v; want %q", want, got, err, text)
		}
	}
	f(hour, "1\n", "2026-11-23T13-p.jsonl", "1\n")
	f(hour, "2\n", "2026-11-23T13-p.jsonl", "1\n2\n")
	f(hour.Add(time.Second), "3\n", "2026-11-23T14-p.jsonl", "3\n")
	// the clock was set back: nothing is added to a file that was closed
	f(hour, "4\n", "2026-11-23T13-p-2.jsonl", "4\n")
	// a file that failed is followed by another
	l.file.failed = errors.New("sync failed")
	f(hour, "5\n", "2026-11-23T13-p-3.jsonl", "5\n")
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

// After a sync that failed, what is not known to be on disk is cut off and
// every Write concerned hears of it.
func TestFailedSync(t *testing.T) {
	directory := t.TempDir()
	l := &lines{directory: directory, process: "p"}
	add := func(body string) (*lineFile, int64) {
		t.Helper()
		f, end, err := l.append([]byte(body), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return f, end
	}
	f, end := add("durable\n")
	if err := l.sync(f, end); err != nil {
		t.Fatal(err)
	}
	_, lost := add("lost\n")
	_, also := add("also lost\n")
	if err := l.fail(f, errors.New("input/output error")); err == nil {
		t.Error("fail gave no error")
	}
	if err := l.sync(f, end); err != nil {
		t.Errorf("the durable row: got error %v", err)
	}
	for _, end := range []int64{lost, also} {
		if err := l.sync(f, end); err == nil {
			t.Error("a row that is not durable was reported as written")
		}
	}
	next, end := add("again\n")
	if err := l.sync(next, end); err != nil || next == f {
		t.Errorf("after the failure: error %v, same file %v; want a new file", err, next == f)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if got := readLines(t, directory); !slices.Equal(got, []string{"again", "durable"}) && !slices.Equal(got, []string{"durable", "again"}) {
		t.Errorf("got rows %q; want durable and again", got)
	}
}

// A batch that fits only in part leaves nothing. The limit of file sizes is
// the disk that fills up: the file is replaced by one that takes no bytes.
func TestPartialAppendIsCutOff(t *testing.T) {
	directory := t.TempDir()
	l := &lines{directory: directory, process: "p"}
	if _, _, err := l.append([]byte("whole\n"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.file.Write([]byte("half a l")); err != nil { // what a full disk lets pass
		t.Fatal(err)
	}
	if err := l.file.cut(l.file.written); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.append([]byte("next\n"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := readLines(t, directory); !slices.Equal(got, []string{"whole", "next"}) {
		t.Errorf("got %q; want whole and next", got)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := &lineFile{File: full}
	if _, err := f.append([]byte("row\n")); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("got error %v; want that of a full disk", err)
	}
	if f.written != 0 || f.failed == nil {
		t.Errorf("a file that cannot be cut stays in use")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestParquetGathersBatches(t *testing.T) {
	directory := t.TempDir()
	s := openSink(t, directory, Parquet)
	var writers conc.WaitGroup
	for i := range 16 {
		writers.Go(func() { write(t, s, i*10, 10) })
	}
	writers.Wait()
	closeSink(t, s)
	if files := glob(t, directory, tab, "*"); len(files) > 8 {
		t.Errorf("16 batches at once made %d files", len(files))
	}
	if rows := readTables(t, filepath.Join(directory, tab)); len(rows) != 160 {
		t.Errorf("got %d rows; want 160", len(rows))
	}
}

func TestParquetLinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tables := &tables{linger: time.Second, queue: make(chan *pending), stop: make(chan struct{})}
		b := sinktest.Batch(t, memory.DefaultAllocator, tab, 0, 1)
		defer b.Release()
		var feed conc.WaitGroup
		send := func(n int, every time.Duration) {
			feed.Go(func() {
				for range n {
					<-time.After(every)
					select {
					case tables.queue <- &pending{record: b.Record}:
					case <-tables.stop:
						return
					}
				}
			})
		}
		f := func(n int, every time.Duration, want int, within time.Duration) {
			t.Helper()
			send(n, every)
			start := time.Now()
			got := len(tables.gather())
			if took := time.Since(start) - every; got != want || took > within {
				t.Errorf("%d batches, one every %v: gathered %d in %v; want %d within %v", n, every, got, took, want, within)
			}
		}
		f(1, time.Millisecond, 1, quiet)
		f(10, 10*time.Millisecond, 10, 90*time.Millisecond+quiet)
		f(1000, 40*time.Millisecond, 25, time.Second) // till the linger time is over
		close(tables.stop)
		feed.Wait()
		if tables.gather() != nil {
			t.Error("a closed writer gathers")
		}
	})
}

func TestOtherSchemaOtherFile(t *testing.T) {
	directory := t.TempDir()
	s := openSink(t, directory, Parquet)
	var writers conc.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			b := sinktest.Batch(t, memory.DefaultAllocator, sinktest.Tables[i%2], i, 1)
			defer b.Release()
			b.Meta.Table = tab // an older version of the service knew other columns
			if _, err := s.Write(t.Context(), b); err != nil {
				t.Errorf("write: %v", err)
			}
		})
	}
	writers.Wait()
	closeSink(t, s)
	if rows := readTables(t, filepath.Join(directory, tab)); len(rows) != 4 {
		t.Errorf("got %d rows; want 4", len(rows))
	}
}

func TestMendAfterCrash(t *testing.T) {
	directory := t.TempDir()
	put := func(name, text string) string {
		t.Helper()
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// one process died, one lives, one ended well
	put(".dead.lock", "")
	alive := flock.New(put(".alive.lock", ""))
	if ok, err := alive.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer alive.Close()
	long := strings.Repeat("x", 200_000)
	files := map[string]struct{ text, want string }{
		"A/2026-11-23T14-dead.jsonl":              {"{}\n{\"a\":", "{}\n"},
		"A/2026-11-23T15-dead.jsonl":              {"{}\n", "{}\n"},
		"A/2026-11-23T15-dead-2.jsonl":            {long, ""},
		"B/2026-11-23T14-dead.jsonl":              {"{}\n" + long, "{}\n"},
		"B/2026-11-23T16-dead.jsonl":              {"", ""},
		"A/2026-11-23T14-alive.jsonl":             {"{}\n{", "{}\n{"},
		"A/2026-11-23T14-other.jsonl":             {"{", "{"},
		"A/2026-11-23T140000-dead-000001.parquet": {"PAR1", "PAR1"},
		"A/2026-11-23T140000-alive-1.parquet.tmp": {"PAR1", "PAR1"},
		"A/2026-11-23T140000-dead-02.parquet.tmp": {"PAR1", "removed"},
	}
	for name, f := range files {
		put(name, f.text)
	}
	s := openSink(t, directory, JSONLines)
	defer closeSink(t, s)
	for name, f := range files {
		got, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			got = []byte("removed")
		}
		if string(got) != f.want {
			t.Errorf("%s: got %.40q; want %.40q", name, got, f.want)
		}
	}
	if locks := glob(t, directory, ".*.lock"); len(locks) != 2 {
		t.Errorf("got locks %q; want those of the living", locks)
	}
}

func BenchmarkWriteLines(b *testing.B) {
	s := openSink(b, b.TempDir(), JSONLines)
	defer closeSink(b, s)
	rows := sinktest.Batch(b, memory.DefaultAllocator, "AWSCloudTrail", 0, 700)
	defer rows.Release()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Write(context.Background(), rows); err != nil {
				b.Error(err)
			}
		}
	})
}
