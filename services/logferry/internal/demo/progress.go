package demo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/logferry/logferry/pkg/app"
)

// watch shows what has arrived until everything has, or nothing does any more,
// or the services have ended.
func (d *demo) watch(running context.Context) {
	terminal := app.IsTerminal(d.Out)
	every, last := 2*time.Second, time.Now()
	if terminal {
		every = 200 * time.Millisecond
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var seen progress
	moved := time.Now()
	for {
		select {
		case <-running.Done():
			return
		case <-tick.C:
		}
		now := d.progress()
		if now.rows != seen.rows || now.dead != seen.dead || !now.fed {
			moved = time.Now()
		}
		seen = now
		end := now.complete() || time.Since(moved) > patience
		if end || time.Since(last) >= every {
			last = time.Now()
			d.show(now, terminal)
		}
		if end {
			if terminal {
				fmt.Fprintln(d.Out)
			}
			return
		}
	}
}

// progress is how far the demo is.
type progress struct {
	objects       int
	rows, rowsDue int64
	dead, deadDue int64
	fed           bool // nothing more is put
	took          time.Duration
}

func (p progress) complete() bool { return p.fed && p.rows >= p.rowsDue && p.dead >= p.deadDue }

func (d *demo) progress() progress {
	p := progress{rows: d.cloud.Ingestion.Total().Rows, took: time.Since(d.began)}
	p.objects, p.rowsDue, p.deadDue, p.fed = d.account.totals()
	if r, err := read(d.metrics); err == nil {
		p.dead = r.sum(deadLetters, "", "")
	}
	return p
}

// show draws the line anew on a terminal and adds a line elsewhere.
func (d *demo) show(p progress, terminal bool) {
	line := fmt.Sprintf("%5.1f s  objects %s  rows %s of %s  dead letters %d of %d  %s rows/s", p.took.Seconds(),
		thousands(int64(p.objects)), thousands(p.rows), thousands(p.rowsDue), p.dead, p.deadDue,
		thousands(int64(float64(p.rows)/p.took.Seconds())))
	if terminal {
		fmt.Fprintf(d.Out, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(d.Out, line)
}

// thousands writes a number with a comma before each group of three digits.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
