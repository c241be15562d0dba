// Package sts is a stand-in of AWS STS: it issues sessions for the roles it is
// told of, and only to callers that present the right external ID or token.
package sts

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/internal/jwt"
)

// ContentType is how the content type of a call to STS begins.
const ContentType = "application/x-www-form-urlencoded"

// maxRequest bounds the body of a call.
const maxRequest = 1 << 20

// Issuer is who issues the tokens of GetWebIdentityToken.
const Issuer = "https://local.tokens.sts.global.api.aws"

// Options configures a [Server]. All fields but Roles are required.
type Options struct {
	Account string
	// AccessKeyID is the id of the static key.
	AccessKeyID string
	Roles       []Role
	Faults      *inject.Table
}

// Role is a role and who may assume it.
type Role struct {
	ARN string
	// ExternalID must be presented to AssumeRole; empty: none is needed.
	ExternalID string
	// Audience is the audience that the token of AssumeRoleWithWebIdentity
	// must be for; empty: the role trusts no tokens. Subject, unless it is
	// empty, must be the token's.
	Audience, Subject string
	// MaxSession is the longest session; 0: an hour.
	MaxSession time.Duration
}

// Refuse writes an error in the shape of a service.
type Refuse = func(w http.ResponseWriter, f inject.Fault)

// session is an access key and who it stands for. The static key has no token
// and no end.
type session struct {
	arn     string
	token   string
	expires time.Time
}

// Server is the stand-in, an [http.Handler].
type Server struct {
	options Options
	key     []byte // signs the web identity tokens

	mu       sync.Mutex
	sessions map[string]session
}

// New returns a Server that knows the static key and the roles.
func New(o Options) *Server {
	s := &Server{options: o, key: []byte(rand.Text()), sessions: map[string]session{}}
	s.sessions[o.AccessKeyID] = session{arn: "arn:aws:iam::" + o.Account + ":user/local"}
	return s
}

// ExpireSessions ends all sessions that were issued.
func (s *Server) ExpireSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, session := range s.sessions {
		if session.token != "" {
			session.expires = time.Now()
			s.sessions[id] = session
		}
	}
}

var credential = regexp.MustCompile(`Credential=([^/,\s]+)/`)

// Authenticate checks that a call is signed by a known key that has not
// expired; it does not verify the signature. It returns the error to answer
// with, or no fault.
func (s *Server) Authenticate(r *http.Request) inject.Fault {
	_, fault := s.caller(r)
	return fault
}

// Account returns the account of the caller, who is authenticated as by
// [Server.Authenticate].
func (s *Server) Account(r *http.Request) (string, inject.Fault) {
	caller, fault := s.caller(r)
	account, _ := split(caller.arn)
	return account, fault
}

