package main

import (
	"testing"
	"time"

	"github.com/logferry/logferry/services/logferry/internal/bucket"
)

// The last day counts as a whole.
func TestSpan(t *testing.T) {
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	f := func(from, to string, want bucket.Span) {
		t.Helper()
		p := place{from: from, to: to}
		if got, err := p.span(from != ""); err != nil || got != want {
			t.Errorf("%s to %s: got %v, %v; want %v", from, to, got, err, want)
		}
	}
	f("2026-11-01", "2026-11-01", bucket.Span{From: day(11, 1), To: day(11, 2)})
	f("2026-11-01", "2026-11-30", bucket.Span{From: day(11, 1), To: day(12, 1)})
	f("2026-11-01", "", bucket.Span{From: day(11, 1)})
	f("", "", bucket.Span{})
}

// The commands that an audit proposes can be pasted into a shell.
func TestHints(t *testing.T) {
	f := func(p place, want string) {
		t.Helper()
		if got := p.carry(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	p := place{site: site{config: "logferry.yaml"}, connection: "org-trail", bucket: "org-logs", from: "2026-11-01"}
	f(p, "logferry backfill --config logferry.yaml --connection org-trail --bucket org-logs --from 2026-11-01")
	if got, want := p.list(), "logferry dead list --config logferry.yaml --connection org-trail --bucket org-logs"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.to, p.prefix = "2026-11-30", "a b/o'c/$x"
	f(p, `logferry backfill --config logferry.yaml --connection org-trail --bucket org-logs --from 2026-11-01 --to 2026-11-30 --prefix 'a b/o'\''c/$x'`)
}
