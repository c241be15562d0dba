package onazure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/ingestion/azlogs"

	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// applies is the fix of what differs.
const applies = "logferry setup azure apply, with the flags of this command"

// Verify compares each resource with what is wanted.
func (b Blueprint) Verify(ctx context.Context, c *Clients) *check.Report {
	report := &check.Report{}
	for _, r := range b.Resources(c, false) {
		start := time.Now()
		f := b.finding(r)
		change, err := r.Plan(ctx)
		f.judge(change, err)
		f.Took = time.Since(start)
		report.Add(f.Finding)
	}
	return report
}

// finding is one that is not yet judged.
type finding struct{ check.Finding }

func (b Blueprint) finding(r setup.Resource) finding {
	f := finding{check.Finding{Subject: b.Workspace.String(), Title: r.String(), Code: "azure.workspace"}}
	switch r.(type) {
	case *workspaceTable:
		f.Code = "azure.table"
	case *endpoint:
		f.Code = "azure.endpoint"
	case *rule:
		f.Code = "azure.rule"
	case *grant:
		f.Code = "azure.role"
	}
	return f
}

// judge makes of what an apply would do what is wrong.
func (f *finding) judge(c setup.Change, err error) {
	if err != nil {
		f.Verdict, f.Evidence = check.Failed, err.Error()
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			f.Evidence, f.Fix = refused.Code+": "+refused.Text, refused.Fix
		}
		return
	}
	evidence := strings.Join(c.Lines, "\n")
	switch c.Action {
	case setup.Keep:
		f.Verdict, f.Evidence = check.Passed, "as wanted"
		if c.Why != "" {
			f.Evidence = c.Why
		}
		if strings.HasPrefix(c.Why, "the table has no column") {
			f.Verdict, f.Fix = check.Doubtful, "tell the project: the service has changed the table"
		}
	case setup.Create:
		f.Verdict, f.Evidence, f.Fix = check.Failed, "it is not there", applies
	case setup.Update:
		f.Verdict, f.Evidence, f.Fix = check.Failed, "it differs:\n"+evidence, applies
	default:
		what, fix, ok := strings.Cut(c.Why, ": ")
		if !ok {
			what, fix, _ = strings.Cut(c.Why, "; ")
		}
		f.Verdict, f.Evidence, f.Fix = check.Failed, strings.TrimSpace(what+"\n"+evidence), fix
	}
}

// Post posts an empty list of rows to each stream: it stores nothing, and
// succeeds only when token, role, rule and stream are right. The credential
// must be that of the identity that posts.
func (b Blueprint) Post(ctx context.Context, c *Clients, credential azcore.TokenCredential, options azcore.ClientOptions) *check.Report {
	report := &check.Report{}
	shared, err := b.sharedEndpoint(ctx, c)
	for _, r := range b.Rules {
		var m made
		if err == nil {
			m, err = b.made(ctx, c, r)
		}
		if shared != "" {
			m.url = shared
		}
		for _, s := range r.Streams {
			start := time.Now()
			f := check.Finding{Subject: b.Workspace.String(), Code: "azure.post", Title: "post to " + s.Name + " of " + r.Name}
			failed := err
			if failed == nil {
				failed = postNothing(ctx, m, s.Name, credential, options)
			}
			f.Verdict, f.Evidence = check.Passed, "an empty list of rows was accepted"
			if failed != nil {
				f.Verdict = check.Failed
				f.Evidence, f.Fix = posting(failed)
			}
			f.Took = time.Since(start)
			report.Add(f)
		}
	}
	return report
}

func postNothing(ctx context.Context, m made, stream string, credential azcore.TokenCredential, options azcore.ClientOptions) error {
	client, err := azlogs.NewClient(m.url, credential, &azlogs.ClientOptions{ClientOptions: options})
	if err != nil {
		return fmt.Errorf("endpoint %q: %w", m.url, err)
	}
	_, err = client.Upload(ctx, m.id, stream, []byte("[]"), nil)
	return err
}

// posting says what an error of the ingestion endpoint means.
func posting(err error) (evidence, fix string) {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return explain(err).Error(), "see that this machine reaches the endpoint; behind private link, only the network does"
	}
	evidence = fmt.Sprintf("%d %s: %s", refused.StatusCode, refused.ErrorCode, answerOf(refused).text())
	switch refused.StatusCode {
	case http.StatusForbidden:
		fix = "give this identity the role (--principal with its object id); a new role works after some minutes, at most 30"
	case http.StatusUnauthorized:
		fix = "the token is of another cloud or tenant: look at --cloud and --tenant"
	case http.StatusBadRequest, http.StatusNotFound:
		fix = "a rule that was changed a moment ago is known after some minutes; then: " + applies
	}
	return evidence, fix
}
