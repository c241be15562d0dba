package onaws

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

func trustOf(principal, externalID string) policy.Statement {
	return policy.Statement{
		Sid: "Logferry", Effect: "Allow", Principal: policy.Principal{"AWS": {principal}}, Action: policy.Values{"sts:AssumeRole"},
		Condition: policy.Conditions{"StringEquals": {"sts:ExternalId": {externalID}}},
	}
}

// A trust policy that others wrote is changed when they say so, and never
// silently.
func TestTrust(t *testing.T) {
	const runner = "arn:aws:iam::123456789012:role/runner"
	theirs := policy.Statement{Sid: "Ops", Effect: "Allow", Principal: policy.Principal{"AWS": {"arn:aws:iam::123456789012:role/ops"}}, Action: policy.Values{"sts:AssumeRole"}}
	f := func(have policy.Document, owned, adopt bool, want setup.Action, why string) {
		t.Helper()
		e := engine{Blueprint: Blueprint{Role: Role{Name: "r", Trust: policy.New(trustOf(runner, "id"))}}, options: Options{Adopt: adopt}}
		got := e.trust(have, owned)
		if got.action != want || !strings.Contains(got.why, why) {
			t.Errorf("%s, owned %t, adopt %t: got %s %q; want %s %q", have, owned, adopt, got.action, got.why, want, why)
		}
		if want == setup.Refuse && len(got.calls) > 0 {
			t.Error("what is refused would be done")
		}
		if want != setup.Keep && len(got.lines) == 0 {
			t.Error("the difference is not shown")
		}
	}
	// as wanted, whoever made it
	f(policy.New(trustOf(runner, "id")), true, false, setup.Keep, "")
	f(policy.New(theirs, trustOf(runner, "id")), false, false, setup.Keep, "")
	// our own: a wrong external ID, a statement that is missing
	f(policy.New(trustOf(runner, "wrong")), true, false, setup.Update, "")
	f(policy.New(theirs), true, false, setup.Update, "")
	// of others
	f(policy.New(theirs), false, false, setup.Refuse, "--adopt")
	f(policy.New(theirs), false, true, setup.Update, "")
	f(policy.New(trustOf(runner, "wrong")), false, false, setup.Refuse, "--adopt")
	// the principal was deleted
	f(policy.New(trustOf("AROAEXAMPLE1234567890", "id")), true, false, setup.Update, "AROAEXAMPLE1234567890, the id of a role or user that was deleted")
	f(policy.New(trustOf("AIDAEXAMPLE1234567890", "id")), false, false, setup.Refuse, "AIDAEXAMPLE1234567890")
}

// A policy that would grow too long is refused, with what to do.
func TestPolicySize(t *testing.T) {
	var many []policy.Statement
	for range 10 {
		many = append(many, policy.Statement{Effect: "Allow", Principal: policy.Principal{"AWS": {strings.Repeat("a", 220)}}, Action: policy.Values{"sts:AssumeRole"}})
	}
	e := engine{Blueprint: Blueprint{Role: Role{Name: "r", Trust: policy.New(trustOf("p", "id"))}}}
	got := e.trust(policy.New(many...), true)
	if got.action != setup.Refuse || !strings.Contains(got.why, "AWS takes 2048") {
		t.Errorf("got %s %q; want a refusal that tells the limit", got.action, got.why)
	}
}
