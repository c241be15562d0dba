package cloud

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
	"github.com/logferry/logferry/pkg/table"
)

// TestRealParsers holds objects of every format against Logferry's own
// parsers: each record becomes a row that carries its number.
func TestRealParsers(t *testing.T) {
	g := samplelog.New(1, time.Now())
	for i, f := range []Format{Trail, VPCFlow, GuardDuty} {
		g.Mark(uint32(i + 1))
		o := write(g, f, 500)
		format, ok := all.Formats().ByKey(o.Key)
		if !ok {
			t.Fatalf("no format owns %s", o.Key)
		}
		r, err := gzip.NewReader(bytes.NewReader(o.Body))
		if err != nil {
			t.Fatal(err)
		}
		split, rows := format.Split(r), table.NewRows(format.Schema())
		n := 0
		for ; ; n++ {
			record, err := split.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			parse, err := format.Parser(split.Layout())
			if err != nil {
				t.Fatal(err)
			}
			if err := parse(record.Bytes, rows); err != nil {
				t.Fatal(err)
			}
			rows.Commit()
		}
		if n != 500 {
			t.Errorf("%s: got %d rows; want 500", f, n)
		}
	}
}

// TestMixture has every kind in it, and the weights add up.
func TestMixture(t *testing.T) {
	sum := 0
	for _, k := range mixture() {
		sum += k.weight
	}
	if sum != 10_000 {
		t.Errorf("got weights of %d in all; want 10,000", sum)
	}
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[Format]int{}
	events := 0
	for range 100_000 {
		f, n := Load{Shape: Mixed}.next(random)
		seen[f]++
		events += n
	}
	if len(seen) != 3 || events/100_000 < 500 || events/100_000 > 3000 {
		t.Errorf("got objects %v of %d events on average; want three formats and about 1,400", seen, events/100_000)
	}
	f := func(shape Shape, low, high int) {
		t.Helper()
		sum := 0
		for range 10_000 {
			_, n := Load{Shape: shape}.next(random)
			sum += n
		}
		if mean := float64(sum) / 10_000; mean < float64(low) || mean > float64(high) {
			t.Errorf("%s: got %.2f events an object; want %d to %d", shape, mean, low, high)
		}
	}
	f(Tiny, 2, 4)
	f(Medium, 2000, 2000)
	f(Large, 300_000, 400_000)
}
