package onazure

import (
	"context"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// grant is the right of the principal to post to a rule.
type grant struct {
	b Blueprint
	c *Clients
	r Rule
}

// String implements [setup.Resource].
func (g *grant) String() string {
	return "role Monitoring Metrics Publisher of " + g.b.Principal + " on " + g.r.Name
}

func (g *grant) scope() ID { return g.b.id(g.r.Name, kindRule) }

// Plan implements [setup.Resource].
func (g *grant) Plan(ctx context.Context) (setup.Change, error) {
	at, err := g.find(ctx)
	if err != nil {
		return setup.Change{}, err
	}
	if at == "" {
		return setup.Change{Resource: g.String(), Action: setup.Create}, nil
	}
	c := keep(g)
	if !strings.EqualFold(at, g.scope().String()) {
		c.Why = "it has the role on " + at
	}
	return c, nil
}

// find returns where the principal has the role: at the rule or above; empty:
// nowhere.
func (g *grant) find(ctx context.Context) (string, error) {
	pages := g.c.assignments.NewListForScopePager(strings.TrimPrefix(g.scope().String(), "/"),
		&armauthorization.RoleAssignmentsClientListForScopeOptions{Filter: to.Ptr("principalId eq '" + g.b.Principal + "'")})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if missing(err) { // the rule is not there yet
			return "", nil
		}
		if err != nil {
			return "", explain(err)
		}
		for _, a := range page.Value {
			if a.Properties != nil && g.gives(*a.Properties) {
				return value(a.Properties.Scope), nil
			}
		}
	}
	return "", nil
}

// gives reports whether the assignment gives the role. One with a condition may
// not, and one that is below the rule does not.
func (g *grant) gives(p armauthorization.RoleAssignmentProperties) bool {
	return strings.HasSuffix(strings.ToLower(value(p.RoleDefinitionID)), "/"+MetricsPublisher) &&
		strings.EqualFold(value(p.PrincipalID), g.b.Principal) && value(p.Condition) == "" &&
		strings.HasPrefix(strings.ToLower(g.scope().String())+"/", strings.ToLower(strings.TrimSuffix(value(p.Scope), "/"))+"/")
}

// Apply implements [setup.Resource].
func (g *grant) Apply(ctx context.Context) (setup.Change, error) {
	c, err := g.Plan(ctx)
	if err != nil || c.Action != setup.Create {
		return c, err
	}
	// A principal that was made a moment ago is not known everywhere at once.
	early := func(err error) bool { return coded(err, "PrincipalNotFound") }
	err = g.c.again(ctx, early, func() error {
		_, err := g.c.assignments.Create(ctx, strings.TrimPrefix(g.scope().String(), "/"), g.b.grantName(g.scope()), g.b.grantBody(), nil)
		return err
	})
	if coded(err, "RoleAssignmentExists") { // under another name, and not listed yet
		return keep(g), nil
	}
	c.Why = "it works after some minutes, at most 30"
	return c, explain(err)
}

// Destroy implements [setup.Resource]. Only the assignment with the name that a
// set-up gives is removed.
func (g *grant) Destroy(ctx context.Context, dry bool) (setup.Change, error) {
	scope, name := strings.TrimPrefix(g.scope().String(), "/"), g.b.grantName(g.scope())
	_, err := g.c.assignments.Get(ctx, scope, name, nil)
	if missing(err) {
		return gone(g), nil
	}
	if err != nil {
		return setup.Change{}, explain(err)
	}
	c := setup.Change{Resource: g.String(), Action: setup.Delete}
	if dry {
		return c, nil
	}
	_, err = g.c.assignments.Delete(ctx, scope, name, nil)
	return c, explain(err)
}
