package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// thing is a resource that is there or not, and may fail.
type thing struct {
	name   string
	there  bool
	refuse bool
	fail   error
	log    *[]string
}

func (t *thing) String() string { return t.name }

func (t *thing) Plan(context.Context) (Change, error) {
	switch {
	case t.refuse:
		return Change{Resource: t.name, Action: Refuse, Why: "it is of others"}, nil
	case t.there:
		return Change{Resource: t.name, Action: Keep}, nil
	}
	return Change{Resource: t.name, Action: Create}, nil
}

func (t *thing) Apply(ctx context.Context) (Change, error) {
	c, _ := t.Plan(ctx)
	if t.fail != nil {
		return c, t.fail
	}
	if !t.there {
		*t.log = append(*t.log, "make "+t.name)
	}
	t.there = true
	return c, nil
}

func (t *thing) Destroy(_ context.Context, dry bool) (Change, error) {
	if t.fail != nil {
		return Change{}, t.fail
	}
	if !dry {
		*t.log = append(*t.log, "remove "+t.name)
		t.there = false
	}
	return Change{Resource: t.name, Action: Delete}, nil
}

// unreadable cannot be looked at.
type unreadable struct{ thing }

func (unreadable) Plan(context.Context) (Change, error) { return Change{}, errors.New("denied") }

func TestApplyGoesOn(t *testing.T) {
	var log []string
	a, b, c := &thing{name: "a", log: &log}, &thing{name: "b", log: &log, fail: errors.New("broken")}, &thing{name: "c", log: &log}
	all := []Resource{a, b, c}
	apply := func() error { return Apply(t.Context(), all, func(Change) {}) }
	err := apply()
	partial, ok := errors.AsType[*PartialError](err)
	if !ok || partial.At != "b" || !errors.Is(err, b.fail) {
		t.Fatalf("got %v; want a failure at b", err)
	}
	b.fail = nil
	if err := apply(); err != nil {
		t.Fatal(err)
	}
	if err := apply(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"make a", "make b", "make c"}; !slices.Equal(log, want) {
		t.Errorf("got %q; want each once: %q", log, want)
	}
}

// What is refused is refused before anything is done, also when what depends on
// it cannot be looked at.
func TestRefusedFirst(t *testing.T) {
	var log []string
	all := []Resource{&thing{name: "a", log: &log}, &thing{name: "b", refuse: true, log: &log}, &unreadable{thing{name: "c", log: &log}}}
	err := Apply(t.Context(), all, func(Change) {})
	if err == nil || err.Error() != "b: it is of others" || len(log) > 0 {
		t.Errorf("got %v after %q; want a refusal of b and nothing done", err, log)
	}
	changes, err := Plan(t.Context(), all[2:])
	if err == nil || err.Error() != "look at c: denied" || len(changes) > 0 {
		t.Errorf("got %v, %v; want that c cannot be looked at", changes, err)
	}
}

func TestDestroyBackwards(t *testing.T) {
	f := func(dry bool, want ...string) {
		t.Helper()
		var log []string
		all := []Resource{&thing{name: "a", log: &log}, &thing{name: "b", fail: errors.New("broken"), log: &log}, &thing{name: "c", log: &log}}
		var told []string
		err := Destroy(t.Context(), all, dry, func(c Change) { told = append(told, c.Resource) })
		if err == nil || err.Error() != "remove b: broken" || !slices.Equal(log, want) || !slices.Equal(told, []string{"c", "a"}) {
			t.Errorf("dry %t: got %v, %q, told %q; want %q and the error of b", dry, err, log, told, want)
		}
	}
	f(true)
	f(false, "remove c", "remove a")
}

func TestChangeText(t *testing.T) {
	f := func(c Change, want string) {
		t.Helper()
		var text strings.Builder
		if err := c.WriteText(&text); err != nil || text.String() != want {
			t.Errorf("got %q, %v; want %q", text.String(), err, want)
		}
	}
	f(Change{Resource: "queue a", Action: Keep}, "  keep   queue a\n")
	f(Change{Resource: "queue a", Action: Update, Lines: []string{"~ x: 1 -> 2"}}, "~ update queue a\n      ~ x: 1 -> 2\n")
	f(Change{Resource: "queue a", Action: Refuse, Why: "no"}, "! refuse queue a: no\n")
	if got := Pending([]Change{{Action: Keep}, {Action: Leave}, {Action: Create}, {Action: Delete}}); got != 2 {
		t.Errorf("got %d pending; want 2", got)
	}
	if err := Refused([]Change{{Resource: "a", Action: Refuse, Why: "x"}, {Resource: "b", Action: Refuse, Why: "y"}}); fmt.Sprint(err) != "a: x\nb: y" {
		t.Errorf("got %q; want both", err)
	}
}
