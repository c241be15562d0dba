//go:build failpoint

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// point is where the process dies.
type point struct {
	name string
	left atomic.Int64 // passes until then
}

// armed reads the environment once. It returns nil when no point is named.
var armed = sync.OnceValue(func() *point {
	text := os.Getenv("LOGFERRY_FAILPOINT")
	if text == "" {
		return nil
	}
	name, times, counted := strings.Cut(text, ":")
	n := 1
	if counted {
		var err error
		if n, err = strconv.Atoi(times); err != nil || n < 1 {
			panic(fmt.Sprintf("LOGFERRY_FAILPOINT is %q: write <name> or <name>:<n>, n from 1", text))
		}
	}
	p := &point{name: name}
	p.left.Store(int64(n))
	return p
})

func hit(name string) {
	if p := armed(); p != nil && p.name == name && p.left.Add(-1) == 0 {
		die()
	}
}

// die ends the process by SIGKILL. It does not return: the signal may take a
// moment, in which nothing more must happen.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(fmt.Sprintf("failpoint: kill this process: %v", err))
	}
	select {}
}
