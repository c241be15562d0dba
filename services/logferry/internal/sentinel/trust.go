package sentinel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// Trust returns the statement that lets the principal assume the connection's
// role. The trust policy of a role that was made for Sentinel names Microsoft's
// account, or its tenant, and nobody else.
func (m Made) Trust(principal string) policy.Statement {
	s := policy.Statement{
		Sid: "LogferryAssumeRole", Effect: "Allow",
		Principal: policy.Principal{"AWS": {principal}},
		Action:    policy.Values{"sts:AssumeRole"},
	}
	if id := m.Connection.ExternalID; id != "" {
		s.Condition = policy.Conditions{"StringEquals": {"sts:ExternalId": {id}}}
	}
	return s
}

// whyDisconnect says what happens while both read.
func (m Made) whyDisconnect() string {
	if m.Of.Kind == kindCloudTrail {
		return "both would read the same events,\n     and they would come twice"
	}
	return "both would read the same queue, and each\n     message goes to one of them"
}

// unknownPrincipal stands for the principal that nobody named.
func (m Made) unknownPrincipal() string {
	partition := "aws"
	if parts := strings.SplitN(m.Connection.RoleARN, ":", 3); len(parts) == 3 {
		partition = parts[1]
	}
	return "arn:" + partition + ":iam::ACCOUNT:role/ROLE"
}

// WriteSteps writes what is left to do until the connection carries logs, for
// the principal that Logferry runs as, empty when it is not known. Command
// begins the commands that it names: "logferry connection %s -c logferry.yaml".
func (m Made) WriteSteps(w io.Writer, principal string, command func(verb string) string) error {
	var text bytes.Buffer
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	name := m.Connection.Name
	say("connection %s, made of %s, is paused. To have it carry logs:", name, m.Of)
	say("  1. add this statement to the trust policy of %s", m.Connection.RoleARN)
	say("     and leave those that are there until the connector is gone:")
	named := principal != ""
	if !named {
		principal = m.unknownPrincipal()
	}
	statement := json.NewEncoder(&text)
	statement.SetEscapeHTML(false)
	text.WriteString("       ")
	statement.SetIndent("       ", "  ")
	if err := statement.Encode(m.Trust(principal)); err != nil {
		return err
	}
	if !named {
		say("     ACCOUNT and ROLE are what Logferry runs as, which aws sts get-caller-identity")
		say("     tells; --principal writes them.")
	}
	if m.Connection.ExternalID == "" {
		say("     It asks for no external id: give --workspace-id to have it ask for the")
		say("     workspace's, as the role does for Sentinel.")
	}
	say("  2. %s %s", command("test"), name)
	say("  3. disconnect the connector in Sentinel: %s", m.whyDisconnect())
	say("  4. %s %s", command("resume"), name)
	_, err := w.Write(text.Bytes())
	return err
}
