package azure

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/logferry/logferry/pkg/connection"
)

// Assertion returns a token that AWS signs for this process, for Entra to
// trust (credential kind aws_web_identity). region may be empty. It is given
// by who starts the process, so that this package and the writer need no AWS
// SDK.
type Assertion func(ctx context.Context, region string) (string, error)

// Credentials makes the credentials of a process: one for each identity,
// shared by all who use it. It is safe for concurrent use.
type Credentials struct {
	assertion Assertion

	mu   sync.Mutex
	made map[identityKey]*identity
}

// NewCredentials returns an empty set. assertion may be nil: then the kind
// aws_web_identity is refused.
func NewCredentials(assertion Assertion) *Credentials {
	return &Credentials{assertion: assertion, made: make(map[identityKey]*identity)}
}

// identityKey is all that a credential depends on.
type identityKey struct {
	credential connection.Credential
	authority  string
	caFile     string
}

// identity returns the credential of the destination, nil for the kind none.
// It asks for no token.
func (c *Credentials) identity(d connection.Destination, azure cloud.Configuration) (*identity, error) {
	if d.Credential.Kind == connection.CredentialNone {
		return nil, nil
	}
	key := identityKey{d.Credential, azure.ActiveDirectoryAuthorityHost, d.CAFile}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, ok := c.made[key]; ok {
		return id, nil
	}
	doer, err := newHTTP(d.CAFile, 2)
	if err != nil {
		return nil, err
	}
	options := azcore.ClientOptions{Cloud: azure, Transport: doer}
	id := &identity{build: func() (azcore.TokenCredential, error) { return c.build(d.Credential, options) }}
	if id.now, err = id.build(); err != nil {
		return nil, fmt.Errorf("credential.%w", err)
	}
	c.made[key] = id
	return id, nil
}

// build makes the credential anew, without any cached token. An error begins
// with the key that is wrong.
func (c *Credentials) build(k connection.Credential, o azcore.ClientOptions) (azcore.TokenCredential, error) {
	private := k.AuthorityHost != "" // then the public list of clouds knows nothing of it
	switch k.Kind {
	case "", connection.CredentialDefault:
		cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: o, TenantID: k.TenantID, DisableInstanceDiscovery: private})
		return of(cred, err)
	case connection.CredentialManagedIdentity:
		options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o}
		if k.ClientID != "" {
			options.ID = azidentity.ClientID(k.ClientID)
		}
		cred, err := azidentity.NewManagedIdentityCredential(options)
		return of(cred, err)
	case connection.CredentialWorkloadIdentity:
		cred, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: o, TenantID: k.TenantID, ClientID: k.ClientID, TokenFilePath: k.TokenFile, DisableInstanceDiscovery: private})
		return of(cred, err)
	case connection.CredentialClientSecret:
		secret, err := clientSecret(k)
		if err != nil {
			return nil, fmt.Errorf("client_secret_file: %w", err)
		}
		cred, err := azidentity.NewClientSecretCredential(k.TenantID, k.ClientID, secret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: private})
		return of(cred, err)
	case connection.CredentialClientCertificate:
		chain, key, err := certificate(k)
		if err != nil {
			return nil, fmt.Errorf("certificate_file: %w", err)
		}
		cred, err := azidentity.NewClientCertificateCredential(k.TenantID, k.ClientID, chain, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: o, SendCertificateChain: true, DisableInstanceDiscovery: private})
		return of(cred, err)
	case connection.CredentialAWSWebIdentity:
		if c.assertion == nil {
			return nil, errors.New("kind: aws_web_identity needs a process that has the AWS SDK, such as the logferry command")
		}
		cred, err := azidentity.NewClientAssertionCredential(k.TenantID, k.ClientID,
			func(ctx context.Context) (string, error) { return c.assertion(ctx, k.AWSRegion) },
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: private})
		return of(cred, err)
	}
	return nil, fmt.Errorf("kind: %q is no kind of credential", k.Kind)
}

// of gives a credential that may be nil the type of the interface, and its
// error the key it belongs to.
func of(cred azcore.TokenCredential, err error) (azcore.TokenCredential, error) {
	if err != nil {
		return nil, fmt.Errorf("kind: %w", err)
	}
	return cred, nil
}

// clientSecret reads the secret from its file or the environment, each time
// anew: a secret that was rotated is found.
func clientSecret(k connection.Credential) (string, error) {
	if k.ClientSecretFile == "" {
		if secret := os.Getenv("AZURE_CLIENT_SECRET"); secret != "" {
			return secret, nil
		}
		return "", errors.New("neither it nor the environment's AZURE_CLIENT_SECRET is set")
	}
	return readLine(k.ClientSecretFile)
}

func certificate(k connection.Credential) ([]*x509.Certificate, any, error) {
	data, err := os.ReadFile(k.CertificateFile)
	if err != nil {
		return nil, nil, err
	}
	var password string
	if k.CertificatePasswordFile != "" {
		if password, err = readLine(k.CertificatePasswordFile); err != nil {
			return nil, nil, err
		}
	}
	return azidentity.ParseCertificates(data, []byte(password))
}

// readLine returns the file's text without the line end that editors leave.
func readLine(file string) (string, error) {
	text, err := os.ReadFile(file)
	return strings.TrimRight(string(text), "\r\n"), err
}

// identity is a credential that can be made anew, to be rid of a token that
// the service refuses. It implements azcore.TokenCredential.
type identity struct {
	build func() (azcore.TokenCredential, error)

	mu      sync.Mutex
	now     azcore.TokenCredential
	renewed time.Time
}

// tokenTimeout is how long a call waits for its token. Nothing is sent till
// then, so that giving up costs nothing.
const tokenTimeout = 60 * time.Second

// tokenError says that there is no token, so that no call was made.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "get token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// GetToken implements azcore.TokenCredential.
func (i *identity) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	i.mu.Lock()
	cred := i.now
	i.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	token, err := cred.GetToken(ctx, o)
	if err != nil {
		return token, &tokenError{err}
	}
	return token, nil
}

// renew makes the credential anew, at most every half minute however many
// calls ask for it. When it cannot be made, the old one stays.
func (i *identity) renew(at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if at.Sub(i.renewed) < minSlow {
		return
	}
	i.renewed = at
	if cred, err := i.build(); err == nil {
		i.now = cred
	}
}
