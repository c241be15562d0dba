package azure

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/ingestion/azlogs"

	"github.com/logferry/logferry/pkg/connection"
)

// trialTime bounds one try, with the token it may need.
const trialTime = 30 * time.Second

// Trial makes calls to a destination that carry no rows, with the credentials
// and in the way that a sink makes its own: what a trial is refused, rows are
// refused too. It is safe for concurrent use.
type Trial struct {
	client    *client
	cloud     cloud.Configuration
	transport policy.Transporter
	endpoint  string
}

// NewTrial readies a trial. It makes no call. An error names the key of the
// destination that is wrong. Close it.
func NewTrial(d connection.Destination, credentials *Credentials, version string) (*Trial, error) {
	c, err := newClient(d, Options{Calls: 1, Credentials: credentials, Version: version})
	if err != nil {
		return nil, err
	}
	azure, err := cloudOf(d)
	if err != nil {
		return nil, err
	}
	return &Trial{client: c, cloud: azure, transport: c.http, endpoint: d.Endpoint}, nil
}

// Close ends the trial's connections.
func (t *Trial) Close() { t.client.close() }

// Refusal is the answer to a call that the service does not take, or the lack
// of one. Its text is what the service said.
type Refusal struct {
	// Status and Code are the service's own; 0 and empty: there was no answer.
	Status int
	Code   string
	// Advice is what to do about it, empty when it may pass by itself.
	Advice string
	// ID is the request id that the call carried.
	ID  string
	err error
}

func (r *Refusal) Error() string { return r.err.Error() }
func (r *Refusal) Unwrap() error { return r.err }

// Post posts an empty list of rows. It returns nil when token, role, rule and
// stream are right, else a [*Refusal].
func (t *Trial) Post(ctx context.Context, rule, stream string) error {
	body, err := t.client.compress(nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	id := rand.Text()
	err = t.client.post(ctx, rule, stream, id, body)
	v := judge(err)
	if v.step == accepted {
		return nil
	}
	refused := &Refusal{Advice: v.advice, ID: id, err: v.err}
	if answer, ok := errors.AsType[*azcore.ResponseError](err); ok {
		refused.Status, refused.Code = answer.StatusCode, answer.ErrorCode
	}
	return refused
}

// Token gets a token for the ingestion of logs. It returns nil for the
// credential kind none, too.
func (t *Trial) Token(ctx context.Context) error {
	if t.client.identity == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	scope := t.cloud.Services[azlogs.ServiceNameIngestion].Audience + "/.default" // as the SDK has it
	_, err := t.client.identity.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	return err
}

// Login returns the address of the login host, empty for the credential kind
// none.
func (t *Trial) Login() string {
	if t.client.identity == nil {
		return ""
	}
	return t.cloud.ActiveDirectoryAuthorityHost
}

// Reach calls an address without a token and returns the time that the answer
// tells, whatever else it says; the zero time when it tells none.
func (t *Trial) Reach(ctx context.Context, address string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("call %s: %w", address, err)
	}
	answer, err := t.transport.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	answer.Body.Close()
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil
	}
	return at, nil
}

// Manager returns what a client of Azure Resource Manager needs to call it as
// the destination's identity: its credential, nil for the kind none, and
// options.
func (t *Trial) Manager() (azcore.TokenCredential, azcore.ClientOptions) {
	options := azcore.ClientOptions{Cloud: t.cloud, Transport: t.transport}
	if t.client.identity == nil {
		return nil, options
	}
	return t.client.identity, options
}

// StreamName returns the name of the stream that a table's rows are posted to.
func StreamName(table string, to connection.Rule) string {
	return cmp.Or(to.Stream, "Custom-Logferry-"+table)
}

// AdviseToken says what to do about the error of [Trial.Token].
func AdviseToken(err error) string {
	for _, known := range []struct{ code, advice string }{
		// Source: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
		{"AADSTS7000215", "the client secret is wrong: write the secret's value, not its id, into client_secret_file"},
		{"AADSTS7000222", "the client secret has expired: make a new one in the app registration and write it into client_secret_file"},
		{"AADSTS700016", "no such application in the tenant: check client_id and tenant_id"},
		{"AADSTS90002", "no such tenant: check tenant_id, and cloud"},
		{"AADSTS700024", "the assertion is too old or too new: see that this machine's clock is right, and that the token is renewed"},
		{"AADSTS700212", "the federated credential has another audience: it must be api://AzureADTokenExchange"},
		{"AADSTS70021", "no federated credential of the application fits: check its issuer and subject"},
		{"AADSTS700027", "the certificate is not known to the application, or has expired: upload it to the app registration"},
	} {
		if strings.Contains(err.Error(), known.code) {
			return known.advice
		}
	}
	return cmp.Or(adviseReach(err), adviseToken)
}
