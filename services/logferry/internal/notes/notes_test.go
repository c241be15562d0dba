package notes

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Elsewhere than on a terminal a line is added when it has changed.
func TestLines(t *testing.T) {
	f := func(terminal bool, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			n := New(&out)
			n.terminal = terminal
			ctx, cancel := context.WithTimeout(t.Context(), 16500*time.Millisecond)
			defer cancel()
			began := time.Now()
			n.Tell(ctx, func() string {
				if time.Since(began) == 4*time.Second {
					n.Say("refused: %d", 1)
				}
				return fmt.Sprintf("carried %d of 2", int(time.Since(began)/(10*time.Second)))
			})
			n.Say("done")
			if got := out.String(); got != want {
				t.Errorf("got\n%q; want\n%q", got, want)
			}
		})
	}
	f(false, "carried 0 of 2\ncarried 1 of 2\ndone\n")
	f(true, strings.Repeat("\r\x1b[Kcarried 0 of 2", 3)+"\r\x1b[Krefused: 1\n"+
		strings.Repeat("\r\x1b[Kcarried 0 of 2", 6)+strings.Repeat("\r\x1b[Kcarried 1 of 2", 7)+"\r\x1b[Kdone\n")
}

// A line that would wrap is cut.
func TestWidth(t *testing.T) {
	var out strings.Builder
	New(&out).draw(strings.Repeat("ä", 100))
	if got := out.String(); got != "\r\x1b[K"+strings.Repeat("ä", 79) {
		t.Errorf("drawn: %q", got)
	}
}
