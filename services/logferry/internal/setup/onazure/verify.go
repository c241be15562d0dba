package onazure

import (
	"context"
	"errors"
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// Verify adds to the report whether each resource is as it is wanted. It
// changes nothing.
func (b Blueprint) Verify(ctx context.Context, r *check.Report, c *Clients) {
	for _, resource := range b.Resources(c, false) {
		r.Look(code(resource), "set-up "+b.Setup, resource.String(), func() check.Outcome { return asWanted(ctx, resource) })
	}
}

// code identifies the check of a resource.
func code(r setup.Resource) string {
	switch r.(type) {
	case *workspaceTable:
		return "setup.azure.table"
	case *endpoint:
		return "setup.azure.endpoint"
	case *rule:
		return "setup.azure.rule"
	case *grant:
		return "setup.azure.role"
	}
	return "setup.azure.workspace"
}

// applies is the fix of what differs.
const applies = "logferry setup azure apply, with the flags of this command"

// asWanted tells what an apply would still do.
func asWanted(ctx context.Context, r setup.Resource) check.Outcome {
	c, err := r.Plan(ctx)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return check.Fail(refused.Fix, "%s: %s", refused.Code, refused.Text)
	}
	if err != nil {
		return check.Fail("see the error", "%v", err)
	}
	details := strings.Join(c.Lines, "\n")
	switch {
	case c.Action == setup.Refuse:
		return check.Fail(c.Why, "%s", strings.TrimSpace("it cannot be made as wanted\n"+details))
	case c.Action == setup.Create:
		return check.Fail(applies, "it is not there")
	case c.Action == setup.Update:
		return check.Fail(applies, "it differs\n%s", details)
	case details != "":
		return check.Doubt("the service has changed the table: see whether there is a newer Logferry", "%s", details)
	case c.Why != "":
		return check.Pass("as wanted: %s", c.Why)
	}
	return check.Pass("as wanted")
}
