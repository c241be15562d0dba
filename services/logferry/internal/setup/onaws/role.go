package onaws

import (
	"context"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// role is the role and who may assume it.
func (e engine) role() *piece {
	return &piece{name: "role " + e.Role.Name, arn: e.Role.ARN, want: e.wantRole, unwant: e.unwantRole}
}

// findRole returns the role; nil when there is none.
func (e engine) findRole(ctx context.Context) (*iamtypes.Role, error) {
	out, err := e.clients.iam().GetRole(ctx, &iam.GetRoleInput{RoleName: &e.Role.Name})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Role, nil
}

// decoded reads a policy as IAM gives it: URL-encoded.
func decoded(text *string) (policy.Document, error) {
	plain, err := url.QueryUnescape(aws.ToString(text))
	if err != nil {
		return policy.Document{}, err
	}
	return policy.Parse(plain)
}

func (e engine) wantRole(ctx context.Context) (work, error) {
	have, err := e.findRole(ctx)
	if err != nil {
		return work{}, err
	}
	if err := e.Role.Trust.CheckSize(policy.MaxTrust); err != nil {
		return refuse("%v", err), nil
	}
	if have == nil {
		return e.newRole(), nil
	}
	trust, err := decoded(have.AssumeRolePolicyDocument)
	if err != nil {
		return work{}, err
	}
	return e.trust(trust, e.iamOwned(have.Tags)), nil
}

// trust merges who may assume the role into the trust policy that is there. A
// role of others is opened to Logferry only when they said so.
func (e engine) trust(have policy.Document, owned bool) work {
	merged, added, removed := have.Merge(e.Role.Trust.Statement...)
	if len(added)+len(removed) == 0 {
		return keep()
	}
	w := work{action: setup.Update, lines: statementLines(removed, added), why: deletedPrincipals(have)}
	if !owned && !e.options.Adopt {
		w.action = setup.Refuse
		w.why = "others made it, and its trust policy would change; --adopt does so, --role makes another" + also(w.why)
		return w
	}
	if err := merged.CheckSize(policy.MaxTrust); err != nil {
		return refuse("%v", err)
	}
	w.then(func(ctx context.Context) error {
		_, err := e.clients.iam().UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
			RoleName: &e.Role.Name, PolicyDocument: aws.String(merged.String()),
		})
		return err
	})
	return w
}

func also(why string) string {
	if why == "" {
		return ""
	}
	return "; " + why
}

func (e engine) newRole() work {
	w := work{action: setup.Create, lines: statementLines(nil, e.Role.Trust.Statement)}
	w.then(func(ctx context.Context) error {
		_, err := e.clients.iam().CreateRole(ctx, &iam.CreateRoleInput{
			RoleName: &e.Role.Name, AssumeRolePolicyDocument: aws.String(e.Role.Trust.String()),
			Description: aws.String("Lets Logferry read logs: set-up " + e.Setup), Tags: tagList(e.Setup, iamTag),
		})
		return err
	})
	return w
}

// unwantRole deletes the role, or takes its statements out of the trust policy
// of one that others made.
func (e engine) unwantRole(ctx context.Context) (work, error) {
	have, err := e.findRole(ctx)
	if err != nil || have == nil {
		return gone(), err
	}
	if e.iamOwned(have.Tags) {
		return e.deleteRole(ctx)
	}
	trust, err := decoded(have.AssumeRolePolicyDocument)
	if err != nil {
		return work{}, err
	}
	rest, removed := trust.Without(e.Role.Trust.Statement...)
	if len(removed) == 0 {
		return leave("others made it"), nil
	}
	if len(rest.Statement) == 0 {
		return leave("others made it, and without the trust in Logferry nobody could assume it; delete it if nobody needs it"), nil
	}
	w := remove(func(ctx context.Context) error {
		_, err := e.clients.iam().UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
			RoleName: &e.Role.Name, PolicyDocument: aws.String(rest.String()),
		})
		return err
	})
	w.action, w.lines = setup.Update, statementLines(removed, nil)
	return w, nil
}

// deleteRole deletes a role that has nothing of others.
func (e engine) deleteRole(ctx context.Context) (work, error) {
	attached, err := e.clients.iam().ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &e.Role.Name})
	if err != nil {
		return work{}, err
	}
	inline, err := e.clients.iam().ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &e.Role.Name})
	if err != nil {
		return work{}, err
	}
	for _, p := range attached.AttachedPolicies {
		return leave("others attached %s to it; detach it and destroy again", aws.ToString(p.PolicyName)), nil
	}
	for _, name := range inline.PolicyNames {
		if name != e.Role.PolicyName {
			return leave("others gave it the policy %s; delete that and destroy again", name), nil
		}
	}
	return remove(func(ctx context.Context) error {
		_, err := e.clients.iam().DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &e.Role.Name})
		return err
	}), nil
}

// rolePolicy is what the role may do: an inline policy of its own name, which
// nobody else writes.
func (e engine) rolePolicy() *piece {
	r := e.Role
	load := func(ctx context.Context) (have policy.Document, found bool, err error) {
		out, err := e.clients.iam().GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &r.Name, PolicyName: &r.PolicyName})
		if isMissing(err) {
			return have, false, nil
		}
		if err != nil {
			return have, false, err
		}
		have, err = decoded(out.PolicyDocument)
		return have, true, err
	}
	want := func(ctx context.Context) (work, error) {
		have, found, err := load(ctx)
		if err != nil {
			return work{}, err
		}
		if err := r.Policy.CheckSize(policy.MaxInline); err != nil {
			return refuse("%v", err), nil
		}
		added, removed := compared(have, r.Policy)
		if found && len(added)+len(removed) == 0 {
			return keep(), nil
		}
		w := work{action: setup.Create, lines: statementLines(removed, added)}
		if found {
			w.action = setup.Update
		}
		w.then(func(ctx context.Context) error {
			_, err := e.clients.iam().PutRolePolicy(ctx, &iam.PutRolePolicyInput{
				RoleName: &r.Name, PolicyName: &r.PolicyName, PolicyDocument: aws.String(r.Policy.String()),
			})
			return err
		})
		return w, nil
	}
	unwant := func(ctx context.Context) (work, error) {
		have, found, err := load(ctx)
		if err != nil || !found {
			return gone(), err
		}
		w := remove(func(ctx context.Context) error {
			_, err := e.clients.iam().DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &r.Name, PolicyName: &r.PolicyName})
			return err
		})
		w.lines = statementLines(have.Statement, nil)
		return w, nil
	}
	return &piece{name: "policy " + r.PolicyName + " of role " + r.Name, arn: r.ARN, want: want, unwant: unwant}
}

// compared returns the statements that only one of two documents has.
func compared(have, want policy.Document) (added, removed []policy.Statement) {
	for _, s := range want.Statement {
		if !have.Has(s) {
			added = append(added, s)
		}
	}
	for _, s := range have.Statement {
		if !want.Has(s) {
			removed = append(removed, s)
		}
	}
	return added, removed
}
