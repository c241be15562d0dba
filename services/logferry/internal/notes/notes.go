// Package notes tells people how far a command is while it works, beside what
// it gives out.
package notes

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/app"
)

const (
	// drawEvery is how often the line on a terminal is drawn anew, and addEvery
	// how often a line is added elsewhere.
	drawEvery = time.Second
	addEvery  = 5 * time.Second
	// columns is as much of a line as is drawn: one that wraps cannot be drawn
	// anew.
	columns = 79
	// erase goes back to the beginning of the line and empties it.
	erase = "\r\x1b[K"
)

// Notes are what is told on the way. They are safe for concurrent use.
type Notes struct {
	terminal bool

	mu    sync.Mutex // guards what follows
	out   io.Writer
	drawn bool // there is a line on the terminal that will be drawn anew
}

// New returns notes on out, which nothing else writes to meanwhile.
func New(out io.Writer) *Notes { return &Notes{out: out, terminal: app.IsTerminal(out)} }

// Say adds a line.
func (n *Notes) Say(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.erase()
	fmt.Fprintf(n.out, format+"\n", args...)
}

// Tell tells the line now and then until ctx ends: on a terminal it is drawn
// anew, and gone at the end; elsewhere it is added when it has changed.
func (n *Notes) Tell(ctx context.Context, line func() string) {
	every := addEvery
	if n.terminal {
		every = drawEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for told := ""; ; {
		select {
		case <-ctx.Done():
			n.mu.Lock()
			defer n.mu.Unlock()
			n.erase()
			return
		case <-tick.C:
		}
		switch now := line(); {
		case n.terminal:
			n.draw(now)
		case now != told:
			n.Say("%s", now)
			told = now
		}
	}
}

// draw draws the line anew.
func (n *Notes) draw(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if cut := []rune(line); len(cut) > columns {
		line = string(cut[:columns])
	}
	fmt.Fprint(n.out, erase+line)
	n.drawn = true
}

// erase removes the line that was drawn. The caller holds the lock.
func (n *Notes) erase() {
	if n.drawn {
		fmt.Fprint(n.out, erase)
	}
	n.drawn = false
}
