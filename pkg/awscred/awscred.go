// Package awscred gives the AWS configuration of a connection: the region, the
// endpoints and the credentials of its role, and the S3 and SQS clients made
// from them.
//
// The base is the SDK's default chain: environment, shared files, web
// identity, container and instance roles. Endpoints follow the SDK's own
// switches (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_USE_FIPS_ENDPOINT,
// AWS_USE_DUALSTACK_ENDPOINT and their shared-file forms).
package awscred

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/logferry/logferry/pkg/connection"
)

const (
	// sessionTime is the longest that a chained role session may last.
	sessionTime = time.Hour
	// expiryWindow is how long before its end a session is renewed; the jitter
	// keeps the renewals of many connections apart.
	expiryWindow = 5 * time.Minute
	expiryJitter = 0.5
	// maxSessionName is what STS accepts.
	maxSessionName = 64
	// maxIdle is how many idle connections to a host are kept: as many as a
	// fetcher may have objects in flight.
	maxIdle = 4096
)

// Cache gives every connection its AWS configuration and keeps one session for
// each role, so that STS is asked about once an hour for a role, however many
// pollers and fetchers use it. It grows with the number of distinct roles in
// the configuration. It is safe for concurrent use.
type Cache struct {
	log *slog.Logger

	mu       sync.Mutex
	base     *aws.Config
	sessions map[identity]*aws.CredentialsCache
}

// identity is what makes two role sessions the same.
type identity struct {
	role, externalID, session, tokenFile, region string
}

// New returns an empty cache. Nothing is read or called until it is used.
func New(log *slog.Logger) *Cache {
	return &Cache{log: log, sessions: map[identity]*aws.CredentialsCache{}}
}

// Config returns the configuration with which the connection calls AWS in the
// region; an empty region stands for the connection's, then the environment's.
// It calls nothing: the role is assumed by the first request that needs it,
// and the error of that request names the connection, the role and what to
// check. An error here says what is wrong with the connection's settings.
func (c *Cache) Config(ctx context.Context, conn connection.Connection, region string) (aws.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cfg, err := c.baseLocked(ctx)
	if err != nil {
		return aws.Config{}, fmt.Errorf("connection %s: %w", conn.Name, err)
	}
	for _, r := range []string{conn.Region, region} {
		if r != "" {
			cfg.Region = r
		}
	}
	if cfg.Region == "" {
		return aws.Config{}, fmt.Errorf("connection %s: the AWS region is unknown: set region in the connection", conn.Name)
	}
	if conn.RoleARN == "" {
		if conn.WebIdentityTokenFile != "" {
			return aws.Config{}, fmt.Errorf("connection %s: web_identity_token_file needs a role_arn", conn.Name)
		}
		return cfg, nil
	}
	if err := onePartition(conn.RoleARN, cfg.Region); err != nil {
		return aws.Config{}, fmt.Errorf("connection %s: %w", conn.Name, err)
	}
	cfg.Credentials = c.sessionLocked(cfg, conn)
	return cfg, nil
}

// baseLocked loads the default chain once and returns a copy to change.
func (c *Cache) baseLocked(ctx context.Context) (aws.Config, error) {
	if c.base == nil {
		cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(transport()), config.WithLogger(c.sdkLog()))
		if err != nil {
			return aws.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
		}
		cfg.Credentials = &base{cfg.Credentials}
		c.base = &cfg
	}
	return c.base.Copy(), nil
}

// sdkLog passes what the SDK says on: it is about details of its own, and an
// error tells what matters.
func (c *Cache) sdkLog() logging.Logger {
	return logging.LoggerFunc(func(_ logging.Classification, format string, args ...any) {
		c.log.Debug("the AWS SDK says", "text", fmt.Sprintf(format, args...))
	})
}

// transport returns the HTTP client that all clients share, with their
// connections. The SDK's own keeps 10 idle connections a host, too few for the
// many small objects that are read at a time.
func transport() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns = 0 // those to a host are bounded
		t.MaxIdleConnsPerHost = maxIdle
	})
}

// sessionLocked returns the credentials of the connection's role, from the
// session that all connections with the same identity share.
func (c *Cache) sessionLocked(cfg aws.Config, conn connection.Connection) aws.CredentialsProvider {
	id := identity{conn.RoleARN, conn.ExternalID, sessionName(conn), conn.WebIdentityTokenFile, cfg.Region}
	session := c.sessions[id]
	if session == nil {
		session = aws.NewCredentialsCache(assume(cfg, id), func(o *aws.CredentialsCacheOptions) {
			o.ExpiryWindow = expiryWindow
			o.ExpiryWindowJitterFrac = expiryJitter
		})
		c.sessions[id] = session
		c.log.Debug("role session prepared", "connection", conn.Name, "role", conn.RoleARN, "region", cfg.Region)
	}
	return &explained{session, conn}
}

// assume returns the provider that asks the STS of the region for the role.
func assume(cfg aws.Config, id identity) aws.CredentialsProvider {
	client := sts.NewFromConfig(cfg) // regional: opt-in regions refuse global tokens
	if id.tokenFile != "" {
		return stscreds.NewWebIdentityRoleProvider(client, id.role, stscreds.IdentityTokenFile(id.tokenFile),
			func(o *stscreds.WebIdentityRoleOptions) {
				o.RoleSessionName = id.session
				o.Duration = sessionTime
			})
	}
	return stscreds.NewAssumeRoleProvider(client, id.role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = id.session
		o.Duration = sessionTime
		if id.externalID != "" {
			o.ExternalID = &id.externalID
		}
	})
}

func sessionName(conn connection.Connection) string {
	name := conn.SessionName
	if name == "" {
		name = "logferry-" + conn.Name
	}
	return name[:min(len(name), maxSessionName)]
}

// onePartition checks that the role can be used in the region: roles and
// regions of different partitions never meet.
func onePartition(role, region string) error {
	a, err := arn.Parse(role)
	if err != nil || a.Service != "iam" {
		return fmt.Errorf("role_arn %q is no role ARN: want arn:<partition>:iam::<account>:role/<name>", role)
	}
	if p := connection.Partition(region); a.Partition != p {
		return fmt.Errorf("role %s is of partition %s but region %s is of partition %s: a role cannot be used across partitions",
			role, a.Partition, region, p)
	}
	return nil
}
