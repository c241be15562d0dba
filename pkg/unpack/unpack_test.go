package unpack_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/unpack"
)

const flows = "version account-id srcaddr\n2 123456789012 10.0.0.1\n2 123456789012 10.0.0.2\n"

func gz(texts ...string) string {
	var b bytes.Buffer
	for _, text := range texts { // each its own member
		z := gzip.NewWriter(&b)
		io.WriteString(z, text)
		z.Close()
	}
	return b.String()
}

func zs(texts ...string) string {
	var b bytes.Buffer
	for _, text := range texts { // each its own frame
		z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err)
		}
		io.WriteString(z, text)
		z.Close()
	}
	return b.String()
}

// unpacked returns what comes out of an object, and the error that ended it.
func unpacked(r io.Reader, limits unpack.Limits) (string, error) {
	return unpackedFrom(new(unpack.Pool), r, limits)
}

func unpackedFrom(pool *unpack.Pool, r io.Reader, limits unpack.Limits) (string, error) {
	u, err := pool.Open(r, limits)
	if err != nil {
		return "", err
	}
	defer u.Close()
	text, err := io.ReadAll(u)
	return string(text), err
}

func TestOpen(t *testing.T) {
	f := func(object, want string, reason fault.Reason) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(object), iotest.OneByteReader(strings.NewReader(object)), iotest.DataErrReader(strings.NewReader(object))} {
			got, err := unpacked(r, unpack.Limits{})
			if got != want {
				t.Errorf("unpack %.20q: got %.80q; want %.80q", object, got, want)
			}
			checkReason(t, err, reason)
		}
	}

	// no container: text, nothing, and what only looks like the start of one
	f(flows, flows, "")
	f("", "", "")
	f("\x1f", "\x1f", "")
	f("\x1f\x8c", "\x1f\x8c", "")
	f("PAR", "PAR", "")

	// one layer, of one or more members or frames
	f(gz(flows), flows, "")
	f(gz(""), "", "")
	f(gz("", flows[:10], "", flows[10:]), flows, "")
	f(zs(flows), flows, "")
	f(zs(flows[:10], flows[10:]), flows, "")

	// zeros after a member
	f(gz(flows)+strings.Repeat("\x00", 700), flows, "")
	f(gz(flows[:10])+"\x00"+gz(flows[10:]), flows, "")

	// several layers, at most three
	f(gz(gz(flows)), flows, "")
	f(gz(zs(gz(flows))), flows, "")
	f(gz(gz(gz(gz(flows)))), "", fault.Unsupported)

	// what is wrong comes after all data before it
	f(gz(flows)[:len(gz(flows))-4], flows, fault.Truncated)
	f(gz(flows)+"\x1f\x8b\x08", flows, fault.Truncated)
	f(gz(flows)+"garbage, and more of it", flows, fault.Corrupt)
	f(gz(flows)+"!", flows, fault.Corrupt)
	f(gz(flows[:10])+gz(flows[10:])[:12], flows[:10], fault.Truncated)
	f(swap(gz(flows), -8), flows, fault.Corrupt) // CRC
	f(swap(gz(flows), 2), "", fault.Corrupt)     // method
	f(swap(zs(flows), -1), "", fault.Corrupt)    // checksum
	f(gz(gz(flows)[:30]), flows[:15], fault.Truncated)
	f("PAR1", "", fault.Truncated)
}

// swap flips the bits of one byte; a negative index counts from the end.
func swap(s string, i int) string {
	b := []byte(s)
	b[(i+len(b))%len(b)] ^= 0xff
	return string(b)
}

func checkReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if want == "" && err != nil || want != "" && (!fault.IsPermanent(err) || fault.ReasonOf(err) != want) {
		t.Errorf("got error %v; want reason %q", err, want)
	}
}

