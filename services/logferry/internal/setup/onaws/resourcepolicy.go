package onaws

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// resourcePolicy is the policy of something, which several share: statements
// are merged into it, and those of others stay.
type resourcePolicy struct {
	name, arn string
	limit     int
	wanted    []policy.Statement
	// read returns the policy; empty when there is none, or nothing to have one.
	read func(context.Context) (string, error)
	// write replaces it; an empty text removes it.
	write func(ctx context.Context, text string) error
}

func (p resourcePolicy) piece() *piece {
	return &piece{name: p.name, arn: p.arn, want: p.merge, unwant: p.take}
}

func (p resourcePolicy) load(ctx context.Context) (policy.Document, error) {
	text, err := p.read(ctx)
	if err != nil {
		return policy.Document{}, err
	}
	return policy.Parse(text)
}

func (p resourcePolicy) merge(ctx context.Context) (work, error) {
	have, err := p.load(ctx)
	if err != nil {
		return work{}, err
	}
	merged, added, removed := have.Merge(p.wanted...)
	if len(added)+len(removed) == 0 {
		return keep(), nil
	}
	if err := merged.CheckSize(p.limit); err != nil {
		return refuse("%v", err), nil
	}
	w := work{action: setup.Update, lines: statementLines(removed, added), why: deletedPrincipals(have)}
	if len(have.Statement) == 0 {
		w.action = setup.Create
	}
	w.then(func(ctx context.Context) error { return p.write(ctx, merged.String()) })
	return w, nil
}

func (p resourcePolicy) take(ctx context.Context) (work, error) {
	have, err := p.load(ctx)
	if err != nil {
		return work{}, err
	}
	rest, removed := have.Without(p.wanted...)
	if len(removed) == 0 {
		return gone(), nil
	}
	text := ""
	if len(rest.Statement) > 0 {
		text = rest.String()
	}
	w := remove(func(ctx context.Context) error { return p.write(ctx, text) })
	w.lines = statementLines(removed, nil)
	return w, nil
}

// statementLines are the details of a change of statements.
func statementLines(removed, added []policy.Statement) []string {
	var lines []string
	for _, s := range removed {
		lines = append(lines, "- "+statementText(s))
	}
	for _, s := range added {
		lines = append(lines, "+ "+statementText(s))
	}
	return lines
}

func statementText(s policy.Statement) string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error() // a statement holds texts only
	}
	return string(text)
}

// deletedID matches what AWS puts in the place of a principal that was deleted:
// the unique id that the role or user had.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
var deletedID = regexp.MustCompile(`^A(ROA|IDA)[A-Z0-9]{12,}$`)

// deletedPrincipals says which principals of the policy no longer exist; empty
// when all do.
func deletedPrincipals(d policy.Document) string {
	var ids []string
	for _, s := range d.Statement {
		for _, id := range s.Principal["AWS"] {
			if deletedID.MatchString(id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return "it names " + strings.Join(slices.Compact(slices.Sorted(slices.Values(ids))), ", ") +
		", the id of a role or user that was deleted: one of the same name made again is not meant by it"
}