func (s *Server) caller(r *http.Request) (session, inject.Fault) {
	match := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if match == nil {
		return session{}, denied("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.sessions[match[1]]
	if !ok || known.token != r.Header.Get("X-Amz-Security-Token") {
		return session{}, denied("InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	if known.token != "" && !time.Now().Before(known.expires) {
		return session{}, denied("ExpiredToken", "The security token included in the request is expired")
	}
	return known, inject.Fault{}
}

func denied(code, format string, args ...any) inject.Fault {
	return inject.Fault{Status: http.StatusForbidden, Code: code, Message: fmt.Sprintf(format, args...)}
}

func invalid(code, format string, args ...any) inject.Fault {
	return inject.Fault{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		refuse(w, invalid("MalformedQueryString", "%v", err))
		return
	}
	call := inject.Call{Service: inject.STS, Operation: r.PostForm.Get("Action"), Resource: r.PostForm.Get("RoleArn")}
	inject.Serve(w, r, s.options.Faults.Next(call), func(w http.ResponseWriter, r *http.Request) {
		result, fault := s.do(r, call.Operation)
		if fault.IsError() {
			refuse(w, fault)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		_ = xml.NewEncoder(w).Encode(response{
			XMLName: xml.Name{Space: namespace, Local: call.Operation + "Response"},
			Result:  result, RequestID: "00000000-0000-4000-8000-000000000001",
		})
	}, refuse)
}

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

type response struct {
	XMLName   xml.Name
	Result    any
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

func refuse(w http.ResponseWriter, f inject.Fault) {
	if f.Code == "" {
		f.Code = "InternalFailure"
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(f.Status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
		Type      string   `xml:"Error>Type"`
		Code      string   `xml:"Error>Code"`
		Message   string   `xml:"Error>Message"`
		RequestID string   `xml:"RequestId"`
	}{Type: "Sender", Code: f.Code, Message: f.Message, RequestID: "00000000-0000-4000-8000-000000000001"})
}

func (s *Server) do(r *http.Request, action string) (any, inject.Fault) {
	if action == "AssumeRoleWithWebIdentity" { // the one call that is not signed
		return s.assumeWithToken(r.PostForm)
	}
	caller, fault := s.caller(r)
	if fault.IsError() {
		return nil, fault
	}
	switch action {
	case "AssumeRole":
		return s.assume(caller, r.PostForm)
	case "GetCallerIdentity":
		return identity(caller), inject.Fault{}
	case "GetWebIdentityToken":
		return s.webIdentityToken(caller, r.PostForm)
	}
	return nil, invalid("InvalidAction", "Could not find operation %s for version 2011-06-15", action)
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRole struct {
	XMLName     xml.Name
	Credentials credentials
	ID          string `xml:"AssumedRoleUser>AssumedRoleId"`
	ARN         string `xml:"AssumedRoleUser>Arn"`
	Audience    string `xml:",omitempty"`
	Provider    string `xml:",omitempty"`
	Subject     string `xml:"SubjectFromWebIdentityToken,omitempty"`
}

func (s *Server) assume(caller session, form url.Values) (any, inject.Fault) {
	role, ok := s.role(form.Get("RoleArn"))
	if !ok || role.ExternalID != "" && role.ExternalID != form.Get("ExternalId") {
		return nil, denied("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", caller.arn, form.Get("RoleArn"))
	}
	return s.issue(role, form, "AssumeRoleResult")
}

func (s *Server) assumeWithToken(form url.Values) (any, inject.Fault) {
	claims, err := jwt.Read(form.Get("WebIdentityToken"))
	if err != nil {
		return nil, invalid("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider: %v", err)
	}
	if claims.Expired(time.Now()) {
		return nil, invalid("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time")
	}
	role, ok := s.role(form.Get("RoleArn"))
	if !ok || role.Audience == "" || role.Subject != "" && role.Subject != claims.Subject {
		return nil, denied("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	if len(claims.Audience) != 1 || claims.Audience[0] != role.Audience {
		return nil, invalid("InvalidIdentityToken", "Incorrect token audience")
	}
	result, fault := s.issue(role, form, "AssumeRoleWithWebIdentityResult")
	result.Audience, result.Provider, result.Subject = role.Audience, claims.Issuer, claims.Subject
	return result, fault
}

func (s *Server) role(arn string) (Role, bool) {
	for _, r := range s.options.Roles {
		if r.ARN == arn {
			return r, true
		}
	}
	return Role{}, false
}

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// issue makes a session of the role.
func (s *Server) issue(role Role, form url.Values, result string) (assumedRole, inject.Fault) {
	name := form.Get("RoleSessionName")
	if !sessionName.MatchString(name) {
		return assumedRole{}, invalid("ValidationError", `1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`, name)
	}
	limit := role.MaxSession
	if limit == 0 {
		limit = time.Hour
	}
	length, fault := duration(form.Get("DurationSeconds"), time.Hour, 15*time.Minute, limit)
	if fault.IsError() {
		return assumedRole{}, fault
	}
	account, roleName := split(role.ARN)
	issued := session{
		arn:     "arn:aws:sts::" + account + ":assumed-role/" + roleName + "/" + name,
		token:   "IQoJb3JpZ2luX2VjE" + rand.Text() + rand.Text(),
		expires: time.Now().Add(length).Truncate(time.Second),
	}
	id := "ASIA" + random(16)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked()
	s.sessions[id] = issued
	return assumedRole{
		XMLName: xml.Name{Local: result}, ID: "AROA" + random(17) + ":" + name, ARN: issued.arn,
		Credentials: credentials{id, rand.Text(), issued.token, issued.expires.UTC().Format(time.RFC3339)},
	}, inject.Fault{}
}

// forgetLocked drops the sessions that have been over for an hour, so that a
// long run does not pile them up.
func (s *Server) forgetLocked() {
	for id, session := range s.sessions {
		if session.token != "" && time.Since(session.expires) > time.Hour {
			delete(s.sessions, id)
		}
	}
}

// duration reads a number of seconds between two bounds.
func duration(text string, preset, shortest, longest time.Duration) (time.Duration, inject.Fault) {
	if text == "" {
		return min(preset, longest), inject.Fault{}
	}
	seconds, err := strconv.Atoi(text)
	d := time.Duration(seconds) * time.Second
	if err != nil || d < shortest || d > 12*time.Hour {
		return 0, invalid("ValidationError", "1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint", text)
	}
	if d > longest {
		return 0, invalid("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return d, inject.Fault{}
}

// split returns the account and the name of a role's ARN.
func split(arn string) (account, name string) {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		account = parts[4]
	}
	return account, arn[strings.LastIndexByte(arn, '/')+1:]
}

func random(n int) string { return rand.Text()[:n] }

type callerIdentity struct {
	XMLName xml.Name `xml:"GetCallerIdentityResult"`
	ARN     string   `xml:"Arn"`
	UserID  string   `xml:"UserId"`
	Account string
}

func identity(caller session) callerIdentity {
	account, name := split(caller.arn)
	id := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(name))
	return callerIdentity{ARN: caller.arn, UserID: "AIDA" + id, Account: account}
}

type webIdentityToken struct {
	XMLName    xml.Name `xml:"GetWebIdentityTokenResult"`
	Token      string   `xml:"WebIdentityToken"`
	Expiration string
}

// webIdentityToken issues a token that names the caller to others.
func (s *Server) webIdentityToken(caller session, form url.Values) (any, inject.Fault) {
	var audience jwt.Audience
	for i := 1; form.Has("Audience.member." + strconv.Itoa(i)); i++ {
		audience = append(audience, form.Get("Audience.member."+strconv.Itoa(i)))
	}
	algorithm := form.Get("SigningAlgorithm")
	if len(audience) == 0 || algorithm != "RS256" && algorithm != "ES384" {
		return nil, invalid("ValidationError", "Audience and SigningAlgorithm (RS256 or ES384) are required.")
	}
	length, fault := duration(form.Get("DurationSeconds"), 5*time.Minute, time.Minute, time.Hour)
	if fault.IsError() {
		return nil, fault
	}
	now := time.Now()
	token, err := jwt.Sign(jwt.Claims{
		Issuer: Issuer, Subject: caller.arn, Audience: audience, ID: rand.Text(),
		IssuedAt: now.Unix(), Expires: now.Add(length).Unix(),
	}, s.key)
	if err != nil {
		return nil, inject.Fault{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()}
	}
	return webIdentityToken{Token: token, Expiration: now.Add(length).UTC().Format(time.RFC3339)}, inject.Fault{}
}
