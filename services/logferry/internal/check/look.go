package check

import (
	"fmt"
	"time"
)

// Outcome is what a look at something has found.
type Outcome struct {
	Verdict  Verdict
	Evidence string
	Fix      string
}

// Pass says that all is well, and what was seen.
func Pass(format string, args ...any) Outcome {
	return Outcome{Verdict: Passed, Evidence: fmt.Sprintf(format, args...)}
}

// Skip says why something could not be looked at.
func Skip(format string, args ...any) Outcome {
	return Outcome{Verdict: Skipped, Evidence: fmt.Sprintf(format, args...)}
}

// Doubt says what may become a problem, and what to do about it.
func Doubt(fix, format string, args ...any) Outcome {
	return Outcome{Verdict: Doubtful, Evidence: fmt.Sprintf(format, args...), Fix: fix}
}

// Fail says what is wrong, and what to do about it.
func Fail(fix, format string, args ...any) Outcome {
	return Outcome{Verdict: Failed, Evidence: fmt.Sprintf(format, args...), Fix: fix}
}

// Look calls look and adds what it found, with the time that it took. It
// returns the verdict.
func (r *Report) Look(code, subject, title string, look func() Outcome) Verdict {
	start := time.Now()
	o := look()
	r.Add(Finding{
		Code: code, Subject: subject, Title: title,
		Verdict: o.Verdict, Evidence: o.Evidence, Fix: o.Fix, Took: time.Since(start),
	})
	return o.Verdict
}
