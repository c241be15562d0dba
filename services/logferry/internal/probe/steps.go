package probe

import (
	"errors"
	"fmt"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// steps are checks of one subject that build on each other.
type steps struct {
	report  *check.Report
	subject string
	// blocked says why what follows cannot be tried; empty: it can.
	blocked string
}

// try makes a check, or skips it when an earlier one has made it impossible.
func (s *steps) try(code, title string, look func() check.Outcome) {
	s.report.Look(code, s.subject, title, func() check.Outcome {
		if s.blocked != "" {
			return check.Skip("not tried: %s", s.blocked)
		}
		return look()
	})
}

// need makes a check without which those that follow are impossible.
func (s *steps) need(code, title string, look func() check.Outcome) {
	var found check.Outcome
	s.try(code, title, func() check.Outcome { found = look(); return found })
	if found.Verdict == check.Failed {
		s.blocked = "see " + title
	}
}

// caller is who calls AWS for a connection, and what a person must know to
// grant it something.
type caller struct {
	conn connection.Connection
	// arn is the effective identity, as far as it is known.
	arn string
}

// name is the role or user that permissions are added to.
func (c caller) name() string {
	switch {
	case c.conn.RoleARN != "":
		return c.conn.RoleARN
	case c.arn != "":
		return principal(c.arn)
	}
	return "the process's own AWS identity"
}

// principal returns the role of a role's session, and any other identity as it
// is: policies name roles. The path of a role is not part of its session's ARN.
func principal(arn string) string {
	before, role, ok := strings.Cut(arn, ":assumed-role/")
	if !ok {
		return arn
	}
	role, _, _ = strings.Cut(role, "/")
	return strings.Replace(before, ":sts:", ":iam:", 1) + ":role/" + role
}

// grant says how to allow an action that AWS has refused.
func (c caller) grant(err error, action, resource string) string {
	return grantTo(err, c.name(), accountOf(c.name()), action, resource)
}

func grantTo(err error, who, account, action, resource string) string {
	if strings.Contains(err.Error(), "explicit deny") {
		return fmt.Sprintf("an explicit deny of %s on %s wins over every allow: take it out of the policy that the answer names", action, resource)
	}
	s := policy.New(policy.Statement{Effect: "Allow", Action: policy.Values{action}, Resource: policy.Values{resource}}).Statement[0]
	text := fmt.Sprintf("add to the permissions policy of %s the statement %s", who, statement(s))
	if owner := accountOf(resource); owner != "" && account != "" && owner != account {
		s.Principal = policy.Principal{"AWS": {who}}
		text += fmt.Sprintf("\nand, since it is of account %s, to the resource's own policy %s", owner, statement(s))
	}
	return text
}

// statement returns a statement as JSON, without the document around it.
func statement(s policy.Statement) string {
	text := policy.Document{Statement: []policy.Statement{s}}.String()
	return strings.TrimSuffix(strings.TrimPrefix(text, `{"Statement":[`), "]}")
}

// accountOf returns the account of an ARN, empty when it tells none.
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// codeOf returns the service's own code of a refusal, without the name of the
// service before it; empty when no service has answered.
func codeOf(err error) string {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	code := e.ErrorCode()
	return code[strings.LastIndexByte(code, '.')+1:]
}

// denied reports whether AWS knows the caller and refuses the call.
func denied(err error) bool {
	switch codeOf(err) {
	case "AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation":
		return true
	}
	return false
}

// said tells what the service has answered: code, message and request id.
func said(err error) string {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err.Error()
	}
	text := codeOf(err)
	if m := e.ErrorMessage(); m != "" {
		text += ": " + m
	}
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok && answer.ServiceRequestID() != "" {
		text += " (request " + answer.ServiceRequestID() + ")"
	}
	return text
}

// skewOf returns how far this machine's clock is ahead of a service's by its
// answer; 0 when that cannot be told.
func skewOf(err error) time.Duration {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || answer.HTTPResponse() == nil {
		return 0
	}
	at, err := time.Parse(time.RFC1123, answer.HTTPResponse().Header.Get("Date"))
	if err != nil {
		return 0
	}
	return time.Since(at)
}
