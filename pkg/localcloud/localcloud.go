// Package localcloud runs stand-ins of both clouds on the local host, faithful
// enough to run Logferry against: S3, SQS, STS and CloudTrail's event history
// behind one HTTP endpoint, Entra and the Logs Ingestion API behind one HTTPS
// endpoint. The demo, the tests and the load harness use it.
//
//	      http, AWS_ENDPOINT_URL                https, own CA
//	┌───────────────────────────┐       ┌─────────────────────────┐
//	│ sts      sqs ◀─notify─ s3 │       │ entra ─token─ ingestion │
//	└───────────────────────────┘       └─────────────────────────┘
//
// Package inject makes any call fail on purpose; package samplelog makes the
// logs.
package localcloud

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud/entra"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/lookupevents"
	"github.com/logferry/logferry/pkg/localcloud/s3"
	"github.com/logferry/logferry/pkg/localcloud/sqs"
	"github.com/logferry/logferry/pkg/localcloud/sts"
)

// What the stand-ins know from the start.
const (
	AccessKeyID     = "AKIALOCALCLOUD000000"
	SecretAccessKey = "local-cloud-secret-access-key"
	TenantID        = "00000000-0000-4000-8000-0000000000aa"
	ClientID        = "00000000-0000-4000-8000-0000000000bb"
	ClientSecret    = "local-cloud-client-secret"
)

// Options configures a [Cloud]. The zero value is ready for use.
type Options struct {
	// Region is the AWS region; empty: us-east-1.
	Region string
	// Account is the AWS account of queues, buckets and the static key;
	// empty: 123456789012.
	Account string
	// AWSAddress and AzureAddress are where to listen, a loopback address;
	// empty: 127.0.0.1 with a free port.
	AWSAddress, AzureAddress string
	// Roles are the roles that can be assumed; any other is denied.
	Roles []sts.Role
	// RequireCredentials refuses calls to S3 and SQS that are not signed with
	// the static key or a session that STS issued.
	RequireCredentials bool
	// Rules are the data collection rules; none: [ingestion.DefaultRules],
	// which has one rule for each table.
	Rules []ingestion.Rule
	// KeepBytes bounds the accepted rows that are kept for
	// [ingestion.Server.Rows], per table; 0: 64 MiB; negative: none are kept.
	KeepBytes int64
	// OnRows, if set, gets the accepted rows of every upload, see
	// [ingestion.Options].
	OnRows func(table string, rows []ingestion.Row)
	// Key names the identity of a row for the detection of duplicates; nil:
	// [ingestion.DefaultKey].
	Key func(table string, row ingestion.Row) string
	// Log gets little; nil: nothing is logged.
	Log *slog.Logger
}

// Cloud is both stand-ins, running. The exported parts are ready for use and
// may be used from any goroutine.
type Cloud struct {
	SQS       *sqs.Server
	S3        *s3.Server
	STS       *sts.Server
	Entra     *entra.Server
	Ingestion *ingestion.Server
	// History is CloudTrail's event history.
	History *lookupevents.Server
	// Faults decides which calls fail.
	Faults *inject.Table

	options Options
	aws     *server
	azure   *server
	ca      *authority
}

// Start listens on both addresses and serves until [Cloud.Close]. The end of
// ctx ends the calls in progress, such as long polls, and refuses new ones.
func Start(ctx context.Context, o Options) (*Cloud, error) {
	o = o.withDefaults()
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	listeners, err := listen(o.AWSAddress, o.AzureAddress)
	if err != nil {
		return nil, err
	}
	c := &Cloud{Faults: new(inject.Table), options: o, ca: ca}
	c.STS = sts.New(sts.Options{
		Account: o.Account, AccessKeyID: AccessKeyID, Roles: o.Roles, Faults: c.Faults,
	})
	c.SQS = sqs.New(sqs.Options{
		URL: "http://" + listeners[0].Addr().String(), Region: o.Region, Account: o.Account, Faults: c.Faults,
	})
	c.S3 = s3.New(s3.Options{
		Region: o.Region, Account: o.Account, Faults: c.Faults, Send: c.SQS.Send,
	})
	c.History = lookupevents.New(lookupevents.Options{Caller: c.account, Faults: c.Faults})
	c.Entra = entra.New(entra.Options{
		URL:     "https://" + listeners[1].Addr().String(),
		Clients: []entra.Client{{TenantID: TenantID, ClientID: ClientID, Secret: ClientSecret}},
		Faults:  c.Faults,
	})
	c.Ingestion = ingestion.New(ingestion.Options{
		Rules: o.Rules, Verify: c.Entra.Verify, KeepBytes: o.KeepBytes,
		OnRows: o.OnRows, Key: o.Key, Faults: c.Faults,
	})
	c.aws = serve(ctx, listeners[0], nil, c.awsHandler(), o.Log)
	c.azure = serve(ctx, listeners[1], ca.tlsConfig(), c.azureHandler(), o.Log)
	return c, nil
}

