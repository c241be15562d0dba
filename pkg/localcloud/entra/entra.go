// Package entra is a stand-in of Microsoft Entra ID: it issues access tokens
// for client secrets and client assertions, and knows its own tokens again.
package entra

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/internal/jwt"
)

// FederatedAudience is whom the assertions of other issuers are for.
const FederatedAudience = "api://AzureADTokenExchange"

// maxRequest bounds the body of a call.
const maxRequest = 1 << 20

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Options configures a [Server]. URL and Faults are required.
type Options struct {
	// URL is where the stand-in is reached.
	URL     string
	Clients []Client
	// Lifetime is how long tokens are good for; 0: an hour.
	Lifetime time.Duration
	Faults   *inject.Table
}

// Client is an application that can get tokens.
type Client struct {
	TenantID string
	ClientID string
	Secret   string
}

// Server is the stand-in, an [http.Handler].
type Server struct {
	options Options
	handler http.Handler

	mu  sync.Mutex
	key []byte // signs the tokens
}

// New returns a Server that knows the clients.
func New(o Options) *Server {
	if o.Lifetime == 0 {
		o.Lifetime = time.Hour
	}
	s := &Server{options: o, key: []byte(rand.Text())}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.serveToken)
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.serveConfiguration)
	mux.HandleFunc("GET /common/discovery/instance", s.serveInstance)
	s.handler = mux
	return s
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Revoke makes every token issued so far worthless.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = []byte(rand.Text())
}

func (s *Server) signingKey() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// Verify checks that token was issued here for that audience and is good now.
func (s *Server) Verify(token, audience string) error {
	claims, err := jwt.Verify(token, s.signingKey())
	if err != nil {
		return err
	}
	if claims.Expired(time.Now()) {
		return errors.New("the token has expired")
	}
	sameAudience := func(a string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(audience, "/") }
	if !slices.ContainsFunc(claims.Audience, sameAudience) {
		return fmt.Errorf("the token is for %v, not for %s", claims.Audience, audience)
	}
	return nil
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		refuse(w, failure(http.StatusBadRequest, "invalid_request", "AADSTS900144: %v", err))
		return
	}
	tenant := r.PathValue("tenant")
	call := inject.Call{Service: inject.Entra, Operation: "Token", Resource: tenant + "/" + r.PostForm.Get("client_id")}
	inject.Serve(w, r, s.options.Faults.Next(call), func(w http.ResponseWriter, r *http.Request) {
		token, fault := s.token(tenant, r)
		if fault.IsError() {
			refuse(w, fault)
			return
		}
		seconds := int(s.options.Lifetime.Seconds())
		writeJSON(w, http.StatusOK, map[string]any{
			"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
		})
	}, refuse)
}

// token checks who asks and issues a token.
func (s *Server) token(tenant string, r *http.Request) (string, inject.Fault) {
	form := r.PostForm
	if form.Get("grant_type") != "client_credentials" {
		return "", failure(http.StatusBadRequest, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type %q.", form.Get("grant_type"))
	}
	id := form.Get("client_id")
	i := slices.IndexFunc(s.options.Clients, func(c Client) bool { return c.TenantID == tenant && c.ClientID == id })
	if i < 0 {
		return "", failure(http.StatusBadRequest, "unauthorized_client", "AADSTS700016: Application with identifier '%s' was not found in the directory '%s'.", id, tenant)
	}
	if assertion := form.Get("client_assertion"); assertion != "" {
		if f := s.checkAssertion(tenant, form.Get("client_assertion_type"), assertion); f.IsError() {
			return "", f
		}
	} else if form.Get("client_secret") != s.options.Clients[i].Secret {
		return "", failure(http.StatusUnauthorized, "invalid_client", "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", id)
	}
	audience := ""
	for scope := range strings.FieldsSeq(form.Get("scope")) { // clients add openid and the like
		if resource, ok := strings.CutSuffix(scope, "/.default"); ok {
			audience = resource
		}
	}
	if audience == "" {
		return "", failure(http.StatusBadRequest, "invalid_scope", "AADSTS1002012: The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.", form.Get("scope"))
	}
	now := time.Now()
	token, err := jwt.Sign(jwt.Claims{
		Issuer: "https://sts.windows.net/" + tenant + "/", Subject: id, Audience: jwt.Audience{audience}, TenantID: tenant,
		AppID: id, IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(s.options.Lifetime).Unix(), ID: rand.Text(),
	}, s.signingKey())
	if err != nil {
		return "", failure(http.StatusInternalServerError, "server_error", "%v", err)
	}
	return token, inject.Fault{}
}

// checkAssertion looks at what an assertion says and not at its signature: it
// comes from a certificate's key or another issuer, whose keys are not known
// here.
func (s *Server) checkAssertion(tenant, kind, assertion string) inject.Fault {
	claims, err := jwt.Read(assertion)
	if err != nil || kind != assertionType {
		return failure(http.StatusUnauthorized, "invalid_client", "AADSTS50027: JWT token is invalid or malformed.")
	}
	if claims.Expired(time.Now()) {
		return failure(http.StatusUnauthorized, "invalid_client", "AADSTS700024: Client assertion is not within its valid time range.")
	}
	for _, audience := range claims.Audience {
		if audience == FederatedAudience || audience == s.tokenURL(tenant) {
			return inject.Fault{}
		}
	}
	return failure(http.StatusUnauthorized, "invalid_client", "AADSTS700212: No matching federated identity record found for presented assertion audience '%s'.", strings.Join(claims.Audience, " "))
}

func (s *Server) tokenURL(tenant string) string {
	return s.options.URL + "/" + tenant + "/oauth2/v2.0/token"
}

func (s *Server) serveConfiguration(w http.ResponseWriter, r *http.Request) {
	tenant := r.PathValue("tenant")
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                s.options.URL + "/" + tenant + "/v2.0",
		"authorization_endpoint":                s.options.URL + "/" + tenant + "/oauth2/v2.0/authorize",
		"token_endpoint":                        s.tokenURL(tenant),
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"response_types_supported":              []string{"code", "id_token"},
	})
}

// serveInstance tells clients that have no host of their own to trust that
// this one is an authority.
func (s *Server) serveInstance(w http.ResponseWriter, _ *http.Request) {
	host := strings.TrimPrefix(s.options.URL, "https://")
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": s.options.URL + "/common/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []any{map[string]any{
			"preferred_network": host, "preferred_cache": host, "aliases": []string{host},
		}},
	})
}

func failure(status int, code, format string, args ...any) inject.Fault {
	return inject.Fault{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// refuse answers with an error in the shape of OAuth.
func refuse(w http.ResponseWriter, f inject.Fault) {
	if f.Code == "" {
		f.Code = "temporarily_unavailable"
	}
	writeJSON(w, f.Status, map[string]any{
		"error": f.Code, "error_description": f.Message, "error_codes": []int{},
		"timestamp": time.Now().UTC().Format("2006-01-02 15:04:05Z"), "trace_id": rand.Text(), "correlation_id": rand.Text(),
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
