package awscred

import (
	"context"
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
		return creds, &RoleError{e.conn, err}
	}
	return creds, err
}

// RoleError says why a connection's role could not be assumed. Its text never
// holds the external ID, which STS repeats when it finds it malformed.
type RoleError struct {
	conn connection.Connection
	err  error
}

func (e *RoleError) Error() string {
	text := "connection " + e.conn.Name + ": assume role " + e.conn.RoleARN + ": " + e.check() + ": " + e.err.Error()
	if e.conn.ExternalID != "" {
		text = strings.ReplaceAll(text, e.conn.ExternalID, "(external ID)")
	}
	return text
}

func (e *RoleError) Unwrap() error { return e.err }

// check says what a person should look at.
func (e *RoleError) check() string {
	if e.conn.WebIdentityTokenFile != "" {
		return "check that the role's trust policy names the token's issuer, audience and subject, and that " +
			e.conn.WebIdentityTokenFile + " holds a current token"
	}
	if e.conn.ExternalID != "" {
		return "check that the role exists, that its trust policy names this identity, and that it asks for this connection's external ID"
	}
	return "check that the role exists, that its trust policy names this identity, and that it asks for no external ID, since the connection has none"
}
