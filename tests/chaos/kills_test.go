//go:build chaos

package chaos

import (
	"math/rand/v2"
	"testing"
	"time"
)

// All invariants at once, in one process with the embedded bus: the bus dies
// with the services, 20 times, at random moments while 1,000 objects pass. Every
// row arrives, once outside the window: the parts that a writer had in work.
func TestChaosOneProcessKilled20Times(t *testing.T) {
	const objects, deadly, largest = 1000, 20, 60
	s := begin(t)
	s.Config.Writer.InFlight = 4 // parts of one object each
	p := s.Launch(nil, "logferry", "run")
	s.Broken()
	for i := range objects {
		s.Announce(i, s.Put(s.Logs.CloudTrail(1+i*7%largest)))
		if i%(objects/deadly) != 0 {
			continue
		}
		moment := time.NewTimer(500*time.Millisecond + rand.N(1500*time.Millisecond))
		<-moment.C
		p.Kill()
		p = s.Launch(nil, "logferry", "run")
	}
	window := func() int64 { return int64(deadly * s.Config.Writer.InFlight * largest) }
	passed(t, s, "one process killed, 20 times, 1,000 objects", time.Now(), window)
	p.Stop()
}
