package format

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/logferry/logferry/pkg/fault"
)

// readers are ways to read the same text: whatever the chunks, the cuts must
// be the same.
var readers = map[string]func(io.Reader) io.Reader{
	"whole":    func(r io.Reader) io.Reader { return r },
	"bytes":    iotest.OneByteReader,
	"halves":   iotest.HalfReader,
	"data+EOF": iotest.DataErrReader,
}

// cuts renders what a splitter makes of a text: "offset:record" for each
// record, "offset+size too long" for each that is set aside, and the error
// that ends it, if that is not io.EOF.
func cuts(s Splitter) []string {
	var got []string
	for {
		record, err := s.Next()
		if tooLong, ok := errors.AsType[*RecordError](err); ok {
			got = append(got, strconv.FormatInt(tooLong.Offset, 10)+"+"+strconv.FormatInt(tooLong.Size, 10)+" too long")
			continue
		}
		switch {
		case err == io.EOF:
			return got
		case fault.IsPermanent(err):
			return append(got, string(fault.ReasonOf(err))+": "+err.Error())
		case err != nil:
			return append(got, err.Error())
		}
		got = append(got, strconv.FormatInt(record.Offset, 10)+":"+string(record.Bytes))
	}
}

func testCuts(t *testing.T, split func(io.Reader) Splitter, text string, want ...string) {
	t.Helper()
	for name, reader := range readers {
		if len(text) > MaxRecordBytes && name == "bytes" {
			continue // covered by halves, in less time
		}
		got := cuts(split(reader(strings.NewReader(text))))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.100q read by %s (-want +got):\n%.1000s", text, name, diff)
		}
	}
}

func TestSplitLines(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		testCuts(t, func(r io.Reader) Splitter { return SplitLines(r) }, text, want...)
	}

	// Nothing at all, or nothing of worth.
	f("")
	f("\n")
	f("\ufeff")
	f("\r\n \t\r\n\n")
	f("\x00\x00\x00")

	// Line ends: LF, CRLF, none, and a CR that ends nothing.
	f("one", "0:one")
	f("one\n", "0:one")
	f("one\ntwo\n", "0:one", "4:two")
	f("one\r\ntwo\r\n", "0:one", "5:two")
	f("one\r\ntwo\r", "0:one", "5:two")
	f("o\rne\ntwo", "0:o\rne", "5:two")

	// Blank lines, padding, a byte order mark; white space inside a line.
	f("one\n\n \t\n\r\ntwo\n", "0:one", "10:two")
	f("one\n\x00\x00\x00", "0:one")
	f("\ufeffone\ntwo", "3:one", "7:two")
	f("one\n\ufefftwo", "0:one", "4:\ufefftwo")
	f(" one \n\ttwo\t", "0: one ", "6:\ttwo\t")

	// The longest line that is carried, and longer ones among others.
	long := strings.Repeat("x", MaxRecordBytes)
	f(long, "0:"+long)
	f(long+"\r\none", "0:"+long, "1000002:one")
	f(long+"y", "0+1000001 too long")
	f("one\n"+long+"y\r\ntwo\n", "0:one", "4+1000001 too long", "1000007:two")
	f(long+long+long+"\r\n"+long+"\n", "0+3000000 too long", "3000002:"+long)
}

func TestSplitLinesReaderError(t *testing.T) {
	broken := errors.New("broken pipe")
	r := io.MultiReader(strings.NewReader("one\ntwo\nthr"), iotest.ErrReader(broken))
	got := cuts(SplitLines(r))
	want := []string{"0:one", "4:two", "broken pipe"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

// A reader that gives neither bytes nor an error must not be asked for ever.
func TestSplitLinesNoProgress(t *testing.T) {
	got := cuts(SplitLines(idle{}))
	if want := []string{io.ErrNoProgress.Error()}; !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestRecordErrorHead(t *testing.T) {
	text := "head" + strings.Repeat("x", 2*MaxRecordBytes)
	for name, reader := range readers {
		if name == "bytes" {
			continue
		}
		_, err := SplitLines(reader(strings.NewReader(text))).Next()
		tooLong, ok := errors.AsType[*RecordError](err)
		if !ok || string(tooLong.Head) != text[:headBytes] {
			t.Errorf("read by %s: got %v; want a RecordError with the first %d bytes", name, err, headBytes)
		}
		if got := fault.ReasonOf(err); got != fault.RecordTooLarge {
			t.Errorf("read by %s: reason %s; want %s", name, got, fault.RecordTooLarge)
		}
	}
}

// No line is lost: the records and what was passed over make up the text.
func FuzzSplitLines(f *testing.F) {
	f.Add("\ufeffone\r\n\ntwo\x00\n three ")
	f.Fuzz(func(t *testing.T, text string) {
		got := cuts(SplitLines(strings.NewReader(text)))
		if bytewise := cuts(SplitLines(iotest.OneByteReader(strings.NewReader(text)))); !slices.Equal(got, bytewise) {
			t.Errorf("got %q at once, %q byte by byte", got, bytewise)
		}
		var want []string
		for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if strings.Trim(line, " \t\r\x00") != "" {
				want = append(want, line)
			}
		}
		for i := range got {
			_, got[i], _ = strings.Cut(got[i], ":")
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q; want %q", got, want)
		}
	})
}

func BenchmarkSplitLines(b *testing.B) {
	line := "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
	text := strings.Repeat(line, 10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := SplitLines(strings.NewReader(text))
		for {
			if _, err := s.Next(); err != nil {
				break
			}
		}
	}
}
