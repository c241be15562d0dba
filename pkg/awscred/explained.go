package awscred

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/logferry/logferry/pkg/connection"
)

// explained adds to the errors of a shared session whose they are and what to
// check.
type explained struct {
	session aws.CredentialsProvider
	conn    connection.Connection
}

// Retrieve returns the session's credentials.
func (e *explained) Retrieve(ctx context.Context) (aws.Credentials, error) {
	creds, err := e.session.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		return creds, &RoleError{explain(e.conn, err), err}
	}
	return creds, err
}

// RoleError says why a connection's role could not be assumed, and what to
// check. It tells a refusal of the role from a refusal of the call that needed
// it. Its text never holds the external ID.
type RoleError struct {
	text string
	err  error
}

func (e *RoleError) Error() string { return e.text }
func (e *RoleError) Unwrap() error { return e.err }

// base is the default chain, whose errors say what to do.
type base struct{ chain aws.CredentialsProvider }

// Retrieve returns the chain's credentials.
func (b *base) Retrieve(ctx context.Context) (aws.Credentials, error) {
	creds, err := b.chain.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		return creds, &BaseError{err}
	}
	return creds, err
}

// BaseError says that the process has no AWS credentials of its own, with which
// it would call AWS or assume a role.
type BaseError struct{ err error }

func (e *BaseError) Error() string { return "no AWS credentials: " + adviseBase + ": " + e.err.Error() }
func (e *BaseError) Unwrap() error { return e.err }

const adviseBase = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where there is a role of the instance, the task or the pod"

// explain writes the text of a RoleError. STS repeats an external ID that it
// finds malformed, so that is taken out.
func explain(c connection.Connection, err error) string {
	text := fmt.Sprintf("connection %s: assume role %s: %s: %v", c.Name, c.RoleARN, check(c), err)
	if missing, ok := errors.AsType[*BaseError](err); ok {
		text = fmt.Sprintf("connection %s: assume role %s: %v", c.Name, c.RoleARN, missing)
	}
	if c.ExternalID != "" {
		text = strings.ReplaceAll(text, c.ExternalID, "(external ID)")
	}
	return text
}

// check says what a person should look at.
func check(c connection.Connection) string {
	switch {
	case c.WebIdentityTokenFile != "":
		return "check that the role's trust policy names the token's issuer, audience and subject, and that " +
			c.WebIdentityTokenFile + " holds a current token"
	case c.ExternalID != "":
		return "check that the role exists, that its trust policy names this identity, and that it asks for this connection's external ID"
	}
	return "check that the role exists, that its trust policy names this identity, and that it asks for no external ID, since the connection has none"
}
