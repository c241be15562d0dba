package cloud

import (
	"math/bits"
	"time"

	"github.com/logferry/logferry/tests/load/internal/report"
)

// Histogram counts durations in buckets that are at most 1/16 wide of what
// they hold, from a microsecond on. The zero value is empty.
type Histogram struct {
	// Buckets are as long as the largest duration asks for.
	Buckets []int64
	// Max is the largest duration.
	Max time.Duration
}

const (
	steps    = 16 // buckets from one power of two to the next
	stepBits = 4
)

// bucket returns the bucket of a duration.
func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < steps {
		return int(us)
	}
	shift := bits.Len64(us) - stepBits - 1
	return shift*steps + int(us>>shift)
}

// middle returns the duration in the middle of a bucket.
func middle(bucket int) time.Duration {
	if bucket < 2*steps {
		return time.Duration(bucket) * time.Microsecond
	}
	shift := bucket/steps - 1
	low := uint64(bucket-shift*steps) << shift
	return time.Duration(low+1<<shift/2) * time.Microsecond
}

// add counts n durations of d.
func (h *Histogram) add(d time.Duration, n int64) {
	b := bucket(d)
	if b >= len(h.Buckets) {
		h.Buckets = append(h.Buckets, make([]int64, b+1-len(h.Buckets))...)
	}
	h.Buckets[b] += n
	h.Max = max(h.Max, d)
}

// minus returns what h counted after the earlier one. The largest duration of
// the difference is known as closely as its bucket.
func (h Histogram) minus(earlier Histogram) Histogram {
	d := Histogram{Buckets: append([]int64(nil), h.Buckets...)}
	for i, n := range earlier.Buckets {
		d.Buckets[i] -= n
	}
	for i, n := range d.Buckets {
		if n > 0 {
			d.Max = min(middle(i), h.Max)
		}
	}
	return d
}

// Quantile returns the duration that a share q of all are at most; 0 when
// there are none.
func (h Histogram) Quantile(q float64) time.Duration {
	var total int64
	for _, n := range h.Buckets {
		total += n
	}
	rank := int64(q * float64(total))
	for i, n := range h.Buckets {
		if rank -= n; rank < 0 {
			return min(middle(i), h.Max)
		}
	}
	return h.Max
}

// Lag returns the quantiles that a report shows.
func (h Histogram) Lag() report.Lag {
	return report.Lag{
		P50: millis(h.Quantile(0.5)), P90: millis(h.Quantile(0.9)), P99: millis(h.Quantile(0.99)), Max: millis(h.Max),
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
