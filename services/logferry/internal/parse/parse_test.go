package parse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
)

// parse returns what an object gives in that form.
func parse(t *testing.T, form string, objects ...samplelog.Object) []byte {
	t.Helper()
	var rows, notes bytes.Buffer
	out, err := NewOutput(form, &rows)
	if err != nil {
		t.Fatal(err)
	}
	p := Parser{Formats: all.Formats(), Out: out, Notes: &notes}
	for _, o := range objects {
		if err := p.Object(t.Context(), o.Key, bytes.NewReader(o.Body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if p.Records+p.Objects > 0 {
		t.Fatalf("rejected: %s", notes.String())
	}
	return rows.Bytes()
}

// Objects of every format give a row for each record, more than one flush.
func TestRows(t *testing.T) {
	logs := samplelog.New(1, time.Now())
	f := func(o samplelog.Object) {
		t.Helper()
		if got := bytes.Count(parse(t, JSONLines, o), []byte("\n")); got != o.Records {
			t.Errorf("%s: %d rows; want %d", o.Key, got, o.Records)
		}
	}
	f(logs.CloudTrail(5000))
	f(logs.VPCFlow(2*maxRows + 1))
	f(logs.GuardDuty(30))
}

// A Parquet file holds all rows, a row group for each flush.
func TestParquet(t *testing.T) {
	body := parse(t, Parquet, samplelog.New(2, time.Now()).VPCFlow(maxRows+5))
	r, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.NumRows() != maxRows+5 || r.NumRowGroups() != 2 {
		t.Errorf("%d rows in %d row groups; want %d in 2", r.NumRows(), r.NumRowGroups(), maxRows+5)
	}
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	a, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, mem)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := a.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Release()
	if rows.Schema().Field(0).Name != "TimeGenerated" {
		t.Errorf("first column %s; want TimeGenerated", rows.Schema().Field(0).Name)
	}
}

// Tables of several formats follow one another, each under its own header.
func TestText(t *testing.T) {
	logs := samplelog.New(3, time.Now())
	got := string(parse(t, Table, logs.VPCFlow(3), logs.CloudTrail(2)))
	if lines := strings.Split(got, "\n"); len(lines) != 4+1+3+1 {
		t.Errorf("got %d lines; want two headers, 5 rows, a line between and the end:\n%s", len(lines), got)
	}
}

func TestClip(t *testing.T) {
	f := func(s string, width int, want string) {
		t.Helper()
		if got := clip(s, width); got != want {
			t.Errorf("%q, %d: got %q; want %q", s, width, got, want)
		}
	}
	f("", 3, "")
	f("abc", 3, "abc")
	f("abcd", 3, "ab…")
	f("äöüß", 3, "äö…")
	f("äöü", 3, "äöü")
	f("abc", 1, "…")
}

// Every broken object is noted once, whatever it gives before it breaks.
func TestBroken(t *testing.T) {
	logs := samplelog.New(4, time.Now())
	f := func(kind samplelog.Kind, records, objects int, note string) {
		t.Helper()
		var rows, notes bytes.Buffer
		out, err := NewOutput(JSONLines, &rows)
		if err != nil {
			t.Fatal(err)
		}
		p := Parser{Formats: all.Formats(), Out: out, Notes: &notes}
		o := logs.Broken(kind)
		if err := p.Object(t.Context(), "object", bytes.NewReader(o.Body)); err != nil {
			t.Fatal(err)
		}
		if p.Records != records || p.Objects != objects || !strings.HasPrefix(notes.String(), note) {
			t.Errorf("%s: %d records, %d objects, %q; want %d, %d, %q", kind, p.Records, p.Objects, notes.String(), records, objects, note)
		}
	}
	f(samplelog.Truncated, 0, 1, "object: truncated: ")
	f(samplelog.BadChecksum, 0, 1, "object: corrupt: ")
	f(samplelog.Garbage, 0, 1, "object: unrouted: ")
	f(samplelog.BadRecord, 1, 0, "object: offset ")
	f(samplelog.ZeroBytes, 0, 0, "object: skipped: empty")
	f(samplelog.Digest, 0, 0, "object: skipped: cloudtrail_digest")
	f(samplelog.TwiceZipped, 0, 0, "")
}

// Trouble with the reader, the output or the context is no fault of the
// object.
func TestTrouble(t *testing.T) {
	o := samplelog.New(5, time.Now()).CloudTrail(50)
	broken := errors.New("broken")
	f := func(ctx context.Context, r io.Reader, w io.Writer, want error) {
		t.Helper()
		out, err := NewOutput(JSONLines, w)
		if err != nil {
			t.Fatal(err)
		}
		p := Parser{Formats: all.Formats(), Out: out, Notes: io.Discard}
		err = errors.Join(p.Object(ctx, o.Key, r), out.Close())
		if !errors.Is(err, want) || p.Objects > 0 {
			t.Errorf("got %v, %d objects; want %v, 0", err, p.Objects, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	f(ended, bytes.NewReader(o.Body), io.Discard, context.Canceled)
	f(t.Context(), io.MultiReader(bytes.NewReader(o.Body[:500]), iotest.ErrReader(broken)), io.Discard, broken)
	f(t.Context(), bytes.NewReader(o.Body), failing{broken}, broken)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func BenchmarkParse(b *testing.B) {
	logs := samplelog.New(6, time.Now())
	for name, o := range map[string]samplelog.Object{"cloudtrail": logs.CloudTrail(2000), "vpcflow": logs.VPCFlow(10000)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(o.RawBytes))
			b.ReportAllocs()
			for b.Loop() {
				out, err := NewOutput(JSONLines, io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				p := Parser{Formats: all.Formats(), Out: out, Notes: io.Discard}
				if err := p.Object(b.Context(), o.Key, bytes.NewReader(o.Body)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(o.Records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