// An object cut at any byte is truncated, unless the cut is between members;
// a reader that breaks there is not to be mistaken for that.
func TestEveryCut(t *testing.T) {
	broken := errors.New("connection reset")
	f := func(object, want string, whole ...int) {
		t.Helper()
		for cut := range len(object) {
			got, err := unpacked(strings.NewReader(object[:cut]), unpack.Limits{})
			plain := cut < 2 || cut < 4 && object[0] == '\x28'
			if len(got) > 1 && !plain && !strings.HasPrefix(want, got) {
				t.Errorf("cut at %d: got %q, no beginning of %q", cut, got, want)
			}
			reason := fault.Truncated
			for _, end := range whole {
				if plain || cut == end {
					reason = ""
				}
			}
			checkReason(t, err, reason)

			for _, cause := range []error{broken, io.ErrUnexpectedEOF} {
				r := io.MultiReader(strings.NewReader(object[:cut]), iotest.ErrReader(cause))
				if _, err := unpacked(r, unpack.Limits{}); err != cause {
					t.Errorf("reader broken at %d: got %v; want %v", cut, err, cause)
				}
			}
		}
	}
	f(gz(flows[:40], flows[40:]), flows, len(gz(flows[:40])))
	f(zs(flows), flows, 0)
	f(gz(gz(flows)), flows, 0)
}

func TestLimits(t *testing.T) {
	f := func(object string, limits unpack.Limits, size int, reason fault.Reason) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(object), iotest.HalfReader(strings.NewReader(object))} {
			u, err := unpack.Open(r, limits)
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			n, err := io.Copy(io.Discard, u)
			u.Close()
			if size >= 0 && n != int64(size) {
				t.Errorf("got %d bytes; want %d", n, size)
			}
			checkReason(t, err, reason)
		}
	}
	zeros := strings.Repeat("\x00", 40<<20)
	bomb := gz(zeros)

	// size: exactly the limit comes out before the fault
	long := strings.Repeat(flows, 20)
	f(gz(long), unpack.Limits{MaxBytes: int64(len(long))}, len(long), "")
	f(gz(long), unpack.Limits{MaxBytes: int64(len(long)) - 1}, len(long)-1, fault.TooLarge)
	f(zs(long), unpack.Limits{MaxBytes: 1000}, 1000, fault.TooLarge)
	f(flows, unpack.Limits{MaxBytes: 20}, 20, fault.TooLarge)
	f(bomb, unpack.Limits{MaxBytes: 1 << 20}, 1<<20, fault.TooLarge)

	// ratio: judged only in what is large
	f(bomb, unpack.Limits{MaxRatio: 2000}, len(zeros), "")
	f(bomb, unpack.Limits{MaxRatio: 100}, -1, fault.TooLarge)
	f(gz(zeros[:16<<20]), unpack.Limits{MaxRatio: 100}, 16<<20, "")
	f(zs(zeros), unpack.Limits{MaxRatio: 100}, -1, fault.TooLarge)

	// a bomb in a lower layer, that nothing comes out of
	f(gz(gz(flows)+zeros), unpack.Limits{MaxBytes: 1 << 20}, len(flows), fault.TooLarge)

	// a window beyond what is allowed: 16 MiB, in a frame header
	f("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00", unpack.Limits{}, 0, fault.Unsupported)
}

func TestPeek(t *testing.T) {
	broken := errors.New("connection reset")
	f := func(r io.Reader, n int, want string, wantErr error) {
		t.Helper()
		u, err := unpack.Open(r, unpack.Limits{})
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		defer u.Close()
		head, err := u.Peek(n)
		if string(head) != want || !errors.Is(err, wantErr) {
			t.Errorf("peek %d: got %q, %v; want %q, %v", n, head, err, want, wantErr)
		}
		text, err := io.ReadAll(u)
		if !strings.HasPrefix(string(text), want) || !errors.Is(err, wantErr) {
			t.Errorf("read after peek: got %q, %v; want %q…, %v", text, err, want, wantErr)
		}
	}
	f(strings.NewReader(flows), 7, "version", nil)
	f(strings.NewReader(gz(flows)), 7, "version", nil)
	f(strings.NewReader(gz(flows)), unpack.MaxPeek+1, flows, nil)
	f(strings.NewReader(""), 10, "", nil)
	f(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 10, "abc", broken)
	f(io.MultiReader(strings.NewReader(gz(flows)), iotest.ErrReader(broken)), unpack.MaxPeek, flows, broken)
}

