package onaws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

func iamTag(key, value *string) iamtypes.Tag { return iamtypes.Tag{Key: key, Value: value} }

// iamOwned reports whether the set-up made it.
func (e engine) iamOwned(tags []iamtypes.Tag) bool {
	return slices.ContainsFunc(tags, func(t iamtypes.Tag) bool { return aws.ToString(t.Key) == Tag && aws.ToString(t.Value) == e.Setup })
}

// provider is the OpenID Connect provider. An account has one for each issuer,
// so one that is there is shared: the audience is added to it.
func (e engine) provider(p Provider) *piece {
	find := func(ctx context.Context) (*iam.GetOpenIDConnectProviderOutput, error) {
		out, err := e.clients.iam().GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &p.ARN})
		if isMissing(err) {
			return nil, nil
		}
		return out, err
	}
	want := func(ctx context.Context) (work, error) {
		have, err := find(ctx)
		if err != nil || have == nil {
			return e.newProvider(p), err
		}
		if slices.Contains(have.ClientIDList, p.Audience) {
			return keep(), nil
		}
		w := work{action: setup.Update}
		w.line("+ audience %s", p.Audience)
		w.then(func(ctx context.Context) error {
			_, err := e.clients.iam().AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{
				OpenIDConnectProviderArn: &p.ARN, ClientID: &p.Audience,
			})
			return err
		})
		return w, nil
	}
	unwant := func(ctx context.Context) (work, error) {
		have, err := find(ctx)
		switch {
		case err != nil || have == nil:
			return gone(), err
		case !e.iamOwned(have.Tags):
			return leave("others made it, and others may use its audience %s", p.Audience), nil
		case len(have.ClientIDList) > 1:
			return leave("others use it too: its audiences are %s", strings.Join(have.ClientIDList, ", ")), nil
		}
		return remove(func(ctx context.Context) error {
			_, err := e.clients.iam().DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &p.ARN})
			return err
		}), nil
	}
	return &piece{name: "identity provider " + p.URL, arn: p.ARN, want: want, unwant: unwant}
}

// newProvider makes the provider. It gives no thumbprint: AWS trusts issuers
// whose certificates public authorities sign without one.
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
func (e engine) newProvider(p Provider) work {
	w := work{action: setup.Create}
	w.line("+ audience %s", p.Audience)
	w.then(func(ctx context.Context) error {
		_, err := e.clients.iam().CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
			Url: &p.URL, ClientIDList: []string{p.Audience}, Tags: tagList(e.Setup, iamTag),
		})
		return err
	})
	return w
}
