// Package check says what was looked at and what was found there: one
// [Finding] for each check, with its evidence and what to do about it. The
// doctor, the test of a connection and the verification of a set-up all speak
// in findings.
package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Verdict is what a check found.
type Verdict string

// Verdicts, from good to bad.
const (
	// Passed: all is well.
	Passed Verdict = "ok"
	// Skipped: it could not be looked at, because of an earlier finding or
	// because nothing there needs it. Evidence says which.
	Skipped Verdict = "skipped"
	// Doubtful: it works, and may stop to, or cost more than it needs to.
	Doubtful Verdict = "warning"
	// Failed: logs are not carried because of it.
	Failed Verdict = "failed"
)

// rank orders verdicts from good to bad.
func (v Verdict) rank() int {
	switch v {
	case Failed:
		return 3
	case Doubtful:
		return 2
	case Skipped:
		return 1
	}
	return 0
}

// Finding is the result of one check.
type Finding struct {
	// Code identifies the check, stable between versions: "aws.sqs.receive".
	Code string `json:"code"`
	// Subject is what was looked at: a connection, a queue's URL, a rule's id.
	Subject string `json:"subject,omitempty"`
	// Title says in a few words what the check is about.
	Title   string  `json:"title"`
	Verdict Verdict `json:"verdict"`
	// Evidence is what was seen, in words: a count, an answer, an error.
	Evidence string `json:"evidence"`
	// Fix is what to do, a command where there is one; empty when all is well.
	Fix string `json:"fix,omitempty"`
	// Took is how long the check took.
	Took time.Duration `json:"took_ns"`
}

// Report is the findings of a run, in the order of the checks.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Add appends findings.
func (r *Report) Add(findings ...Finding) { r.Findings = append(r.Findings, findings...) }

// Worst returns the worst verdict; [Passed] when there are no findings.
func (r *Report) Worst() Verdict {
	worst := Passed
	for _, f := range r.Findings {
		if f.Verdict.rank() > worst.rank() {
			worst = f.Verdict
		}
	}
	return worst
}

// Codes returns the codes of the findings with that verdict, in order.
func (r *Report) Codes(v Verdict) []string {
	var codes []string
	for _, f := range r.Findings {
		if f.Verdict == v {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// WriteJSON writes the report as one JSON document.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Verdict Verdict `json:"verdict"`
		*Report
	}{r.Worst(), r})
}

// marks of verdicts in text, of one width.
var marks = map[Verdict]string{Passed: "ok  ", Skipped: "-   ", Doubtful: "warn", Failed: "FAIL"}

// WriteText writes the report for people: a line for each finding, grouped by
// subject, and below what is not well what to do.
func (r *Report) WriteText(w io.Writer) error {
	var text strings.Builder
	subject := ""
	for i, f := range r.Findings {
		if f.Subject != subject || i == 0 {
			subject = f.Subject
			if i > 0 {
				text.WriteByte('\n')
			}
			if subject != "" {
				fmt.Fprintf(&text, "%s\n", subject)
			}
		}
		fmt.Fprintf(&text, "  %s  %s: %s\n", marks[f.Verdict], f.Title, indent(f.Evidence))
		if f.Fix != "" {
			fmt.Fprintf(&text, "        fix: %s\n", indent(f.Fix))
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// indent keeps the further lines of a text below its first one.
func indent(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n        ")
}