func (o Options) withDefaults() Options {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.AWSAddress == "" {
		o.AWSAddress = "127.0.0.1:0"
	}
	if o.AzureAddress == "" {
		o.AzureAddress = "127.0.0.1:0"
	}
	if o.Rules == nil {
		o.Rules = ingestion.DefaultRules()
	}
	if o.KeepBytes == 0 {
		o.KeepBytes = 64 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func listen(addresses ...string) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// Close ends both stand-ins and returns when no call is in progress.
func (c *Cloud) Close() {
	c.aws.close()
	c.azure.close()
}

// AWSEndpoint returns the URL of S3, SQS, STS and the event history.
func (c *Cloud) AWSEndpoint() string { return "http://" + c.aws.address }

// AzureEndpoint returns the URL of Entra and of the ingestion endpoint.
func (c *Cloud) AzureEndpoint() string { return "https://" + c.azure.address }

// Region returns the AWS region.
func (c *Cloud) Region() string { return c.options.Region }

// Env returns the environment, as "KEY=value", that points an AWS SDK at the
// stand-in with its static key.
func (c *Cloud) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + c.AWSEndpoint(),
		"AWS_REGION=" + c.options.Region,
		"AWS_ACCESS_KEY_ID=" + AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + SecretAccessKey,
		"AWS_SESSION_TOKEN=",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// CertPool returns a pool that trusts the HTTPS endpoint.
func (c *Cloud) CertPool() *x509.CertPool { return c.ca.pool() }

// CAFile writes the certificate that the HTTPS endpoint is to be trusted by
// into dir and returns the file's path.
func (c *Cloud) CAFile(dir string) (string, error) {
	path := filepath.Join(dir, "local-cloud-ca.pem")
	if err := os.WriteFile(path, c.ca.pem(), 0o600); err != nil {
		return "", fmt.Errorf("write the CA certificate: %w", err)
	}
	return path, nil
}

// Feed makes a bucket and a queue, with a redrive to <queue>-dead after five
// receives, and has every new object of the bucket announced on the queue. As
// AWS does, it sends a test event first. It returns the queue's URL.
func (c *Cloud) Feed(bucket, queue string) (queueURL string, err error) {
	queueURL, err = c.SQS.CreateFeedQueue(queue)
	if err != nil {
		return "", err
	}
	if err := c.S3.CreateBucket(bucket); err != nil {
		return "", err
	}
	if err := c.SQS.SetPolicy(queue, c.sendPolicy(bucket, queue)); err != nil {
		return "", err
	}
	if err := c.S3.Notify(s3.Rule{Bucket: bucket, Queue: queue}); err != nil {
		return "", err
	}
	return queueURL, nil
}

// sendPolicy is the queue policy that lets a bucket send.
func (c *Cloud) sendPolicy(bucket, queue string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},`+
		`"Action":"sqs:SendMessage","Resource":"arn:aws:sqs:%[1]s:%[2]s:%[3]s",`+
		`"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::%[4]s"},"StringEquals":{"aws:SourceAccount":"%[2]s"}}}]}`,
		c.options.Region, c.options.Account, queue, bucket)
}

// Connection returns the configuration of a connection that reads a queue of
// the stand-in with the base credentials of [Cloud.Env].
func (c *Cloud) Connection(name, queueURL, destination string) connection.Connection {
	return connection.Connection{
		Name: name, QueueURL: queueURL, Region: c.options.Region,
		Table: connection.Auto, Destination: destination,
	}
}

// Destination returns the configuration of a destination that posts to the
// stand-in: every stream of every rule, with a client secret. The CA
// certificate and the secret are written into dir.
func (c *Cloud) Destination(name, dir string) (connection.Destination, error) {
	ca, err := c.CAFile(dir)
	if err != nil {
		return connection.Destination{}, err
	}
	secret := filepath.Join(dir, "local-cloud-client-secret")
	if err := os.WriteFile(secret, []byte(ClientSecret), 0o600); err != nil {
		return connection.Destination{}, fmt.Errorf("write the client secret: %w", err)
	}
	d := connection.Destination{
		Name: name, Endpoint: c.AzureEndpoint(), CAFile: ca, Tables: map[string]connection.Rule{},
		Credential: connection.Credential{
			Kind: connection.CredentialClientSecret, TenantID: TenantID, ClientID: ClientID,
			ClientSecretFile: secret, AuthorityHost: c.AzureEndpoint() + "/",
		},
	}
	for _, rule := range c.options.Rules {
		for stream, table := range rule.Streams {
			d.Tables[table.Name] = connection.Rule{Rule: rule.ID, Stream: stream}
		}
	}
	return d, nil
}
