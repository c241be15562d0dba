// Package probe tries what the running services do for a connection, one call
// after the other, as a person would who looks for what is missing: `connection
// test` shows it, and the doctor goes on from it.
//
//	Source:       credentials ─▶ role ─▶ identity ─▶ queue ─▶ objects
//	Destination:  token ─▶ rules        or directory
//
// Every call is really made, with the credentials of the services. A probe
// leaves everything as it was, beside running services too:
//
//   - It receives one message at a time and has it stay visible (a visibility
//     timeout of 0), so that it is late for nobody. That counts as a receive:
//     where the queue moves messages to its dead-letter queue after so few that
//     one matters, nothing is received.
//   - It deletes and hides nothing. Whether it might is told by the answer to a
//     receipt that no message has: ReceiptHandleIsInvalid when the call is
//     allowed, AccessDenied when it is not.
//   - It reads the beginning of one object.
//   - It posts an empty list of rows, which becomes no row and costs nothing.
//   - In a directory it makes an empty file and removes it.
package probe

import (
	"context"
	"log/slog"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/sink/azure"
	"github.com/logferry/logferry/pkg/sink/azure/awsidentity"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

// Probe holds the credentials that are tried: one session for each role,
// however many connections use it. It is safe for concurrent use.
type Probe struct {
	aws     *awscred.Cache
	azure   *azure.Credentials
	version string
}

// New returns a probe. version is that of the program, told to the services.
func New(log *slog.Logger, version string) *Probe {
	return &Probe{aws: awscred.New(log), azure: azure.NewCredentials(awsidentity.Token), version: version}
}

// Connection tries everything for a connection, from its role to the rules of
// its tables in the destination, and reports each step. Steps that an earlier
// failure makes impossible are skipped and name it. Both must be valid, as
// [connection.Validate] has it. When ctx ends, what is left fails.
func (p *Probe) Connection(ctx context.Context, c connection.Connection, d connection.Destination) *check.Report {
	r := new(check.Report)
	p.Source(ctx, r, c)
	var tables []string
	if c.Table != "" && c.Table != connection.Auto {
		tables = []string{c.Table}
	}
	p.Destination(ctx, r, d, tables)
	return r
}
