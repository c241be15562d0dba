package guard

import (
	"fmt"
	"syscall"
	"time"
)

// CPU is the CPU time of this process, with that of the garbage collector: what
// a step leaves to collect is a part of its price, and what neighbours take from
// the machine is none.
func CPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read the process's CPU time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
