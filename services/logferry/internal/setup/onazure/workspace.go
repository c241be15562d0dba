package onazure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// Resources returns what the set-up wants, in the order in which it is needed.
// With deleteTables, destroy removes custom tables that the set-up made, and
// the data in them.
func (b Blueprint) Resources(c *Clients, deleteTables bool) []setup.Resource {
	list := []setup.Resource{workspace{b, c}}
	for _, t := range b.Tables {
		list = append(list, &workspaceTable{b, c, t, deleteTables})
	}
	if b.Endpoint != nil {
		list = append(list, &endpoint{b, c})
	}
	for _, r := range b.Rules {
		list = append(list, &rule{b, c, r})
		if b.Principal != "" {
			list = append(list, &grant{b, c, r})
		}
	}
	return list
}

// workspace is where the tables are. A set-up only looks at it.
type workspace struct {
	b Blueprint
	c *Clients
}

// String implements [setup.Resource].
func (w workspace) String() string { return "workspace " + w.b.Workspace.Name }

// Plan implements [setup.Resource].
func (w workspace) Plan(ctx context.Context) (setup.Change, error) {
	at := w.b.Workspace
	have, err := w.c.workspaces.Get(ctx, at.Group, at.Name, nil)
	if missing(err) {
		return refuse(w, "there is no workspace %s; look at its name, resource group and subscription, and at the tenant of the credentials", at), nil
	}
	if err != nil {
		return setup.Change{}, explain(err)
	}
	if is := region(value(have.Location)); is != w.b.Location {
		return refuse(w, "it is in %s, and rules must be in its region, not %s: leave --location away", is, w.b.Location), nil
	}
	return w.sentinel(ctx)
}

// sentinel looks whether Microsoft Sentinel is enabled: without it, the
// standard tables are not there.
func (w workspace) sentinel(ctx context.Context) (setup.Change, error) {
	if !slices.ContainsFunc(w.b.Tables, func(t Table) bool { return !t.Custom() }) {
		return keep(w), nil
	}
	// The one state there is has this name.
	_, err := w.c.onboarding.Get(ctx, w.b.Workspace.Group, w.b.Workspace.Name, "default", nil)
	switch {
	case missing(err):
		return refuse(w, "Microsoft Sentinel is not enabled on it, so that the tables are not there: enable it in the portal (Microsoft Sentinel, Create, choose the workspace)"), nil
	case forbidden(err):
		c := keep(w)
		c.Why = "whether Microsoft Sentinel is enabled may not be asked (role Microsoft Sentinel Reader); the tables tell"
		return c, nil
	case err != nil:
		return setup.Change{}, fmt.Errorf("ask whether Microsoft Sentinel is enabled: %w", explain(err))
	}
	c := keep(w)
	c.Why = "it is in " + w.b.Location + " and has Microsoft Sentinel"
	return c, nil
}

// Apply implements [setup.Resource].
func (w workspace) Apply(ctx context.Context) (setup.Change, error) { return w.Plan(ctx) }

// Destroy implements [setup.Resource].
func (w workspace) Destroy(context.Context, bool) (setup.Change, error) {
	return leave(w, "no set-up made it"), nil
}

// region is a region's name as resources have it: it is also written with
// spaces and capitals.
func region(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "")) }

func keep(r setup.Resource) setup.Change {
	return setup.Change{Resource: r.String(), Action: setup.Keep}
}

func refuse(r setup.Resource, format string, args ...any) setup.Change {
	return setup.Change{Resource: r.String(), Action: setup.Refuse, Why: fmt.Sprintf(format, args...)}
}

func leave(r setup.Resource, why string) setup.Change {
	return setup.Change{Resource: r.String(), Action: setup.Leave, Why: why}
}

// change is an update when something differs, and else nothing.
func change(r setup.Resource, lines []string) setup.Change {
	c := setup.Change{Resource: r.String(), Action: setup.Update, Lines: lines}
	if len(lines) == 0 {
		c.Action = setup.Keep
	}
	return c
}

// gone is what a destroy says of what is not there.
func gone(r setup.Resource) setup.Change {
	return setup.Change{Resource: r.String(), Action: setup.Keep, Why: "it is not there"}
}

// foreign says of something with these tags why the set-up must not touch it;
// empty: it is the set-up's.
func (b *Blueprint) foreign(tags map[string]*string) string {
	owner, tagged := tags[Tag]
	switch {
	case !tagged:
		return fmt.Sprintf("it is there already and no set-up made it; choose another --name, or hand it over: tag it %s=%s", Tag, b.Setup)
	case value(owner) != b.Setup:
		return fmt.Sprintf("it belongs to the set-up %s; choose another --name", value(owner))
	}
	return ""
}

// tagLines are the tags that differ.
func (b *Blueprint) tagLines(have map[string]*string) []string {
	var lines []string
	for _, k := range sortedKeys(b.Tags) {
		switch is, ok := have[k]; {
		case !ok:
			lines = append(lines, fmt.Sprintf("+ tag %s=%s", k, b.Tags[k]))
		case value(is) != b.Tags[k]:
			lines = append(lines, fmt.Sprintf("~ tag %s: %s → %s", k, value(is), b.Tags[k]))
		}
	}
	return lines
}
