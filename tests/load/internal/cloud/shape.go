package cloud

import (
	"fmt"
	"math/rand/v2"

	"github.com/logferry/logferry/pkg/localcloud/samplelog"
)

// large is how many records of a format pack to about 50 MB.
func large(f Format) int {
	switch f {
	case VPCFlow:
		return 2_000_000
	case GuardDuty:
		return 260_000
	}
	return 370_000
}

// kind is a kind of object in the mixture: so many of it in 10,000 objects, of
// so many records.
type kind struct {
	weight   int
	format   Format
	from, to int
}

// mixture is what an organisation's bucket holds: most objects are tiny, from
// the quiet accounts and regions, and most events are in the larger ones.
func mixture() []kind {
	return []kind{
		{6000, Trail, 1, 5},
		{2000, Trail, 50, 500},
		{600, Trail, 2000, 2000},
		{1000, VPCFlow, 200, 20_000},
		{395, GuardDuty, 1, 5},
		{5, Trail, large(Trail), large(Trail)},
	}
}

// check reports whether there are such objects.
func (l Load) check() error {
	switch l.Format {
	case "", Trail, VPCFlow, GuardDuty:
	default:
		return fmt.Errorf("there is no format %q", l.Format)
	}
	switch l.Shape {
	case Tiny, Medium, Large, Mixed:
		return nil
	}
	return fmt.Errorf("there is no shape %q", l.Shape)
}

// next returns of which format the next object is and how many records it
// has.
func (l Load) next(r *rand.Rand) (Format, int) {
	switch l.Shape {
	case Tiny:
		return l.Format, 1 + r.IntN(5)
	case Large:
		return l.Format, large(l.Format)
	case Mixed:
		n := r.IntN(10_000)
		for _, k := range mixture() {
			if n -= k.weight; n < 0 {
				return k.format, k.from + r.IntN(k.to-k.from+1)
			}
		}
	}
	return l.Format, 2000
}

// write makes the object.
func write(g *samplelog.Generator, f Format, records int) samplelog.Object {
	switch f {
	case VPCFlow:
		return g.VPCFlow(records)
	case GuardDuty:
		return g.GuardDuty(records)
	}
	return g.CloudTrail(records)
}
