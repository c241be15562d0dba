// Package connection holds what a user configures: where logs come from
// (Connection) and where their rows go (Destination).
package connection

import (
	"maps"
	"slices"
)

// Auto is the table of a connection whose objects are routed one by one, by
// their key and content.
const Auto = "auto"

// When a queue message is deleted.
const (
	// AckDelivered: when every row of its objects is accepted or kept as a
	// dead letter. Losing the bus loses nothing.
	AckDelivered = "delivered"
	// AckStored: when its objects are on the bus. The queue drains at once;
	// losing the bus loses what was on it.
	AckStored = "stored"
)

// Connection is one AWS role with its queues, or accounts whose event history
// is read.
type Connection struct {
	// Name identifies the connection in subjects, metrics and logs: letters,
	// digits, dash and underscore.
	Name string `yaml:"name"`
	// RoleARN is the role to assume; empty: the base credentials are used.
	RoleARN string `yaml:"role_arn,omitempty"`
	// ExternalID is presented when the role is assumed.
	ExternalID string `yaml:"external_id,omitempty"`
	// SessionName names the role session; empty: "logferry-<name>".
	SessionName string `yaml:"session_name,omitempty"`
	// WebIdentityTokenFile holds an OIDC token; the role is then assumed with
	// AssumeRoleWithWebIdentity instead of the base credentials.
	WebIdentityTokenFile string `yaml:"web_identity_token_file,omitempty"`
	// QueueURL and QueueURLs name the SQS queues; at least one in all,
	// unless there is a Lookup.
	QueueURL  string   `yaml:"queue_url,omitempty"`
	QueueURLs []string `yaml:"queue_urls,omitempty"`
	// Region is the AWS region; empty: each queue URL tells its own.
	Region string `yaml:"region,omitempty"`
	// Buckets, when not empty, are the only buckets the connection reads.
	Buckets []string `yaml:"buckets,omitempty"`
	// RequesterPays lets the reader pay for requests to such buckets.
	RequesterPays bool `yaml:"requester_pays,omitempty"`
	// Lookup has CloudTrail's event history read, besides the queues or in their
	// place.
	Lookup Lookup `yaml:"lookup,omitempty"`
	// Table is the destination table, or Auto (the default).
	Table string `yaml:"table,omitempty"`
	// Destination is the name of the destination.
	Destination string `yaml:"destination"`
	// Ack is AckDelivered (the default) or AckStored.
	Ack string `yaml:"ack,omitempty"`
	// Paused keeps the pollers from the queues: what is there waits. What was
	// received before is carried on.
	Paused bool `yaml:"paused,omitempty"`
}

// Queues returns all queue URLs of the connection.
func (c Connection) Queues() []string {
	if c.QueueURL == "" {
		return c.QueueURLs
	}
	return append([]string{c.QueueURL}, c.QueueURLs...)
}

// Reads reports whether the connection may read the bucket.
func (c Connection) Reads(bucket string) bool {
	if len(c.Buckets) == 0 {
		return true
	}
	for _, b := range c.Buckets {
		if b == bucket {
			return true
		}
	}
	return false
}

// Destination is where rows go: an ingestion endpoint or a directory.
type Destination struct {
	// Name identifies the destination in subjects, metrics and logs.
	Name string `yaml:"name"`

	// Endpoint is the logs ingestion endpoint of the rules, https.
	Endpoint string `yaml:"endpoint,omitempty"`
	// Cloud is public (the default), usgovernment or china.
	Cloud string `yaml:"cloud,omitempty"`
	// Credential says who posts.
	Credential Credential `yaml:"credential,omitempty"`
	// Tables maps each table to its rule and stream.
	Tables map[string]Rule `yaml:"tables,omitempty"`
	// CAFile holds certificates to trust besides the system's, for an endpoint
	// and authority behind a private CA.
	CAFile string `yaml:"ca_file,omitempty"`

	// Directory makes this a file destination: rows are written below it.
	Directory string `yaml:"directory,omitempty"`
	// Format of the files: jsonl (the default) or parquet.
	Format string `yaml:"format,omitempty"`
}

// IsFile reports whether rows go to files.
func (d Destination) IsFile() bool { return d.Directory != "" }

// Takes reports whether the destination takes rows of the table.
func (d Destination) Takes(table string) bool {
	if d.IsFile() {
		return true
	}
	_, ok := d.Tables[table]
	return ok
}

// TablesOf returns the tables that the destination takes, sorted: those it has
// rules for or, in files, all of those that are known.
func (d Destination) TablesOf(known []string) []string {
	if d.IsFile() {
		return known
	}
	return slices.Sorted(maps.Keys(d.Tables))
}

// Rule is where the rows of one table are posted.
type Rule struct {
	// Rule and Rules are the immutable ids of data collection rules, dcr-<32
	// hex>; at least one in all. Calls are spread over them.
	Rule  string   `yaml:"rule,omitempty"`
	Rules []string `yaml:"rules,omitempty"`
	// Stream is the stream's name in each rule; empty: Custom-Logferry-<table>.
	Stream string `yaml:"stream,omitempty"`
	// EventTime is a custom column of the table, of the type datetime, that gets
	// a copy of each row's TimeGenerated, which the service replaces when it is
	// old; empty: none does.
	EventTime string `yaml:"event_time,omitempty"`
}

// IDs returns the immutable ids of all rules.
func (r Rule) IDs() []string {
	if r.Rule == "" {
		return r.Rules
	}
	return append([]string{r.Rule}, r.Rules...)
}

// Kinds of credential.
const (
	CredentialDefault           = "default"
	CredentialManagedIdentity   = "managed_identity"
	CredentialWorkloadIdentity  = "workload_identity"
	CredentialClientSecret      = "client_secret"
	CredentialClientCertificate = "client_certificate"
	CredentialAWSWebIdentity    = "aws_web_identity"
	CredentialNone              = "none"
)

// Credential says how to get a token of the Azure identity that posts rows.
type Credential struct {
	// Kind is one of the Credential constants; empty: default.
	Kind string `yaml:"kind,omitempty"`
	// TenantID and ClientID name the Entra application or identity.
	TenantID string `yaml:"tenant_id,omitempty"`
	ClientID string `yaml:"client_id,omitempty"`
	// ClientSecretFile holds the secret; else the environment's
	// AZURE_CLIENT_SECRET is used. Secrets are never in the configuration.
	ClientSecretFile string `yaml:"client_secret_file,omitempty"`
	// CertificateFile holds a PEM or PKCS#12 certificate with its key, and
	// CertificatePasswordFile its password.
	CertificateFile         string `yaml:"certificate_file,omitempty"`
	CertificatePasswordFile string `yaml:"certificate_password_file,omitempty"`
	// TokenFile holds the federated token of workload_identity; empty:
	// AZURE_FEDERATED_TOKEN_FILE.
	TokenFile string `yaml:"token_file,omitempty"`
	// AWSRegion is where aws_web_identity asks STS for its token.
	AWSRegion string `yaml:"aws_region,omitempty"`
	// AuthorityHost replaces the cloud's login host, https.
	AuthorityHost string `yaml:"authority_host,omitempty"`
}