// Whatever became of the objects before, with whose buffers it is read, an
// object is the same.
func TestPool(t *testing.T) {
	pool := new(unpack.Pool)
	objects := []string{flows, gz(flows), gz(flows)[:30], gz(gz(flows)), swap(gz(flows), 2), zs(flows), gz(flows) + "garbage", gz(gz(gz(gz(flows)))), "PAR1", "",
		"\x1f\x8b\b\x00000000$0\x00\x000", // a block with empty trees
	}
	for _, before := range objects {
		for _, object := range objects {
			_, _ = unpackedFrom(pool, strings.NewReader(before), unpack.Limits{})
			want, wantErr := unpacked(strings.NewReader(object), unpack.Limits{})
			got, err := unpackedFrom(pool, strings.NewReader(object), unpack.Limits{})
			if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%.20q after %.20q: got %q, %v; want %q, %v", object, before, got, err, want, wantErr)
			}
		}
	}
}

func TestSizeHint(t *testing.T) {
	f := func(object string, want int64) {
		t.Helper()
		if got := unpack.SizeHint([]byte(object)); got != want {
			t.Errorf("%.20q: got %d; want %d", object, got, want)
		}
	}
	f(flows, int64(len(flows)))
	f("", 0)
	f(gz(flows), int64(len(flows)))
	f(gz(flows)[:12], 0)
	f("\x1f\x8b", 0)
	f(zs(flows), 0)
	f("PAR1", 0)
}

func TestContainer(t *testing.T) {
	f := func(object, want string) {
		t.Helper()
		u, err := unpack.Open(strings.NewReader(object), unpack.Limits{})
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		defer u.Close()
		if _, err := io.Copy(io.Discard, u); err != nil {
			t.Fatalf("read: %v", err)
		}
		if got := u.Container(); got != want {
			t.Errorf("got container %s; want %s", got, want)
		}
		if got := u.ObjectBytes(); got != int64(len(object)) {
			t.Errorf("got %d bytes read; want %d", got, len(object))
		}
	}
	f(flows, "none")
	f(gz(flows), "gzip")
	f(zs(flows), "zstd")
	f(gz(zs(flows)), "zstd")
}

// Whatever an object holds, reading it ends, the same way however the bytes
// come, and a fault of the object is permanent.
func FuzzOpen(f *testing.F) {
	for _, seed := range []string{"", flows, gz(flows), gz(flows, flows) + "\x00\x00", zs(flows), gz(gz(flows)), gz(zs(flows)[:20]), flowParquet(f), "\x1f\x8b\b\x00000000$0\x00\x000"} {
		f.Add([]byte(seed))
	}
	limits := unpack.Limits{MaxBytes: 1 << 20, MaxSpool: 1 << 20}
	pool := new(unpack.Pool) // holds what earlier objects have left
	f.Fuzz(func(t *testing.T, object []byte) {
		text, err := unpacked(bytes.NewReader(object), limits)
		if err != nil && !fault.IsPermanent(err) {
			t.Errorf("got %v; want a permanent fault", err)
		}
		again, errAgain := unpackedFrom(pool, iotest.HalfReader(bytes.NewReader(object)), limits)
		if again != text || fault.ReasonOf(errAgain) != fault.ReasonOf(err) {
			t.Errorf("got %d bytes and %v; then %d bytes and %v", len(text), err, len(again), errAgain)
		}
	})
}

func BenchmarkGunzip(b *testing.B) {
	var text strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for text.Len() < 4<<20 {
		fmt.Fprintf(&text, "2 123456789012 eni-%017x 10.26.%d.%d 3.239.232.29 %d 443 6 %d %d 1669842701 1669842702 ACCEPT OK\n",
			random.Uint64N(32), random.IntN(8), random.IntN(256), 1024+random.IntN(64000), random.IntN(100), random.IntN(100_000))
	}
	object := gz(text.String())
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	buf := make([]byte, 64<<10)
	for b.Loop() {
		u, err := unpack.Open(strings.NewReader(object), unpack.Limits{MaxRatio: 1000})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, u, buf); err != nil {
			b.Fatal(err)
		}
		u.Close()
	}
}
