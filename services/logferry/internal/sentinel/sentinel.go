// Package sentinel reads the AWS data connectors of Microsoft Sentinel and
// makes connections of them.
//
//	file ──Read──┐
//	             ├──▶ []Connector ──Convert──▶ connections, what their roles
//	ARM ───List──┘                             must allow, what is left out
//
// A connection reads what the connector reads that it was made of: each message
// of a queue would go to one of the two, each event of an account's history to
// both. Connections are made paused.
package sentinel

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
)

// Kinds of Microsoft's data connectors for AWS.
// Source: DataConnectorKind in azure-sdk-for-go, armsecurityinsights/v2.
const (
	kindS3         = "AmazonWebServicesS3"
	kindCloudTrail = "AmazonWebServicesCloudTrail"
)

// Connector is a data connector for AWS, as far as a connection can be made of
// it.
type Connector struct {
	// Name is the resource's name, a GUID more often than not; empty when a
	// template works it out.
	Name string
	// Kind is AmazonWebServicesS3 or AmazonWebServicesCloudTrail.
	Kind    string
	RoleARN string
	Queues  []string
	Table   string
	// Problem says why RoleARN, Queues or Table could not be read; empty: they
	// could.
	Problem string
}

// String names the connector for people.
func (c Connector) String() string {
	if c.Name == "" {
		return "a connector for " + c.Table
	}
	return c.Name
}

// Found is what was read: the connectors for AWS, and how many there are for
// something else.
type Found struct {
	Connectors []Connector
	Others     int
}

// Options say what the connectors do not.
type Options struct {
	// Destination is the name of the destination of the connections.
	Destination string
	// WorkspaceID is the id of the connectors' workspace, which roles made for
	// them by external id ask for; empty: connections have no external id.
	WorkspaceID string
}

// Check returns an error that names the option that is wrong.
func (o Options) Check() error {
	if o.WorkspaceID != "" && !guid.MatchString(o.WorkspaceID) {
		return errors.New("--workspace-id is no workspace's id, which is a GUID such as 8a1f2c3d-0000-4000-8000-000000000000: the workspace's page shows it")
	}
	return nil
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// Made is a connection, and the connector that it was made of.
type Made struct {
	Connection connection.Connection
	Of         Connector
}

// Left is a connector that no connection was made of.
type Left struct {
	Connector Connector
	Why       string
}

// Convert makes connections of connectors, with names that are valid, differ
// from each other, and are the same the next time.
func Convert(connectors []Connector, o Options) (made []Made, left []Left) {
	var usable []Connector
	owners := map[string]Connector{} // of what is read
	for _, c := range connectors {
		why := c.obstacle()
		for _, source := range c.sources() {
			if other, taken := owners[source]; taken && why == "" {
				why = c.shared(other)
			}
		}
		if why != "" {
			left = append(left, Left{c, why})
			continue
		}
		for _, source := range c.sources() {
			owners[source] = c
		}
		usable = append(usable, c)
	}
	for i, name := range names(usable) {
		made = append(made, Made{usable[i].connection(name, o), usable[i]})
	}
	return made, left
}

// connection returns what reads in the connector's place.
func (c Connector) connection(name string, o Options) connection.Connection {
	out := connection.Connection{
		Name: name, RoleARN: c.RoleARN, ExternalID: o.WorkspaceID,
		Table: c.Table, Destination: o.Destination, Paused: true,
	}
	switch {
	case c.Kind == kindCloudTrail:
		out.Lookup.Regions = []string{connection.AllRegions} // as Sentinel reads them
	case len(c.Queues) == 1:
		out.QueueURL = c.Queues[0]
	default:
		out.QueueURLs = c.Queues
	}
	return out
}

// sources are what one connection only may read: queues, or the account whose
// event history it is.
func (c Connector) sources() []string {
	if c.Kind == kindCloudTrail {
		return []string{connection.Account{RoleARN: c.RoleARN}.ID()}
	}
	return c.Queues
}

// shared says that another connector reads the same.
func (c Connector) shared(other Connector) string {
	if c.Kind == kindCloudTrail {
		return fmt.Sprintf("%s reads the same account's event history, and each event would come twice; one of them is enough", other)
	}
	return fmt.Sprintf("its queue is that of %s too, and each message goes to one of them only; give it a queue of its own", other)
}

// obstacle says why no connection can be made of the connector; empty: it can.
func (c Connector) obstacle() string {
	switch {
	case c.Problem != "":
		return c.Problem
	case len(c.Queues) == 0 && c.Kind == kindS3:
		return "it names no queue (sqsUrls)"
	case c.RoleARN == "":
		return "it names no role"
	case !slices.Contains(all.Formats().Tables(), c.Table):
		return fmt.Sprintf("Logferry has no rows for the table %q; it has for %s", c.Table, strings.Join(all.Formats().Tables(), ", "))
	}
	return ""
}
