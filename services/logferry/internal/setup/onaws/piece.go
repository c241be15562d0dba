package onaws

import (
	"context"
	"fmt"
	"time"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// piece is one resource of a set-up: how it is brought into the wanted state,
// and how what the set-up made of it is taken away. Either way it is looked at
// first; the calls that change it come with what they do, so that what is shown
// and what is done cannot differ.
type piece struct {
	name string
	// arn is what permissions for its calls are about.
	arn      string
	patience time.Duration
	want     func(context.Context) (work, error)
	unwant   func(context.Context) (work, error)
}

// work is what is to be done to a resource.
type work struct {
	action setup.Action
	lines  []string
	why    string
	calls  []func(context.Context) error
}

func keep() work { return work{action: setup.Keep} }

func leave(format string, args ...any) work {
	return work{action: setup.Leave, why: fmt.Sprintf(format, args...)}
}

func refuse(format string, args ...any) work {
	return work{action: setup.Refuse, why: fmt.Sprintf(format, args...)}
}

// gone is the work on what is not there, or no longer.
func gone() work { return work{action: setup.Keep, why: "is not there"} }

// remove is the work of a deletion.
func remove(calls ...func(context.Context) error) work {
	return work{action: setup.Delete, calls: calls}
}

// differs adds a value that is to change; nothing when it is as wanted.
func (w *work) differs(what, have, want string) bool {
	if have == want {
		return false
	}
	w.line("~ %s: %s -> %s", what, orNone(have), orNone(want))
	return true
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// line adds a detail.
func (w *work) line(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

// then adds a call.
func (w *work) then(call func(context.Context) error) { w.calls = append(w.calls, call) }

// updated makes it an update if there is something to call.
func (w work) updated() work {
	if len(w.calls) > 0 {
		w.action = setup.Update
	}
	return w
}

func (p *piece) String() string { return p.name }

// Plan implements [setup.Resource].
func (p *piece) Plan(ctx context.Context) (setup.Change, error) { return p.do(ctx, p.want, true) }

// Apply implements [setup.Resource].
func (p *piece) Apply(ctx context.Context) (setup.Change, error) { return p.do(ctx, p.want, false) }

// Destroy implements [setup.Resource].
func (p *piece) Destroy(ctx context.Context, dry bool) (setup.Change, error) {
	return p.do(ctx, p.unwant, dry)
}

func (p *piece) do(ctx context.Context, look func(context.Context) (work, error), dry bool) (setup.Change, error) {
	w, err := look(ctx)
	if err != nil {
		return setup.Change{}, explain(err, p.arn)
	}
	for _, call := range w.calls {
		if dry {
			break
		}
		if err := settled(ctx, p.patience, call); err != nil {
			return setup.Change{}, explain(err, p.arn)
		}
	}
	return setup.Change{Resource: p.name, Action: w.action, Lines: w.lines, Why: w.why}, nil
}
