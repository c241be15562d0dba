// Package setup brings clouds into the state that a set-up wants, and shows
// what it would do first. A set-up is a list of resources in the order in which
// they need each other; package onaws and package onazure make such lists.
//
//	[]Resource ──Plan──▶ []Change ──▶ shown
//	           ──Apply─▶ each in order; what is as wanted stays untouched
//	           ──Destroy▶ in reverse order, only what a set-up made
//
// There is no state file: what is there is read each time, so an apply that was
// interrupted is finished by the next one.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Action is what a change does to its resource.
type Action string

// Actions.
const (
	Keep   Action = "keep"   // it is as wanted
	Create Action = "create" // it is not there
	Update Action = "update" // it differs
	Delete Action = "delete" // it was made by a set-up, and goes
	Leave  Action = "leave"  // destroy: it belongs to others, or holds data, and stays
	Refuse Action = "refuse" // it cannot be made as wanted; Why says why and what to do
)

// Change is what is, or would be, done to one resource.
type Change struct {
	// Resource names it for people: "queue logferry-cloudtrail".
	Resource string `json:"resource"`
	Action   Action `json:"action"`
	// Lines are the details, each beginning with "+ " for what comes, "- " for
	// what goes, or "~ " for a value that changes, with both values.
	Lines []string `json:"lines,omitempty"`
	// Why says why something is kept, left or refused, when that is not plain.
	Why string `json:"why,omitempty"`
}

// Resource is one thing in a cloud that a set-up wants to be in a certain
// state. Its methods read what is there each time.
type Resource interface {
	// String names it, as [Change.Resource].
	String() string
	// Plan compares what is there with what is wanted. It changes nothing. What
	// it depends on may not be there yet.
	Plan(ctx context.Context) (Change, error)
	// Apply brings it into the wanted state and returns what it did. What does
	// not belong to the set-up stays as it is. It can be called again after a
	// failure.
	Apply(ctx context.Context) (Change, error)
	// Destroy takes away what a set-up made of it, which its tags tell, or only
	// says so when dry. What others made stays.
	Destroy(ctx context.Context, dry bool) (Change, error)
}

// Plan returns what [Apply] would do. It stops at the first resource that
// cannot be read; when one was refused before, which is reason enough, without
// an error.
func Plan(ctx context.Context, resources []Resource) ([]Change, error) {
	var changes []Change
	for _, r := range resources {
		c, err := r.Plan(ctx)
		if err != nil && Refused(changes) != nil {
			return changes, nil
		}
		if err != nil {
			return changes, fmt.Errorf("look at %s: %w", r, err)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// Apply brings the resources into their wanted states, one after the other, and
// tells each change as it is done. Nothing is done when one of them is refused.
// The error of one ends it; what was done before stays done, and the next call
// goes on from there.
func Apply(ctx context.Context, resources []Resource, tell func(Change)) error {
	planned, err := Plan(ctx, resources)
	if err != nil {
		return err
	}
	if err := Refused(planned); err != nil {
		return err
	}
	for _, r := range resources {
		c, err := r.Apply(ctx)
		if err != nil {
			return &PartialError{At: r.String(), Err: err}
		}
		tell(c)
		if err := Refused([]Change{c}); err != nil {
			return &PartialError{At: r.String(), Err: err}
		}
	}
	return nil
}

// Destroy takes away what set-ups made of the resources, the last one first,
// and tells each change. It goes on after a failure and returns all of them.
func Destroy(ctx context.Context, resources []Resource, dry bool, tell func(Change)) error {
	var failed []error
	for _, r := range slices.Backward(resources) {
		c, err := r.Destroy(ctx, dry)
		if err != nil {
			failed = append(failed, fmt.Errorf("remove %s: %w", r, err))
			continue
		}
		tell(c)
	}
	return errors.Join(failed...)
}

// PartialError is a failure in the middle of an apply.
type PartialError struct {
	// At names the resource that failed.
	At  string
	Err error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("make %s: %v; what was made before it stays, and apply goes on from there when it is called again", e.At, e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// Refused returns an error that names every change that is refused, or nil.
func Refused(changes []Change) error {
	var refused []error
	for _, c := range changes {
		if c.Action == Refuse {
			refused = append(refused, fmt.Errorf("%s: %s", c.Resource, c.Why))
		}
	}
	return errors.Join(refused...)
}

// Pending returns how many of the changes do something.
func Pending(changes []Change) int {
	n := 0
	for _, c := range changes {
		if c.Action != Keep && c.Action != Leave {
			n++
		}
	}
	return n
}

// signs of actions in text.
var signs = map[Action]string{Keep: " ", Leave: " ", Create: "+", Update: "~", Delete: "-", Refuse: "!"}

// WriteText writes a change for people, its details below it.
func (c Change) WriteText(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %-6s %s", signs[c.Action], c.Action, c.Resource)
	if c.Why != "" {
		fmt.Fprintf(&text, ": %s", c.Why)
	}
	text.WriteByte('\n')
	for _, line := range c.Lines {
		fmt.Fprintf(&text, "      %s\n", line)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
