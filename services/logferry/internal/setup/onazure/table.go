package onazure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// workspaceTable is one table of the workspace. A table of the service's own is
// looked at, and gets a column when one is asked for; a custom one is made.
type workspaceTable struct {
	b            Blueprint
	c            *Clients
	t            Table
	deleteTables bool
}

// String implements [setup.Resource].
func (r *workspaceTable) String() string { return "table " + r.t.Name }

// Plan implements [setup.Resource].
func (r *workspaceTable) Plan(ctx context.Context) (setup.Change, error) {
	c, _, err := r.compare(ctx)
	return c, err
}

// compare returns what is to do, and the table's custom columns.
func (r *workspaceTable) compare(ctx context.Context) (setup.Change, []*armoperationalinsights.Column, error) {
	have, err := r.get(ctx)
	if missing(err) {
		return r.absent(), nil, nil
	}
	if err != nil {
		return setup.Change{}, nil, explain(err)
	}
	schema := &armoperationalinsights.Schema{}
	if have.Properties != nil && have.Properties.Schema != nil {
		schema = have.Properties.Schema
	}
	custom := schema.Columns
	if value(schema.TableSubType) == armoperationalinsights.TableSubTypeEnumClassic {
		return refuse(r, "it is a classic custom table, which takes no rows of rules: migrate it (az monitor log-analytics workspace table migrate)"), nil, nil
	}
	if wrong := r.wrongTypes(schema); len(wrong) > 0 {
		c := refuse(r, "columns have another type than rows give them; rename or remove them, or tell us when it is a table of the service: its schema has changed")
		c.Lines = wrong
		return c, nil, nil
	}
	var lines []string
	for _, col := range r.t.added() {
		if _, ok := columnNamed(custom, col.Name); !ok {
			lines = append(lines, fmt.Sprintf("+ column %s %s", col.Name, col.Type))
		}
	}
	c := change(r, lines)
	if r.t.Custom() && c.Action == setup.Update && !r.mine(schema) {
		c.Action, c.Why = setup.Refuse, "it is there already, lacks columns, and no set-up made it; add the columns, or remove the table"
	}
	return r.drifted(c, schema), custom, nil
}

func (r *workspaceTable) get(ctx context.Context) (armoperationalinsights.Table, error) {
	have, err := r.c.tables.Get(ctx, r.b.Workspace.Group, r.b.Workspace.Name, r.t.Name, nil)
	return have.Table, err
}

// absent says what a table that is not there means.
func (r *workspaceTable) absent() setup.Change {
	if !r.t.Custom() {
		return refuse(r, "it is not in the workspace: enable Microsoft Sentinel there, which brings it, or leave the table away with --tables")
	}
	c := setup.Change{Resource: r.String(), Action: setup.Create}
	for _, col := range r.t.Columns {
		c.Lines = append(c.Lines, fmt.Sprintf("+ column %s %s", col.Name, col.Type))
	}
	return c
}

// wrongTypes are the columns whose type is another one: a rule with them would
// be refused.
func (r *workspaceTable) wrongTypes(schema *armoperationalinsights.Schema) []string {
	var lines []string
	for _, col := range append(slices.Clone(r.t.Columns), r.t.added()...) {
		is, ok := columnOf(schema, col.Name)
		if ok && !strings.EqualFold(string(value(is.Type)), string(tableType(col.Type))) {
			line := fmt.Sprintf("~ column %s: %s in the table, %s in rows", col.Name, value(is.Type), tableType(col.Type))
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// drifted adds what rows have and a standard table has no column for: the
// service drops it.
func (r *workspaceTable) drifted(c setup.Change, schema *armoperationalinsights.Schema) setup.Change {
	if r.t.Custom() || len(schema.StandardColumns) == 0 {
		return c
	}
	for _, col := range r.t.Columns {
		if _, ok := columnOf(schema, col.Name); !ok {
			c.Lines = append(c.Lines, "~ column "+col.Name+": rows have it, the table does not: the service drops it")
		}
	}
	return c
}

// columnOf returns the column of that name, the service's or a custom one.
func columnOf(schema *armoperationalinsights.Schema, name string) (*armoperationalinsights.Column, bool) {
	if c, ok := columnNamed(schema.StandardColumns, name); ok {
		return c, true
	}
	return columnNamed(schema.Columns, name)
}

func (r *workspaceTable) mine(schema *armoperationalinsights.Schema) bool {
	return strings.Contains(value(schema.Description), r.b.tableMark())
}

// Apply implements [setup.Resource].
func (r *workspaceTable) Apply(ctx context.Context) (setup.Change, error) {
	c, custom, err := r.compare(ctx)
	if err != nil {
		return c, err
	}
	w, body := r.b.Workspace, r.b.tableBody(r.t, custom)
	switch c.Action {
	case setup.Create:
		poller, err := r.c.tables.BeginCreateOrUpdate(ctx, w.Group, w.Name, r.t.Name, body, nil)
		if err == nil {
			_, err = poller.PollUntilDone(ctx, polling())
		}
		return c, explain(err)
	case setup.Update: // leaves plan and retention as they are
		poller, err := r.c.tables.BeginUpdate(ctx, w.Group, w.Name, r.t.Name, body, nil)
		if err == nil {
			_, err = poller.PollUntilDone(ctx, polling())
		}
		return c, explain(err)
	}
	return c, nil
}

// Destroy implements [setup.Resource].
func (r *workspaceTable) Destroy(ctx context.Context, dry bool) (setup.Change, error) {
	if !r.t.Custom() {
		if r.t.EventTime != "" {
			return leave(r, "the column "+r.t.EventTime+" holds data; it can be removed in the portal"), nil
		}
		return leave(r, "no set-up made it"), nil
	}
	have, err := r.get(ctx)
	switch {
	case missing(err):
		return gone(r), nil
	case err != nil:
		return setup.Change{}, explain(err)
	case have.Properties == nil || have.Properties.Schema == nil || !r.mine(have.Properties.Schema):
		return leave(r, "no set-up made it"), nil
	case !r.deleteTables:
		return leave(r, "it holds data; --delete-tables removes it"), nil
	}
	c := setup.Change{Resource: r.String(), Action: setup.Delete}
	if dry {
		return c, nil
	}
	poller, err := r.c.tables.BeginDelete(ctx, r.b.Workspace.Group, r.b.Workspace.Name, r.t.Name, nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, polling())
	}
	return c, explain(err)
}
